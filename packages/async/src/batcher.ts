import { onAbort, type Waiting } from './abort.ts'
import { Alarm } from './alarm.ts'
import { ChannelClosedError } from './channel.ts'
import { checkCount, checkMs } from './check.ts'
import { type Clock, systemClock } from './clock.ts'
import { type Settle, WaitQueue } from './wait-queue.ts'

export interface BatcherOptions<T, R> extends Waiting {
  /** Most items of one flush. */
  readonly maxCount: number
  /** Longest time an item waits for others. It waits longer only while all flushes are under way. */
  readonly maxAgeMs: number
  /** Flushes under way at once. Default 1. */
  readonly concurrency?: number | undefined
  /** One result per item, in their order. Its signal aborts when the batcher's does. */
  readonly flush: (items: readonly T[], signal: AbortSignal) => Promise<readonly R[]>
  readonly clock?: Clock | undefined
}

interface Entry<T> {
  readonly item: T
  readonly since: number
}

/**
 * Collects items and hands them on in batches: at `maxCount` items or when the oldest is `maxAgeMs` old, whichever is first.
 * Order/fairness: FIFO; with concurrency above 1 batches may end in another order. It holds what its callers add: they bound
 * it by awaiting `add`. When the signal aborts, waiting items are rejected with its reason.
 */
export class Batcher<T, R> implements AsyncDisposable {
  readonly #options: BatcherOptions<T, R>
  readonly #concurrency: number
  readonly #clock: Clock
  readonly #alarm: Alarm
  readonly #waiting = new WaitQueue<Entry<T>, R>()
  readonly #flushes = new Set<Promise<void>>()
  readonly #signal: AbortSignal
  readonly #link: Disposable
  readonly #serve = () => {
    while (this.#flushes.size < this.#concurrency && this.#waiting.head !== undefined) {
      const due = this.#waiting.head.want.since + this.#options.maxAgeMs
      if (!this.#closed && this.#waiting.size < this.#options.maxCount && this.#clock.now() < due) {
        this.#alarm.set(due)
        return
      }
      this.#flushHead()
    }
    this.#alarm.set(undefined)
  }
  #closed = false

  /** Errors: RangeError for bad numbers. */
  constructor(options: BatcherOptions<T, R>) {
    const { maxCount, maxAgeMs, concurrency = 1, clock = systemClock, signal } = options
    checkCount('maxCount', maxCount, 1)
    checkMs('maxAgeMs', maxAgeMs)
    checkCount('concurrency', concurrency, 1)
    this.#options = options
    this.#concurrency = concurrency
    this.#clock = clock
    this.#alarm = new Alarm(clock, this.#serve)
    this.#signal = signal ?? new AbortController().signal
    this.#link = onAbort(signal, (reason) => {
      this.#alarm.set(undefined)
      this.#waiting.rejectAll(reason)
    })
  }

  /**
   * Resolves with the item's result when its batch has been flushed.
   * Cancel safety: yes; an item that still waits is withdrawn, one whose flush has begun is awaited, so that its fate is known.
   * Errors: the error of its flush; ChannelClosedError with the item after dispose; the reason of the batcher's signal.
   */
  add(item: T, { signal }: Waiting = {}): Promise<R> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#signal.aborted) return Promise.reject(this.#signal.reason)
    if (this.#closed) return Promise.reject(new ChannelClosedError('Cannot add: the batcher is closed', item))
    const result = this.#waiting.wait({ item, since: this.#clock.now() }, signal, this.#serve)
    const { size } = this.#waiting
    if (size === 1 || size >= this.#options.maxCount) this.#serve() // in between, the alarm of the oldest stands
    return result
  }

  /** Takes no more, flushes what is there, waits for all flushes. Their failures go to the callers of `add`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#serve()
    while (this.#flushes.size > 0) await Promise.all(this.#flushes)
    this.#link[Symbol.dispose]()
  }

  #flushHead(): void {
    const items: T[] = []
    const settles: Settle<R>[] = []
    while (items.length < this.#options.maxCount && this.#waiting.head !== undefined) {
      items.push(this.#waiting.head.want.item)
      settles.push(this.#waiting.head.leave() as Settle<R>)
    }
    const flush: Promise<void> = Promise.resolve() // in a turn of its own: a flush may add
      .then(() => this.#flush(items, settles))
      .then(() => {
        this.#flushes.delete(flush)
        this.#serve()
      })
    this.#flushes.add(flush)
  }

  async #flush(items: readonly T[], settles: readonly Settle<R>[]): Promise<void> {
    try {
      const results = await this.#options.flush(items, this.#signal)
      if (results.length !== items.length)
        throw new TypeError(`Cannot use the results of a flush: ${results.length} for ${items.length} items`)
      for (const [i, settle] of settles.entries()) settle.resolve(results[i] as R)
    } catch (error) {
      for (const settle of settles) settle.reject(error)
    }
  }
}
