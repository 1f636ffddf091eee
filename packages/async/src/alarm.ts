import type { Clock } from './clock.ts'

/** One timer that can be moved: `ring` is called once, at or after the time set last. */
export class Alarm {
  readonly #clock: Clock
  readonly #ring: () => void
  #at: number | undefined
  #unschedule: (() => void) | undefined

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock
    this.#ring = () => {
      this.#at = undefined
      this.#unschedule = undefined
      ring()
    }
  }

  /** `undefined` silences it. */
  set(at: number | undefined): void {
    if (at === this.#at) return
    this.#unschedule?.()
    this.#at = at
    this.#unschedule = at === undefined ? undefined : this.#clock.schedule(Math.max(0, at - this.#clock.now()), this.#ring)
  }
}
