import { onAbort } from './abort.ts'

/** One failure is itself; several are an AggregateError of all, in the order they came, with the first as its cause. */
export function oneError(failures: readonly unknown[], what: string): unknown {
  return failures.length === 1 ? failures[0] : new AggregateError(failures, `${failures.length} ${what} failed`, { cause: failures[0] })
}

/**
 * What a scope knows of the tasks it has started: how many run, what failed, and the signal that stops them.
 * The first failure aborts the signal with that error as its reason. A task that ends with the signal's reason was cancelled.
 * Invariant: each `begin` that returned true is followed by one `end` or one `fail`.
 */
export class Children {
  readonly signal: AbortSignal
  readonly #controller = new AbortController()
  readonly #link: Disposable
  readonly #failures: unknown[] = []
  #running = 0
  #ended: PromiseWithResolvers<void> | undefined
  #isOver = false
  #isCancelled = false
  #isStopped = false

  constructor(outer: AbortSignal | undefined) {
    this.signal = this.#controller.signal
    this.#link = onAbort(outer, (reason) => this.#controller.abort(reason))
  }

  /** Nothing runs, and nobody waits for what would be started. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** False: nothing may start any more. That counts as a task that was cancelled. */
  begin(): boolean {
    if (this.signal.aborted) this.#isCancelled = true
    else this.#running++
    return !this.signal.aborted
  }

  end(): void {
    if (--this.#running === 0 && this.#ended !== undefined) this.#finish(this.#ended)
  }

  fail(error: unknown): void {
    if (this.signal.aborted && error === this.signal.reason) this.#isCancelled = true
    else {
      this.#failures.push(error)
      this.#controller.abort(error) // the first one wins, later calls do nothing
    }
    this.end()
  }

  /** Cancels them because they are needed no longer, which is no failure. */
  stop(): void {
    if (this.signal.aborted) return
    this.#isStopped = true
    this.#controller.abort(new DOMException('No longer needed', 'AbortError'))
  }

  /** When all have ended, also those that were started in the meantime. */
  ended(): Promise<void> {
    if (this.#ended === undefined) {
      this.#ended = Promise.withResolvers()
      if (this.#running === 0) this.#finish(this.#ended)
    }
    return this.#ended.promise
  }

  /** Errors: the failure, AggregateError for several; else the reason, if that cut a task. */
  check(): void {
    if (this.#failures.length > 0) throw oneError(this.#failures, 'tasks')
    if (this.#isCancelled && !this.#isStopped) throw this.signal.reason
  }

  #finish({ resolve }: PromiseWithResolvers<void>): void {
    this.#isOver = true
    this.#link[Symbol.dispose]()
    resolve()
  }
}
