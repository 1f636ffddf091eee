import type { Waiting } from './abort.ts'
import { checkMs } from './check.ts'
import { WaitQueue } from './wait-queue.ts'
import { macrotask } from './yield.ts'

/** Time as a parameter: monotonic milliseconds, and a way to wait for them. */
export interface Clock {
  now(): number
  /** Cancel safety: yes; its timer is gone. Errors: RangeError unless `ms` is a finite number >= 0. */
  sleep(ms: number, options?: Waiting): Promise<void>
}

/** setTimeout fires at once above 2^31 - 1 ms (24.8 days), so a longer sleep is made of several. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** `performance.now()` and timers. A sleep never ends early, which a bare setTimeout does by up to a millisecond. */
export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, { signal } = {}) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      checkMs('ms', ms)
      const due = performance.now() + ms
      let timer: ReturnType<typeof setTimeout>
      const cancel = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', cancel)
        reject(signal?.reason)
      }
      const wake = () => {
        const leftMs = due - performance.now()
        if (leftMs > 0) return arm(leftMs)
        signal?.removeEventListener('abort', cancel)
        resolve()
      }
      const arm = (leftMs: number) => {
        timer = setTimeout(wake, Math.min(Math.ceil(leftMs), LONGEST_TIMER_MS))
      }
      signal?.addEventListener('abort', cancel)
      arm(ms)
    }),
}

/**
 * Waits at least `ms` milliseconds, in a later turn of the event loop also when `ms` is 0.
 * Cancel safety: yes. Errors: RangeError unless `ms` is a finite number >= 0.
 */
export function sleep(ms: number, { signal, clock = systemClock }: Waiting & { clock?: Clock | undefined } = {}): Promise<void> {
  return clock.sleep(ms, { signal })
}

/** A clock that stands still until a test advances it. */
export class ManualClock implements Clock {
  #now = 0
  readonly #sleepers = new WaitQueue<number, void>()

  now(): number {
    return this.#now
  }

  /** How many sleeps are under way. */
  get sleeping(): number {
    return this.#sleepers.size
  }

  async sleep(ms: number, { signal }: Waiting = {}): Promise<void> {
    signal?.throwIfAborted()
    checkMs('ms', ms)
    await this.#sleepers.wait(this.#now + ms, signal)
  }

  /**
   * Moves time on by `ms`, sleep by sleep in the order they are due, and lets everything that a sleep wakes run
   * (promises, not I/O) before the next one: who sleeps again within the span is woken within it.
   */
  async advance(ms: number): Promise<void> {
    checkMs('ms', ms)
    const until = this.#now + ms
    await macrotask()
    for (let due = this.#earliest(until); due !== undefined; due = this.#earliest(until)) {
      this.#now = Math.max(this.#now, due.want)
      due.resolve()
      await macrotask()
    }
    this.#now = until
    await macrotask()
  }

  #earliest(until: number) {
    let earliest = this.#sleepers.head
    for (let waiter = earliest?.next; waiter !== undefined; waiter = waiter.next)
      if (earliest === undefined || waiter.want < earliest.want) earliest = waiter
    return earliest !== undefined && earliest.want <= until ? earliest : undefined
  }
}
