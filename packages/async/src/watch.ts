import type { Waiting } from './abort.ts'
import { WaitQueue } from './wait-queue.ts'

export interface WatchSender<T> {
  readonly value: T
  /** Sets the value and tells every receiver. An equal value is news as well. */
  send(value: T): void
}

/** The latest value of something, for readers that may miss the ones in between. Each reader has a receiver of its own. */
export interface WatchReceiver<T> {
  readonly value: T
  /**
   * The latest value, as soon as one was sent that this receiver's `changed` has not reported; values between are skipped.
   * Cancel safety: yes; a change that was not reported stays one.
   */
  changed(options?: Waiting): Promise<T>
  /**
   * The first value that passes, the present one included. It looks at every value sent while it waits, also at one that
   * is replaced in the same turn. Cancel safety: yes. Errors: what `predicate` throws.
   */
  waitFor<S extends T>(predicate: (value: T) => value is S, options?: Waiting): Promise<S>
  waitFor(predicate: (value: T) => boolean, options?: Waiting): Promise<T>
  /** A receiver for another reader, to which the present value is no news. */
  subscribe(): WatchReceiver<T>
}

/** One value that changes: `sender` sets it, `receiver` reads it or waits for a change. */
export function watch<T>(initial: T): { readonly sender: WatchSender<T>; readonly receiver: WatchReceiver<T> } {
  const cell = new Cell(initial)
  return { sender: cell, receiver: new Reader(cell) }
}

class Cell<T> implements WatchSender<T> {
  value: T
  version = 0
  readonly #waiting = new WaitQueue<(value: T) => boolean, T>()

  constructor(initial: T) {
    this.value = initial
  }

  send(value: T): void {
    this.value = value
    this.version++
    let waiter = this.#waiting.head
    while (waiter !== undefined) {
      const next = waiter.next
      try {
        if (waiter.want(value)) waiter.resolve(value)
      } catch (error) {
        waiter.reject(error)
      }
      waiter = next
    }
  }

  wait(predicate: (value: T) => boolean, signal: AbortSignal | undefined): Promise<T> {
    return this.#waiting.wait(predicate, signal)
  }
}

class Reader<T> implements WatchReceiver<T> {
  readonly #cell: Cell<T>
  #seen: number

  constructor(cell: Cell<T>) {
    this.#cell = cell
    this.#seen = cell.version
  }

  get value(): T {
    return this.#cell.value
  }

  async changed({ signal }: Waiting = {}): Promise<T> {
    signal?.throwIfAborted()
    if (this.#seen === this.#cell.version) await this.#cell.wait(() => true, signal)
    this.#seen = this.#cell.version
    return this.#cell.value
  }

  async waitFor<S extends T>(predicate: (value: T) => value is S, options?: Waiting): Promise<S>
  async waitFor(predicate: (value: T) => boolean, { signal }: Waiting = {}): Promise<T> {
    signal?.throwIfAborted()
    const { value } = this.#cell
    return predicate(value) ? value : this.#cell.wait(predicate, signal)
  }

  subscribe(): WatchReceiver<T> {
    return new Reader(this.#cell)
  }
}
