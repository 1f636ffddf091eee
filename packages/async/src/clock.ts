import { onAbort, type Waiting } from './abort.ts'
import { checkMs } from './check.ts'
import { Heap } from './heap.ts'
import { macrotask } from './yield.ts'

/** Time as a parameter: monotonic milliseconds, and a way to be called when some have passed. */
export interface Clock {
  now(): number
  /** Calls `ring` once, not before `ms` (finite, >= 0) have passed, in a later turn. The returned function takes it back. */
  schedule(ms: number, ring: () => void): () => void
}

/** setTimeout fires at once above 2^31 - 1 ms (24.8 days), so a longer wait is made of several. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** `performance.now()` and timers. It never rings early, which a bare setTimeout does by up to a millisecond. */
export const systemClock: Clock = {
  now: () => performance.now(),
  schedule(ms, ring) {
    const due = performance.now() + ms
    let timer: ReturnType<typeof setTimeout>
    const wake = () => {
      const leftMs = due - performance.now()
      if (leftMs > 0) arm(leftMs)
      else ring()
    }
    const arm = (leftMs: number) => {
      timer = setTimeout(wake, Math.min(Math.ceil(leftMs), LONGEST_TIMER_MS))
    }
    arm(ms)
    return () => clearTimeout(timer)
  },
}

/**
 * Waits at least `ms` milliseconds, in a later turn of the event loop also when `ms` is 0.
 * Cancel safety: yes; its timer is gone. Errors: RangeError unless `ms` is a finite number >= 0.
 */
export function sleep(ms: number, { signal, clock = systemClock }: Waiting & { clock?: Clock | undefined } = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    checkMs('ms', ms)
    if (signal === undefined) return void clock.schedule(ms, resolve)
    const unschedule = clock.schedule(ms, () => {
      link[Symbol.dispose]()
      resolve()
    })
    const link = onAbort(signal, (reason) => {
      unschedule()
      reject(reason)
    })
  })
}

/** A clock that stands still until a test advances it. */
export class ManualClock implements Clock {
  #now = 0
  readonly #calls = new Heap<() => void>()

  now(): number {
    return this.#now
  }

  /** How many calls are scheduled. */
  get timers(): number {
    return this.#calls.size
  }

  schedule(ms: number, ring: () => void): () => void {
    const call = this.#calls.push(this.#now + ms, ring)
    return () => void this.#calls.remove(call)
  }

  /**
   * Moves time on by `ms`, call by call in the order they are due, and lets everything that one sets off run (promises, not
   * I/O) before the next: what is scheduled anew within the span is called within it. Errors: RangeError as `sleep`.
   */
  async advance(ms: number): Promise<void> {
    checkMs('ms', ms)
    const until = this.#now + ms
    await macrotask()
    for (let head = this.#calls.head; head !== undefined && head.at <= until; head = this.#calls.head) {
      this.#calls.remove(head)
      this.#now = Math.max(this.#now, head.at)
      head.item()
      await macrotask()
    }
    this.#now = until
    await macrotask()
  }
}
