import type { Clock } from './clock.ts'

/** One timer that can be moved: `ring` is called once, at or after the time set last. */
export class Alarm {
  readonly #clock: Clock
  readonly #ring: () => void
  #at: number | undefined
  #sleeping: AbortController | undefined

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock
    this.#ring = ring
  }

  /** `undefined` silences it. */
  set(at: number | undefined): void {
    if (at === this.#at) return
    this.#sleeping?.abort('moved')
    this.#sleeping = undefined
    this.#at = at
    if (at !== undefined) void this.#sleep(at)
  }

  async #sleep(at: number): Promise<void> {
    const sleeping = new AbortController()
    this.#sleeping = sleeping
    try {
      await this.#clock.sleep(Math.max(0, at - this.#clock.now()), { signal: sleeping.signal })
    } catch {
      return // moved
    }
    if (this.#sleeping !== sleeping) return // moved in the turn in which it woke
    this.#at = undefined
    this.#sleeping = undefined
    this.#ring()
  }
}
