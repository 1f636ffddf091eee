import type { Waiting } from './abort.ts'
import { checkMs } from './check.ts'
import { type Clock, systemClock } from './clock.ts'
import { Line, type Passage } from './line.ts'

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
  readonly #line: Line<undefined>
  #intervalMs: number
  #lastStart = Number.NEGATIVE_INFINITY
  #notBefore = Number.NEGATIVE_INFINITY

  /** Errors: RangeError unless `intervalMs` is a finite number >= 0. */
  constructor({ intervalMs, clock = systemClock }: PacerOptions) {
    checkMs('intervalMs', intervalMs)
    this.#intervalMs = intervalMs
    this.#clock = clock
    const dueAt = () => Math.max(this.#lastStart + this.#intervalMs, this.#notBefore)
    const pass = (_: undefined, now: number) => {
      this.#lastStart = now
    }
    this.#line = new Line({ dueAt, pass }, clock)
  }

  get intervalMs(): number {
    return this.#intervalMs
  }

  /** Counts from the last start, also for those who wait already. */
  set intervalMs(intervalMs: number) {
    checkMs('intervalMs', intervalMs)
    this.#intervalMs = intervalMs
    this.#line.serve()
  }

  /** No start within the next `ms`; never brings one forward. */
  defer(ms: number): void {
    checkMs('ms', ms)
    this.#notBefore = Math.max(this.#notBefore, this.#clock.now() + ms)
  }

  /** Resolves when the caller may start. Cancel safety: yes; a cancelled wait uses no start up. */
  wait({ signal }: Waiting = {}): Promise<void> {
    return this.#line.pass(undefined, signal)
  }

  /**
   * Starts if the interval is over and nobody waits; `retryInMs` is exact when nobody waits, and else too short rather than
   * too long.
   */
  tryStart(): Passage {
    return this.#line.tryPass(undefined)
  }
}
