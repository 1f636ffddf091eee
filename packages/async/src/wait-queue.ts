import { listen } from './abort.ts'

/**
 * How a waiting call ends: the two functions of its promise, or callbacks.
 * Invariant: they do not throw, and nothing of the user's runs within them: who serves a queue finds it as it was left.
 */
export interface Settle<T> {
  resolve(value: T): void
  reject(reason: unknown): void
}

/**
 * One waiting call in a WaitQueue: `want` is what it waits for, `T` what it is given.
 * Invariant: it leaves its queue exactly once (served, failed or cancelled) and takes its abort listener along.
 */
export class Waiter<W, T> implements Disposable {
  readonly want: W
  /** Links of the list; WaitQueue alone writes them. */
  previous: Waiter<W, T> | undefined
  next: Waiter<W, T> | undefined
  readonly #queue: WaitQueue<W, T>
  readonly #settle: Settle<T>
  readonly #listening: Disposable | undefined
  readonly #onCancel: (() => void) | undefined

  constructor(queue: WaitQueue<W, T>, want: W, settle: Settle<T>, signal?: AbortSignal, onCancel?: () => void) {
    this.want = want
    this.previous = undefined
    this.next = undefined
    this.#queue = queue
    this.#settle = settle
    this.#onCancel = onCancel
    this.#listening = signal === undefined ? undefined : listen(signal, this)
  }

  resolve(value: T): void {
    this.leave()?.resolve(value)
  }

  reject(reason: unknown): void {
    this.leave()?.reject(reason)
  }

  /** Goes without an answer, which whoever took it out gives later; undefined when it had left before. */
  leave(): Settle<T> | undefined {
    if (!this.#queue.unlink(this)) return undefined
    this.#listening?.[Symbol.dispose]()
    return this.#settle
  }

  /** Leaves, as one who wants no answer any more. */
  [Symbol.dispose](): void {
    this.leave()
  }

  /** The signal aborted. */
  handleAbort(reason: unknown): void {
    this.reject(reason)
    this.#onCancel?.()
  }
}

/** Waiting calls in the order of their arrival. Cost: every operation O(1), also a cancellation in the middle. */
export class WaitQueue<W, T> {
  #head: Waiter<W, T> | undefined
  #tail: Waiter<W, T> | undefined
  #size = 0

  get head(): Waiter<W, T> | undefined {
    return this.#head
  }

  get size(): number {
    return this.#size
  }

  /**
   * A promise that the head's `resolve` or `reject` settles. `onCancel` runs after a cancelled waiter has left:
   * the next one may fit where this one did not.
   */
  wait(want: W, signal?: AbortSignal, onCancel?: () => void): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      this.#append(new Waiter<W, T>(this, want, { resolve, reject }, signal, onCancel))
    })
  }

  /** A waiter that is no promise: `settle` is called in the same turn in which it is served. */
  push(want: W, settle: Settle<T>): Waiter<W, T> {
    const waiter = new Waiter(this, want, settle)
    this.#append(waiter)
    return waiter
  }

  /** A copy in their order; one that has left since takes no answer. */
  waiters(): Waiter<W, T>[] {
    const all: Waiter<W, T>[] = []
    for (let waiter = this.#head; waiter !== undefined; waiter = waiter.next) all.push(waiter)
    return all
  }

  /** Serves everybody with the same value. */
  resolveAll(value: T): void {
    while (this.#head !== undefined) this.#head.resolve(value)
  }

  rejectAll(reason: unknown): void {
    while (this.#head !== undefined) this.#head.reject(reason)
  }

  /** For Waiter only. */
  unlink(waiter: Waiter<W, T>): boolean {
    if (waiter !== this.#head && waiter.previous === undefined) return false
    if (waiter.previous === undefined) this.#head = waiter.next
    else waiter.previous.next = waiter.next
    if (waiter.next === undefined) this.#tail = waiter.previous
    else waiter.next.previous = waiter.previous
    waiter.previous = undefined
    waiter.next = undefined
    this.#size--
    return true
  }

  #append(waiter: Waiter<W, T>): void {
    waiter.previous = this.#tail
    if (this.#tail === undefined) this.#head = waiter
    else this.#tail.next = waiter
    this.#tail = waiter
    this.#size++
  }
}
