import type { Waiting } from './abort.ts'
import { checkMs, checkPositive } from './check.ts'
import { type Clock, systemClock } from './clock.ts'
import { type Gate, Line, type Passage } from './line.ts'

/** A mean rate with bursts. `burst` 1 is pacing: takes of one token come an interval apart. */
export interface RateLimit {
  readonly ratePerSecond: number
  /** Tokens the bucket holds; it starts full. */
  readonly burst: number
}

export interface TokenBucketOptions extends RateLimit {
  readonly clock?: Clock | undefined
}

/** Errors: RangeError unless rate and burst are finite numbers > 0. */
export function checkLimit({ ratePerSecond, burst }: RateLimit): void {
  checkPositive('ratePerSecond', ratePerSecond)
  checkPositive('burst', burst)
}

/**
 * A mean rate with bursts. Lost-time policy "burst": unused time fills the bucket up to `burst`.
 * Order/fairness: FIFO; a small take waits behind a big one. Invariant: within any t seconds at most burst + rate x t are taken,
 * of changing limits the largest burst and the mean rate.
 */
export class TokenBucket {
  readonly #clock: Clock
  readonly #tokens: Tokens
  readonly #line: Line<number>

  /** Errors: RangeError unless rate and burst are finite numbers > 0. */
  constructor({ ratePerSecond, burst, clock = systemClock }: TokenBucketOptions) {
    checkLimit({ ratePerSecond, burst })
    this.#clock = clock
    this.#tokens = new Tokens(1_000 / ratePerSecond, burst)
    this.#line = new Line(this.#tokens, clock)
  }

  /** Full, not deferred, waited for by nobody: a new bucket would behave the same. */
  get isIdle(): boolean {
    return this.#line.isEmpty && this.#tokens.dueAt(this.#tokens.burst) <= this.#clock.now()
  }

  /**
   * Waits until the bucket holds `n` tokens (default 1) and takes them.
   * Cancel safety: yes; a cancelled take has taken nothing. Errors: RangeError unless 0 < n <= burst (take more in pieces).
   */
  take(n = 1, { signal }: Waiting = {}): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    try {
      this.#check(n)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#line.pass(n, signal)
  }

  /**
   * Takes `n` tokens (default 1) if the bucket holds them and nobody waits; `retryInMs` is exact when nobody waits, and else
   * too short rather than too long. Errors: RangeError as `take`.
   */
  tryTake(n = 1): Passage {
    this.#check(n)
    return this.#line.tryPass(n)
  }

  /**
   * Changes rate, burst or both, also for those who wait: what has been taken and not come back stays owed and comes back at
   * the new rate from now on. A waiting take that a smaller burst no longer covers waits until the bucket is full.
   * Errors: RangeError unless both are finite numbers > 0.
   */
  setLimit({ ratePerSecond, burst = this.#tokens.burst }: Partial<RateLimit>): void {
    if (ratePerSecond !== undefined) checkPositive('ratePerSecond', ratePerSecond)
    checkPositive('burst', burst)
    this.#tokens.change(ratePerSecond === undefined ? this.#tokens.msPerToken : 1_000 / ratePerSecond, burst, this.#clock.now())
    this.#line.serve()
  }

  /** Nothing is taken within the next `ms`; never brings a take forward. Tokens come all the same. */
  defer(ms: number): void {
    checkMs('ms', ms)
    this.#tokens.defer(this.#clock.now() + ms)
  }

  #check(n: number): void {
    checkPositive('n', n)
    if (n > this.#tokens.burst) throw new RangeError(`Cannot use n: ${n} is not a number <= ${this.#tokens.burst}, the burst`)
  }
}

/**
 * When the bucket will be full again is all its state: one number instead of a level and its date, so nothing is rounded twice.
 * Source: the generic cell rate algorithm, ITU-T I.371.
 */
class Tokens implements Gate<number> {
  msPerToken: number
  burst: number
  #fullAt = Number.NEGATIVE_INFINITY
  #notBefore = Number.NEGATIVE_INFINITY

  constructor(msPerToken: number, burst: number) {
    this.msPerToken = msPerToken
    this.burst = burst
  }

  dueAt(n: number): number {
    return Math.max(this.#fullAt - Math.max(0, this.burst - n) * this.msPerToken, this.#notBefore)
  }

  pass(n: number, now: number): void {
    this.#fullAt = Math.max(this.#fullAt, now) + n * this.msPerToken
  }

  change(msPerToken: number, burst: number, now: number): void {
    this.#fullAt = now + (this.#fullAt - now) * (msPerToken / this.msPerToken)
    this.msPerToken = msPerToken
    this.burst = burst
  }

  defer(until: number): void {
    this.#notBefore = Math.max(this.#notBefore, until)
  }
}
