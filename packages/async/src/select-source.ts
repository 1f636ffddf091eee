import type { Settle } from './wait-queue.ts'

/** The key under which a source lets `select` wait on it. */
export const selectable = Symbol('selectable')

/** A source of values that can be waited on without taking one. */
export interface Selectable<T> {
  /**
   * Answers in this very call if it can, and returns undefined. Else waits in the source's FIFO queue: `settle` is called in
   * the turn in which the answer comes. Disposing what it returned leaves the queue, and a value that was not given is not lost.
   */
  [selectable](settle: Settle<T>): Disposable | undefined
}
