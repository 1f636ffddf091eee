/** What can be iterated over. */
export type Source<T> = Iterable<T> | AsyncIterable<T>

/**
 * A source that is pulled one item at a time, and that nobody waits for once it has been left.
 * Invariant: a pull starts only when none is under way.
 */
export class Input<T> {
  readonly isAsync: boolean
  readonly #iterator: Iterator<T> | AsyncIterator<T>
  #isPulling = false
  #isExhausted = false
  #pulled: PromiseWithResolvers<IteratorResult<T>> | undefined
  #closed: Promise<unknown> | undefined
  readonly #arrive = (next: IteratorResult<T>) => {
    this.#isPulling = false
    this.#isExhausted = next.done === true
    this.#pulled?.resolve(next)
  }
  readonly #fail = (error: unknown) => {
    this.#isPulling = false
    this.#isExhausted = true
    this.#pulled?.reject(error)
  }

  constructor(source: Source<T>) {
    this.isAsync = Symbol.asyncIterator in source
    this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  }

  /** An item is awaited. */
  get isPulling(): boolean {
    return this.#isPulling
  }

  /** It has ended or failed: nothing more will come. */
  get isExhausted(): boolean {
    return this.#isExhausted
  }

  /** The next item of a synchronous source. */
  pull(): IteratorResult<T> {
    this.#isPulling = true
    this.#isExhausted = true // as long as it runs, and when it throws
    try {
      const next = this.#iterator.next() as IteratorResult<T>
      this.#isExhausted = next.done === true
      return next
    } finally {
      this.#isPulling = false
    }
  }

  /** The next item of an asynchronous source. Errors: those of the source; the reason of a `leave`. */
  pullAsync(): Promise<IteratorResult<T>> {
    this.#isPulling = true
    this.#pulled = Promise.withResolvers()
    try {
      Promise.resolve(this.#iterator.next()).then(this.#arrive, this.#fail)
    } catch (error) {
      this.#fail(error)
    }
    return this.#pulled.promise
  }

  /**
   * Tells the source that nothing more is wanted; a pull under way rejects with `reason`. Idempotent. Called by the source
   * itself, as by a generator that aborts us, it does nothing: that one can be closed only when it has answered.
   */
  leave(reason?: unknown): void {
    if (this.#isExhausted || this.#closed !== undefined) return
    this.#closed = new Promise((resolve) => resolve(this.#iterator.return?.()))
    this.#closed.catch(() => {}) // told by `left`
    if (!this.#isPulling) return
    this.#closed = Promise.resolve() // what `return` answers is queued behind a `next` that only the source can end
    this.#pulled?.reject(reason)
  }

  /** When a source that was left is closed. Errors: those of closing it. */
  async left(): Promise<void> {
    await this.#closed
  }
}
