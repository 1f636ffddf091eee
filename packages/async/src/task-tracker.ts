import type { Waiting } from './abort.ts'
import { type Resource, releaseResource } from './resource-scope.ts'
import { WaitQueue } from './wait-queue.ts'

export interface TaskTrackerOptions {
  /** Told of every failure, since nobody awaits the work. Must not throw. */
  readonly onError: (error: unknown) => void
}

/**
 * Owns work that goes on in the background, such as clean-up that nobody wants to wait for now, and that is awaited in the end.
 * A failure stops nothing. Invariant: what has ended is forgotten; it holds a number, not a list.
 */
export class TaskTracker implements AsyncDisposable {
  readonly #onError: (error: unknown) => void
  readonly #waiting = new WaitQueue<undefined, void>()
  readonly #end = () => {
    if (--this.#size === 0) this.#waiting.resolveAll(undefined)
  }
  readonly #fail = (error: unknown) => {
    try {
      this.#onError(error)
    } finally {
      this.#end()
    }
  }
  #size = 0
  #isClosing = false

  constructor({ onError }: TaskTrackerOptions) {
    this.#onError = onError
  }

  /** How many have not ended. */
  get size(): number {
    return this.#size
  }

  /**
   * Owns `work`; a function is called in this turn.
   * Errors: TypeError after the end of a dispose, since nobody would wait for it; while a dispose waits, work may bring more.
   */
  track(work: PromiseLike<unknown> | (() => PromiseLike<unknown>)): void {
    if (this.#isClosing && this.#size === 0) throw new TypeError('Cannot track: the tracker is disposed')
    this.#size++
    try {
      const promise = typeof work === 'function' ? work() : work
      promise.then(this.#end, this.#fail)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Starts to release `resource` in this turn, and owns that. Errors: as `track`. */
  release(resource: Resource): void {
    this.track(async () => releaseResource(resource))
  }

  /** When nothing runs. Cancel safety: yes; the work goes on. Errors: `signal.reason`. */
  idle({ signal }: Waiting = {}): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    return this.#size === 0 ? Promise.resolve() : this.#waiting.wait(undefined, signal)
  }

  /** Waits until nothing runs, then takes no more. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true
    return this.idle()
  }
}
