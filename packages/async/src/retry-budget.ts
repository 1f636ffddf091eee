import { checkMs, checkPositive } from './check.ts'
import { type Clock, systemClock } from './clock.ts'

export interface RetryBudgetOptions {
  /** Retries that each call brings. Default 0.2: a service that fails whole gets a fifth more work from its callers, not several times as much. */
  readonly ratio?: number | undefined
  /** Retries beside those, so that who calls seldom can retry. Default 10. */
  readonly minPerSecond?: number | undefined
  /** The span over which calls and retries are counted, moved on by tenths. Default 10 000. */
  readonly windowMs?: number | undefined
  readonly clock?: Clock | undefined
}

const SLICES = 10

/**
 * What many calls of `retry` may retry between them, so that retries do not make a storm of an outage.
 * Invariant: retries within the window <= ratio x calls within it + minPerSecond x its length, whenever a retry is granted.
 * Cost: O(1). Source: the retry budgets of Finagle and tower, whose defaults these are; theirs is a balance, this is a count.
 */
export class RetryBudget {
  readonly #ratio: number
  readonly #reserve: number
  readonly #sliceMs: number
  readonly #clock: Clock
  readonly #slices = Array.from({ length: SLICES }, () => ({ calls: 0, retries: 0 }))
  #slice: number

  /** Errors: RangeError unless `ratio` and `minPerSecond` are finite numbers >= 0 and `windowMs` is one > 0. */
  constructor({ ratio = 0.2, minPerSecond = 10, windowMs = 10_000, clock = systemClock }: RetryBudgetOptions = {}) {
    checkMs('ratio', ratio)
    checkMs('minPerSecond', minPerSecond)
    checkPositive('windowMs', windowMs)
    this.#ratio = ratio
    this.#reserve = (minPerSecond * windowMs) / 1_000
    this.#sliceMs = windowMs / SLICES
    this.#clock = clock
    this.#slice = Math.floor(clock.now() / this.#sliceMs)
  }

  /** A call begins. */
  deposit(): void {
    this.#current().calls++
  }

  /** True if the call may retry, which then counts. */
  tryWithdraw(): boolean {
    const current = this.#current()
    let allowed = this.#reserve
    let calls = 0
    for (const slice of this.#slices) {
      calls += slice.calls
      allowed -= slice.retries
    }
    if (allowed + this.#ratio * calls < 1) return false
    current.retries++
    return true
  }

  #current(): { calls: number; retries: number } {
    const now = Math.floor(this.#clock.now() / this.#sliceMs)
    for (this.#slice = Math.max(this.#slice, now - SLICES); this.#slice < now; )
      this.#slices[++this.#slice % SLICES] = { calls: 0, retries: 0 }
    return this.#slices[now % SLICES] as { calls: number; retries: number }
  }
}
