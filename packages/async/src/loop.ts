import { type Selectable, selectable } from './select-source.ts'
import type { Settle } from './wait-queue.ts'

/** The end of a loop is the end of its source. */
export const untilUndefined = <T extends {}>(value: T | undefined): IteratorResult<T, undefined> =>
  value === undefined ? { done: true, value } : { done: false, value }

/**
 * A `for await` over a source that can be waited on; `toResult` tells a value from the end.
 * Cancel safety: `return()` ends a `next()` under way, which then has taken nothing. A `next()` that is called while another
 * is under way starts after it. Cost: a promise and a result for each value, a place in the queue when it waits; no listener.
 */
export class Loop<S, T> implements AsyncIterator<T, undefined, undefined>, Settle<S> {
  readonly #source: Selectable<S>
  readonly #toResult: (value: S) => IteratorResult<T, undefined>
  #left = false
  /** An answer that came within the call. */
  #answer: Promise<IteratorResult<T, undefined>> | undefined
  /** The `next()` under way. */
  #waiting: { readonly place: Disposable; readonly result: PromiseWithResolvers<IteratorResult<T, undefined>> } | undefined

  constructor(source: Selectable<S>, toResult: (value: S) => IteratorResult<T, undefined>) {
    this.#source = source
    this.#toResult = toResult
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#left) return Promise.resolve({ done: true, value: undefined })
    if (this.#waiting !== undefined) {
      const again = () => this.next()
      return this.#waiting.result.promise.then(again, again)
    }
    const place = this.#source[selectable](this)
    if (place !== undefined) {
      const result = Promise.withResolvers<IteratorResult<T, undefined>>()
      this.#waiting = { place, result }
      return result.promise
    }
    const answer = this.#answer as Promise<IteratorResult<T, undefined>>
    this.#answer = undefined // do not keep the value alive
    return answer
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#left = true
    this.#waiting?.place[Symbol.dispose]()
    this.#waiting?.result.resolve({ done: true, value: undefined })
    this.#waiting = undefined
    return Promise.resolve({ done: true, value: undefined })
  }

  resolve(value: S): void {
    const result = this.#toResult(value)
    if (this.#waiting === undefined) this.#answer = Promise.resolve(result)
    else this.#waiting.result.resolve(result)
    this.#waiting = undefined
  }

  reject(reason: unknown): void {
    if (this.#waiting === undefined) this.#answer = Promise.reject(reason)
    else this.#waiting.result.reject(reason)
    this.#waiting = undefined
  }
}
