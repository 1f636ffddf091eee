import type { Waiting } from './abort.ts'
import { Crew, type Mapper, type Sink, type Work } from './crew.ts'
import type { Source } from './input.ts'
import { err, ok, type Result } from './result.ts'

/**
 * `fn` of every item, at most `limit` at once; the results in the order of the items. The first failure, of `fn` or of the
 * source, aborts the signal of the calls in flight, they are awaited, and it is thrown: no further item starts.
 * Cancel safety: yes, as `fn`: nothing is in flight afterwards, and the source is closed; a pending `next()` that its
 * `return()` does not end is left behind. A signal that aborts when the source has ended, and that no call heeds, changes nothing.
 * Errors: the failure, AggregateError for several; `signal.reason`; RangeError for a bad limit.
 * Cost: `fn`'s promise and an `await` for each item, no macrotask: an `fn` that computes asks yieldIfDue. Source: bench/async.
 */
export async function mapAll<T, R>(source: Source<T>, limit: number, fn: Mapper<T, R>, options?: Waiting): Promise<R[]> {
  const results: R[] = []
  await collect({ source, limit, fn }, options, {
    start: () => results.push(undefined as R) - 1,
    put: (i, result) => {
      results[i] = result
      return 1
    },
  })
  return results
}

/**
 * As `mapAll`, but everything runs: one `ok` or `error` for each item, in the order of the items.
 * Only items fail that way. When the source fails, nobody knows what is missing: the calls in flight are aborted and awaited,
 * and its error is thrown. A cancellation is no failure of an item: the call rejects with the reason.
 */
export async function mapAllSettled<T, R>(
  source: Source<T>,
  limit: number,
  fn: Mapper<T, R>,
  options?: Waiting,
): Promise<Result<R, unknown>[]> {
  const results: Result<R, unknown>[] = []
  await collect({ source, limit, fn }, options, {
    start: () => results.push(NOT_YET) - 1,
    put: (i, result) => {
      results[i] = ok(result)
      return 1
    },
    fail: (i, error) => {
      results[i] = err(error)
    },
  })
  return results
}

/** As `mapAllSettled`, but for the values alone. Errors: one AggregateError of all failures, also of one, in the order of the items. */
export async function mapAllOrAggregate<T, R>(source: Source<T>, limit: number, fn: Mapper<T, R>, options?: Waiting): Promise<R[]> {
  const results = await mapAllSettled(source, limit, fn, options)
  const values: R[] = []
  const failures: unknown[] = []
  for (const result of results)
    if (result.ok) values.push(result.value)
    else failures.push(result.error)
  if (failures.length === 0) return values
  throw new AggregateError(failures, `${failures.length} of ${results.length} items failed`, { cause: failures[0] })
}

const NOT_YET: Result<never, undefined> = { ok: false, error: undefined }

async function collect<T, R>(work: Work<T, R>, { signal }: Waiting = {}, sink: Sink<R, number>): Promise<void> {
  signal?.throwIfAborted()
  const crew = new Crew(work, sink, signal)
  crew.hire()
  await crew.end()
  if (!crew.input.isExhausted) throw crew.children.signal.reason // cancelled between two items
}
