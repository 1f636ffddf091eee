import type { Waiting } from './abort.ts'
import { Alarm } from './alarm.ts'
import { checkPositive } from './check.ts'
import { type Clock, systemClock } from './clock.ts'
import { WaitQueue } from './wait-queue.ts'

export interface TokenBucketOptions {
  readonly ratePerSecond: number
  /** Tokens the bucket holds; it starts full. */
  readonly burst: number
  readonly clock?: Clock | undefined
}

/**
 * A mean rate with bursts. Lost-time policy "burst": unused time fills the bucket up to `burst`.
 * Order/fairness: FIFO; a small take waits behind a big one. Invariant: within any t seconds at most burst + rate x t are taken.
 */
export class TokenBucket {
  readonly #msPerToken: number
  readonly #burst: number
  readonly #clock: Clock
  readonly #alarm: Alarm
  readonly #waiting = new WaitQueue<number, void>()
  /** When the bucket will be full again. One number instead of a level and its date: nothing is rounded twice. */
  #fullAt = Number.NEGATIVE_INFINITY

  /** Errors: RangeError unless rate and burst are finite numbers > 0. */
  constructor({ ratePerSecond, burst, clock = systemClock }: TokenBucketOptions) {
    checkPositive('ratePerSecond', ratePerSecond)
    checkPositive('burst', burst)
    this.#msPerToken = 1_000 / ratePerSecond
    this.#burst = burst
    this.#clock = clock
    this.#alarm = new Alarm(clock, () => this.#serve())
  }

  /**
   * Waits until the bucket holds `n` tokens and takes them.
   * Cancel safety: yes; a cancelled take has taken nothing. Errors: RangeError unless 0 < n <= burst (take more in pieces).
   */
  async take(n: number, { signal }: Waiting = {}): Promise<void> {
    signal?.throwIfAborted()
    checkPositive('n', n)
    if (n > this.#burst) throw new RangeError(`Cannot use n: ${n} is not a number <= ${this.#burst}, the burst`)
    const turn = this.#waiting.wait(n, signal, () => this.#serve())
    this.#serve()
    await turn
  }

  #serve(): void {
    for (let head = this.#waiting.head; head !== undefined; head = this.#waiting.head) {
      const now = this.#clock.now()
      const due = this.#fullAt - (this.#burst - head.want) * this.#msPerToken
      if (now < due) {
        this.#alarm.set(due)
        return
      }
      this.#fullAt = Math.max(this.#fullAt, now) + head.want * this.#msPerToken
      head.resolve()
    }
    this.#alarm.set(undefined)
  }
}
