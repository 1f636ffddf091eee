import type { Waiting } from './abort.ts'
import { Children } from './children.ts'

/**
 * Tasks that live no longer than their scope. The first failure aborts the group's signal with that error as its reason;
 * all tasks are awaited; then the failure is thrown. A task that rejects with the signal's reason was cancelled, not failed.
 * When the outer signal aborts and a task was cancelled by it, `join` rejects with that reason.
 * Work of the scope's own that may fail belongs into `spawn`, or `cancel` into its `finally`: leaving the scope by an error
 * does not stop the tasks.
 */
export class TaskGroup implements AsyncDisposable {
  readonly #children: Children
  readonly #end = () => this.#children.end()
  readonly #fail = (error: unknown) => this.#children.fail(error)
  #joined = false

  constructor({ signal }: Waiting = {}) {
    this.#children = new Children(signal)
  }

  /** Aborts with the outer one, by the first failure, and by `cancel`. */
  get signal(): AbortSignal {
    return this.#children.signal
  }

  /**
   * Starts `fn` in this turn; in an aborted group it does not start and counts as cancelled. A task may spawn siblings.
   * Errors: TypeError when the group has been joined, since nobody would wait for the task.
   * Cost: one promise beside `fn`'s own.
   */
  spawn(fn: (signal: AbortSignal) => Promise<void>): void {
    if (this.#children.isOver) throw new TypeError('Cannot spawn: the group has been joined')
    if (!this.#children.begin()) return
    try {
      fn(this.#children.signal).then(this.#end, this.#fail)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Stops the tasks that still run because the scope needs them no longer: `join` then ends well. */
  cancel(): void {
    this.#children.stop()
  }

  /**
   * Waits until every task has ended. Cancel safety: not cancellable, since that would leave orphans; abort the group's
   * outer signal. Errors: the failure, AggregateError for several, the outer signal's reason.
   */
  async join(): Promise<void> {
    this.#joined = true
    await this.#children.ended()
    this.#children.check()
  }

  /** As `join`, but silent about a failure that a `join` has reported. */
  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#joined ? this.#children.ended() : this.join())
  }
}
