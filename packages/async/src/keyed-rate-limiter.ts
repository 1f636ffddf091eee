import type { Waiting } from './abort.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Passage } from './line.ts'
import { SharedTimer } from './shared-timer.ts'
import { checkLimit, type RateLimit, TokenBucket } from './token-bucket.ts'

export interface KeyedRateLimiterOptions extends RateLimit {
  readonly clock?: Clock | undefined
}

/**
 * A TokenBucket per key, made when the key comes up first; one timer for all. Order/fairness: FIFO per key; keys do not touch
 * each other. Lost-time policy: as TokenBucket, so with burst 1 it is "delay".
 * Cost: O(log k) a call that waits, k being the keys waited for; O(1) else. Memory: a key that owes nothing is forgotten as new
 * ones come, so never more than about twice the keys that owed something at one time; what setLimit sets is kept.
 */
export class KeyedRateLimiter<K> {
  readonly #timer: SharedTimer
  readonly #buckets = new Map<K, TokenBucket>()
  readonly #limits = new Map<K, RateLimit>()
  readonly #default: RateLimit
  #hand = this.#buckets.entries()

  /** The limit of every key that has none of its own. Errors: RangeError unless rate and burst are finite numbers > 0. */
  constructor({ ratePerSecond, burst, clock = systemClock }: KeyedRateLimiterOptions) {
    checkLimit({ ratePerSecond, burst })
    this.#default = { ratePerSecond, burst }
    this.#timer = new SharedTimer(clock)
  }

  /** How many keys are remembered, limits of their own not counted. */
  get size(): number {
    return this.#buckets.size
  }

  /** As TokenBucket.take, of the key's bucket. Cancel safety: yes; a cancelled take has taken nothing. */
  take(key: K, n = 1, waiting: Waiting = {}): Promise<void> {
    return this.#bucket(key).take(n, waiting)
  }

  /** As TokenBucket.tryTake, of the key's bucket. */
  tryTake(key: K, n = 1): Passage {
    return this.#bucket(key).tryTake(n)
  }

  /** As TokenBucket.setLimit; without a limit the key has the default again. */
  setLimit(key: K, limit?: RateLimit): void {
    if (limit === undefined) this.#limits.delete(key)
    else {
      checkLimit(limit)
      this.#limits.set(key, limit)
    }
    this.#buckets.get(key)?.setLimit(limit ?? this.#default)
  }

  /** As TokenBucket.defer, of the key's bucket. */
  defer(key: K, ms: number): void {
    this.#bucket(key).defer(ms)
  }

  #bucket(key: K): TokenBucket {
    const known = this.#buckets.get(key)
    if (known !== undefined) return known
    const bucket = new TokenBucket({ ...(this.#limits.get(key) ?? this.#default), clock: this.#timer })
    this.#forget()
    this.#buckets.set(key, bucket)
    return bucket
  }

  /** Looks at the next two keys, round and round: one comes, two may go, and no call pays for all. */
  #forget(): void {
    for (let i = 0; i < 2; i++) {
      const next = this.#hand.next()
      if (next.done) this.#hand = this.#buckets.entries()
      else if (next.value[1].isIdle) this.#buckets.delete(next.value[0])
    }
  }
}
