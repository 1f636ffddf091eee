import type { Waiting } from './abort.ts'
import { Alarm } from './alarm.ts'
import { checkMs } from './check.ts'
import { type Clock, systemClock } from './clock.ts'
import { WaitQueue } from './wait-queue.ts'

export interface PacerOptions {
  readonly intervalMs: number
  readonly clock?: Clock | undefined
}

/**
 * Starts at least an interval apart. Lost-time policy "delay": time in which nobody waited earns nothing, so there is no
 * burst after idling; the first start is free. Order/fairness: FIFO.
 */
export class Pacer {
  readonly #clock: Clock
  readonly #alarm: Alarm
  readonly #waiting = new WaitQueue<undefined, void>()
  #intervalMs: number
  #lastStart = Number.NEGATIVE_INFINITY
  #notBefore = Number.NEGATIVE_INFINITY

  /** Errors: RangeError unless `intervalMs` is a finite number >= 0. */
  constructor({ intervalMs, clock = systemClock }: PacerOptions) {
    checkMs('intervalMs', intervalMs)
    this.#intervalMs = intervalMs
    this.#clock = clock
    this.#alarm = new Alarm(clock, () => this.#serve())
  }

  get intervalMs(): number {
    return this.#intervalMs
  }

  /** Counts from the last start, also for those who wait already. */
  set intervalMs(intervalMs: number) {
    checkMs('intervalMs', intervalMs)
    this.#intervalMs = intervalMs
    this.#serve()
  }

  /** No start within the next `ms`; never brings one forward. */
  defer(ms: number): void {
    checkMs('ms', ms)
    this.#notBefore = Math.max(this.#notBefore, this.#clock.now() + ms)
    this.#serve()
  }

  /** Resolves when the caller may start. Cancel safety: yes; a cancelled wait uses no start up. */
  wait({ signal }: Waiting = {}): Promise<void> {
    const turn = this.#waiting.wait(undefined, signal, () => this.#serve())
    this.#serve()
    return turn
  }

  #serve(): void {
    while (this.#waiting.head !== undefined) {
      const due = Math.max(this.#lastStart + this.#intervalMs, this.#notBefore)
      const now = this.#clock.now()
      if (now < due) {
        this.#alarm.set(due)
        return
      }
      this.#lastStart = now
      this.#waiting.head.resolve()
    }
    this.#alarm.set(undefined)
  }
}
