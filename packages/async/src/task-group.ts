import { onAbort, type Waiting } from './abort.ts'

/** One failure is itself; several are an AggregateError of all, in the order they came, with the first as its cause. */
function oneError(failures: readonly unknown[]): unknown {
  return failures.length === 1 ? failures[0] : new AggregateError(failures, `${failures.length} tasks failed`, { cause: failures[0] })
}

/**
 * Tasks that live no longer than their scope. The first failure aborts the group's signal with that error as its reason;
 * all tasks are awaited; then the failure is thrown. A task that rejects with the signal's reason was cancelled, not failed.
 * When the outer signal aborts and a task was cancelled by it, `join` rejects with that reason.
 * Work of the scope's own that may fail belongs into `spawn`, or `cancel` into its `finally`: leaving the scope by an error
 * does not stop the tasks.
 */
export class TaskGroup implements AsyncDisposable {
  readonly signal: AbortSignal
  readonly #controller = new AbortController()
  readonly #link: Disposable
  readonly #failures: unknown[] = []
  readonly #ended = Promise.withResolvers<void>()
  #running = 0
  #state: 'open' | 'joining' | 'over' = 'open'
  #cancelled = false
  #stopped = false
  #joined = false

  constructor({ signal }: Waiting = {}) {
    this.signal = this.#controller.signal
    this.#link = onAbort(signal, (reason) => this.#controller.abort(reason))
  }

  /**
   * Starts `fn` in this turn; in an aborted group it does not start and counts as cancelled. A task may spawn siblings.
   * Errors: TypeError when the group has been joined, since nobody would wait for the task.
   */
  spawn(fn: (signal: AbortSignal) => Promise<void>): void {
    if (this.#state === 'over') throw new TypeError('Cannot spawn: the group has been joined')
    if (this.signal.aborted) {
      this.#cancelled = true
      return
    }
    this.#running++
    void this.#run(fn)
  }

  /** Stops the tasks that still run because the scope needs them no longer: `join` then ends well. */
  cancel(): void {
    if (this.signal.aborted) return
    this.#stopped = true
    this.#controller.abort(new DOMException('No longer needed', 'AbortError'))
  }

  /**
   * Waits until every task has ended. Cancel safety: not cancellable, since that would leave orphans; abort the group's
   * outer signal. Errors: the failure, AggregateError for several, the outer signal's reason.
   */
  async join(): Promise<void> {
    this.#joined = true
    await this.#allEnded()
    if (this.#failures.length > 0) throw oneError(this.#failures)
    if (this.#cancelled && !this.#stopped) throw this.signal.reason
  }

  /** As `join`, but silent about a failure that a `join` has reported. */
  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#joined ? this.#allEnded() : this.join())
  }

  async #run(fn: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await fn(this.signal)
    } catch (error) {
      if (this.signal.aborted && error === this.signal.reason) this.#cancelled = true
      else {
        this.#failures.push(error)
        this.#controller.abort(error) // the first one wins, later calls do nothing
      }
    } finally {
      this.#running--
      this.#endIfDone()
    }
  }

  #allEnded(): Promise<void> {
    if (this.#state === 'open') this.#state = 'joining'
    this.#endIfDone()
    return this.#ended.promise
  }

  #endIfDone(): void {
    if (this.#running > 0 || this.#state !== 'joining') return
    this.#state = 'over'
    this.#link[Symbol.dispose]()
    this.#ended.resolve()
  }
}
