import type { Waiting } from './abort.ts'
import { ChannelClosedError } from './channel.ts'
import { Loop } from './loop.ts'
import { type Selectable, selectable } from './select-source.ts'
import { type Settle, type Waiter, WaitQueue } from './wait-queue.ts'

export interface WatchSender<T> {
  readonly value: T
  /** Sets the value and tells every receiver; an equal value is news as well. False after the end, when nothing is set. */
  send(value: T): boolean
  /** No value will follow. Readers still get the last one, then the end. Idempotent. */
  close(): void
  /** Ends it now: what waits rejects with `reason`, and so does every later wait. `value` stays readable. */
  abort(reason?: unknown): void
}

/**
 * The latest value of something, for readers that may miss the ones in between. Each reader has a receiver of its own.
 * In a `select` it is what `changed` is.
 */
export interface WatchReceiver<T> extends AsyncIterable<T>, Selectable<boolean> {
  readonly value: T
  /**
   * True as soon as a value was sent since the last true: `value` has it, or a later one, of which the next call tells again.
   * False when none will follow; a boolean, since `undefined` may be a value.
   * Cancel safety: yes; a change that was not told stays news. Errors: the reason of an abort. Cost: O(1).
   */
  changed(options?: Waiting): Promise<boolean>
  /**
   * The first value that passes, the present one included. It looks at every value sent while it waits, also at one that
   * is replaced in the same turn. `predicate` runs within `send`: keep it short and free of effects.
   * Cancel safety: yes. Errors: what `predicate` throws; ChannelClosedError with the last value when none will pass any more;
   * the reason of an abort.
   */
  waitFor<S extends T>(predicate: (value: T) => value is S, options?: Waiting): Promise<S>
  waitFor(predicate: (value: T) => boolean, options?: Waiting): Promise<T>
  /** A receiver for another reader, to which the present value is no news. */
  subscribe(): WatchReceiver<T>
  /**
   * The present value, then each time the latest: a slow loop skips. It ends with a close and takes no news from `changed`.
   * Errors: the reason of an abort.
   */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined, undefined>
}

/** One value that changes: `sender` sets it, `receiver` reads it or waits for a change. */
export function watch<T>(initial: T): { readonly sender: WatchSender<T>; readonly receiver: WatchReceiver<T> } {
  const cell = new Cell(initial)
  return { sender: cell, receiver: new Reader(cell, cell.version) }
}

class Cell<T> implements WatchSender<T> {
  value: T
  version = 0
  closed = false
  aborted: { readonly reason: unknown } | undefined
  /** Those who wait for any change have seen the present version. */
  readonly changing = new WaitQueue<Reader<T>, boolean>()
  readonly passing = new WaitQueue<(value: T) => boolean, T>()

  constructor(initial: T) {
    this.value = initial
  }

  send(value: T): boolean {
    if (this.closed) return false
    this.value = value
    this.version++
    for (let head = this.changing.head; head !== undefined; head = this.changing.head) {
      head.want.seen = this.version
      head.resolve(true)
    }
    for (const waiter of this.passing.waiters()) {
      try {
        if (waiter.want(value)) waiter.resolve(value)
      } catch (error) {
        waiter.reject(error)
      }
    }
    return true
  }

  close(): void {
    this.closed = true
    this.changing.resolveAll(false)
    this.passing.rejectAll(this.refusal())
  }

  abort(reason: unknown = new DOMException('Watch aborted', 'AbortError')): void {
    this.closed = true
    this.aborted ??= { reason }
    this.changing.rejectAll(reason)
    this.passing.rejectAll(reason)
  }

  refusal(): unknown {
    if (this.aborted !== undefined) return this.aborted.reason
    return new ChannelClosedError('Cannot wait for a value: the watch is closed', this.value)
  }
}

class Reader<T> implements WatchReceiver<T> {
  readonly #cell: Cell<T>
  /** The version of the last news. */
  seen: number

  constructor(cell: Cell<T>, seen: number) {
    this.#cell = cell
    this.seen = seen
  }

  get value(): T {
    return this.#cell.value
  }

  changed(options?: Waiting): Promise<boolean> {
    const signal = options?.signal
    if (signal?.aborted) return Promise.reject(signal.reason)
    const { aborted, closed, changing } = this.#cell
    if (aborted !== undefined) return Promise.reject(aborted.reason)
    if (this.#isNews()) return Promise.resolve(true)
    return closed ? Promise.resolve(false) : changing.wait(this, signal)
  }

  async waitFor<S extends T>(predicate: (value: T) => value is S, options?: Waiting): Promise<S>
  async waitFor(predicate: (value: T) => boolean, { signal }: Waiting = {}): Promise<T> {
    signal?.throwIfAborted()
    const { value, aborted, closed, passing } = this.#cell
    if (aborted !== undefined) throw aborted.reason
    if (predicate(value)) return value
    if (closed) throw this.#cell.refusal()
    return passing.wait(predicate, signal)
  }

  subscribe(): WatchReceiver<T> {
    return new Reader(this.#cell, this.#cell.version)
  }

  [selectable](settle: Settle<boolean>): Waiter<Reader<T>, boolean> | undefined {
    const { aborted, closed, changing } = this.#cell
    if (aborted !== undefined) settle.reject(aborted.reason)
    else if (this.#isNews()) settle.resolve(true)
    else if (closed) settle.resolve(false)
    else return changing.push(this, settle)
    return undefined
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined, undefined> {
    const cell = this.#cell
    const fromTheStart = new Reader(cell, -1)
    return new Loop(fromTheStart, (changed) => (changed ? { done: false, value: cell.value } : { done: true, value: undefined }))
  }

  #isNews(): boolean {
    const news = this.seen !== this.#cell.version
    this.seen = this.#cell.version
    return news
  }
}
