import { onAbort, type Waiting } from './abort.ts'
import { checkCount } from './check.ts'
import { Crew, type Mapper, type Sink, type Work } from './crew.ts'
import { Fifo } from './fifo.ts'
import type { Source } from './input.ts'

/** Leaving a `for await` over it, or disposing it, stops what is in flight and waits for it. */
export type ConcurrentMap<R> = AsyncIterableIterator<R, undefined, undefined> & AsyncDisposable

/**
 * `fn` of every item, at most `limit` items between start and hand-over to the caller, results as they come.
 * Starts with the first `next()`. The first failure (of `fn` or of the source) aborts the signal of the calls in flight,
 * they are awaited, results not handed over yet are dropped, and it is thrown; leaving the loop does the same without a throw.
 * Order/fairness: several `next()` at once are served in their order.
 * Cancel safety: yes, as `fn`: nothing is in flight afterwards. A pending `next()` of the source that does not end on the
 * source's own `return()` is left behind. Errors: the failure, AggregateError for several; RangeError for a bad limit.
 * Cost: three promises for each item, `fn`'s own included, about what an async generator costs that does nothing; no macrotask:
 * an `fn` that computes asks yieldIfDue. Source: bench/async.
 */
export function mapConcurrent<T, R>(source: Source<T>, limit: number, fn: Mapper<T, R>, { signal }: Waiting = {}): ConcurrentMap<R> {
  checkCount('limit', limit, 1)
  return new Results({ source, limit, fn }, signal, asTheyCome)
}

/** As `mapConcurrent`, results in the order of the items; a slow first one holds back at most `limit - 1` others. */
export function mapConcurrentOrdered<T, R>(source: Source<T>, limit: number, fn: Mapper<T, R>, { signal }: Waiting = {}): ConcurrentMap<R> {
  checkCount('limit', limit, 1)
  return new Results({ source, limit, fn }, signal, inOrder)
}

/** Results that nobody has taken yet. */
interface Queue<R, S> extends Sink<R, S> {
  take(): IteratorYieldResult<R> | undefined
}

/** Hands a result to whom waits for one. False: nobody does. */
type Give<R> = (result: IteratorYieldResult<R>) => boolean

function asTheyCome<R>(give: Give<R>, idle: () => void): Queue<R, undefined> {
  const results = new Fifo<IteratorYieldResult<R>>()
  const start = () => undefined
  const put = (_: undefined, value: R) => {
    const result = yielded(value)
    if (give(result)) return 1
    results.push(result)
    return 0
  }
  return { start, put, idle, take: () => results.shift() }
}

function inOrder<R>(give: Give<R>, idle: () => void): Queue<R, Place<R>> {
  const places = new Fifo<Place<R>>()
  const start = () => {
    const place: Place<R> = { result: undefined }
    places.push(place)
    return place
  }
  const put = (place: Place<R>, value: R) => {
    place.result = yielded(value)
    let given = 0
    for (let first = places.first; first?.result !== undefined && give(first.result); first = places.first) {
      places.shift()
      given++
    }
    return given
  }
  return { start, put, idle, take: () => (places.first?.result === undefined ? undefined : places.shift()?.result) }
}

interface Place<R> {
  result: IteratorYieldResult<R> | undefined
}

const yielded = <R>(value: R): IteratorYieldResult<R> => ({ done: false, value })
const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

/** Invariant: somebody waits only while the queue has nothing to take. */
class Results<T, R, S> implements ConcurrentMap<R> {
  readonly #work: Work<T, R>
  readonly #signal: AbortSignal | undefined
  readonly #queue: Queue<R, S>
  readonly #waiting = new Fifo<(next: IteratorResult<R, undefined> | Promise<IteratorResult<R, undefined>>) => void>()
  #crew: Crew<T, R, S> | undefined
  /** Resolves when nothing is in flight any more. */
  #ended: Promise<void> | undefined
  /** Not told yet. */
  #failure: { readonly error: unknown } | undefined
  #isLeft = false

  constructor(work: Work<T, R>, signal: AbortSignal | undefined, queue: (give: Give<R>, idle: () => void) => Queue<R, S>) {
    this.#work = work
    this.#signal = signal
    const give: Give<R> = (result) => {
      const waiting = this.#waiting.shift()
      waiting?.(result)
      return waiting !== undefined
    }
    this.#queue = queue(give, () => this.#proceed())
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<R, undefined>> {
    if (this.#crew === undefined && this.#ended === undefined) this.#begin()
    const crew = this.#crew
    if (crew === undefined || this.#ended !== undefined) return this.#end()
    const result = this.#queue.take()
    if (result !== undefined) {
      crew.free()
      this.#proceed()
      return Promise.resolve(result)
    }
    const { promise, resolve } = Promise.withResolvers<IteratorResult<R, undefined>>()
    this.#waiting.push(resolve)
    this.#proceed()
    return promise
  }

  /** Errors: a failure that no `next` has told. */
  return(): Promise<IteratorResult<R, undefined>> {
    if (this.#ended === undefined) {
      this.#isLeft = true
      if (this.#crew === undefined) this.#ended = Promise.resolve()
      else this.#crew.children.stop()
    }
    return this.#end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #begin(): void {
    if (this.#signal?.aborted) {
      this.#failure = { error: this.#signal.reason }
      this.#ended = Promise.resolve()
      return
    }
    const crew = new Crew(this.#work, this.#queue, this.#signal)
    onAbort(crew.children.signal, () => this.#finish(crew)) // goes with the signal, which is our own
    this.#crew = crew
  }

  #proceed(): void {
    const crew = this.#crew as Crew<T, R, S>
    if (crew.isDone) this.#finish(crew)
    else crew.hire()
  }

  #finish(crew: Crew<T, R, S>): void {
    if (this.#ended !== undefined) return
    this.#ended = this.#windUp(crew)
    for (const resolve of this.#waiting.drain()) resolve(this.#end())
  }

  async #windUp(crew: Crew<T, R, S>): Promise<void> {
    try {
      await crew.end()
      if (crew.children.signal.aborted && !this.#isLeft) throw crew.children.signal.reason // between two items
    } catch (error) {
      this.#failure = { error }
    }
  }

  /** The answer to whom comes when all is over: the failure to the first, then the end. */
  async #end(): Promise<IteratorReturnResult<undefined>> {
    await this.#ended
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure.error
    return DONE
  }
}
