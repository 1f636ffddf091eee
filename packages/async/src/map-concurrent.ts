import { onAbort, type Waiting } from './abort.ts'
import { checkCount } from './check.ts'
import { Fifo } from './fifo.ts'
import { TaskGroup } from './task-group.ts'

type Source<T> = Iterable<T> | AsyncIterable<T>
type Mapper<T, R> = (item: T, signal: AbortSignal) => Promise<R>

/**
 * `fn` of every item, at most `limit` items between start and hand-over to the caller, results as they come.
 * Starts with the first `next()`. The first failure (of `fn` or of the source) aborts the signal of the calls in flight,
 * they are awaited, results not handed over yet are dropped, and it is thrown; leaving the loop does the same without a throw.
 * Cancel safety: yes, as `fn`: nothing is in flight afterwards. A pending `next()` of the source that does not end on the
 * source's own `return()` is left behind. Errors: the failure, AggregateError for several; RangeError for a bad limit.
 */
export function mapConcurrent<T, R>(source: Source<T>, limit: number, fn: Mapper<T, R>, options?: Waiting): AsyncIterableIterator<R> {
  checkCount('limit', limit, 1)
  return run(source, limit, fn, options, false)
}

/** As `mapConcurrent`, results in the order of the items; a slow first one holds back at most `limit - 1` others. */
export function mapConcurrentOrdered<T, R>(
  source: Source<T>,
  limit: number,
  fn: Mapper<T, R>,
  options?: Waiting,
): AsyncIterableIterator<R> {
  checkCount('limit', limit, 1)
  return run(source, limit, fn, options, true)
}

interface Slot<R> {
  done: boolean
  value?: R
}

async function* run<T, R>(
  source: Source<T>,
  limit: number,
  fn: Mapper<T, R>,
  { signal }: Waiting = {},
  ordered: boolean,
): AsyncGenerator<R, void, undefined> {
  signal?.throwIfAborted()
  const group = new TaskGroup({ signal })
  const input = new Input(source)
  const slots = new Fifo<Slot<R>>() // ordered: from start on; else from completion on
  let open = 0 // items between start and hand-over
  let turn = Promise.withResolvers<void>()
  const wake = () => turn.resolve()
  onAbort(group.signal, wake) // goes with the group

  const start = (item: T) => {
    const slot: Slot<R> = { done: false }
    open++
    if (ordered) slots.push(slot)
    group.spawn(async (signal) => {
      slot.value = await fn(item, signal)
      slot.done = true
      if (!ordered) slots.push(slot)
      wake()
    })
  }

  try {
    while (!group.signal.aborted) {
      while (open < limit && !group.signal.aborted) {
        const next = input.pull(wake, group)
        if (next === undefined) break
        start(next.item)
      }
      if (group.signal.aborted) break
      if (slots.first?.done === true) {
        const slot = slots.shift() as Slot<R>
        open--
        yield slot.value as R
      } else if (open === 0 && input.exhausted) return
      else {
        await turn.promise
        turn = Promise.withResolvers<void>()
      }
    }
    await group.join()
    throw group.signal.reason // cancelled while no call was in flight
  } finally {
    group.cancel()
    try {
      await input.close()
    } finally {
      await group[Symbol.asyncDispose]()
    }
  }
}

/** The source, pulled one item ahead at most and never waited for. */
class Input<T> {
  readonly #iterator: Iterator<T> | AsyncIterator<T>
  #pulled: { readonly item: T } | undefined
  #pulling = false
  #closed = false
  exhausted = false

  constructor(source: Source<T>) {
    this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  }

  /** An item if there is one now; else `wake` is called when there may be one. A failing source fails `group`. */
  pull(wake: () => void, group: TaskGroup): { readonly item: T } | undefined {
    const pulled = this.#pulled
    this.#pulled = undefined
    if (pulled !== undefined || this.#pulling || this.exhausted) return pulled
    const next = this.#iterator.next()
    if (!(next instanceof Promise)) return this.#take(next as IteratorResult<T>)
    this.#pulling = true
    const arrive = async () => {
      try {
        this.#pulled = this.#take(await next)
      } catch (error) {
        this.exhausted = true
        if (!this.#closed) group.spawn(() => Promise.reject(error))
      } finally {
        this.#pulling = false
        wake()
      }
    }
    void arrive()
    return undefined
  }

  /** Tells the source that nothing more is wanted. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.exhausted) return
    const returned = Promise.resolve(this.#iterator.return?.())
    if (this.#pulling)
      returned.catch(() => {}) // queued behind a next() that only the source can end
    else await returned
  }

  #take(next: IteratorResult<T>): { readonly item: T } | undefined {
    if (next.done !== true) return { item: next.value }
    this.exhausted = true
    return undefined
  }
}
