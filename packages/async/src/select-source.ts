import type { Settle } from './wait-queue.ts'

/** The key under which a source lets `select` wait on it. */
export const selectable = Symbol('selectable')

/** A source of values that `select` can wait on without taking one. */
export interface Selectable<T> {
  /**
   * Takes a value if there is one: true, and `settle` was called. Else waits in the source's FIFO queue, `settle` is called
   * in the turn in which the value comes, and the returned function leaves the queue: a value that was not given is not lost.
   */
  [selectable](settle: Settle<T>): true | (() => void)
}
