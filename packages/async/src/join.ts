import type { Waiting } from './abort.ts'
import { Children } from './children.ts'
import { err, ok, type Result, unwrap } from './result.ts'

type Task<T> = (signal: AbortSignal) => Promise<T>
type Values<F extends readonly Task<unknown>[]> = { -readonly [K in keyof F]: Awaited<ReturnType<F[K]>> }
type Results<F extends readonly Task<unknown>[]> = { -readonly [K in keyof F]: Result<Awaited<ReturnType<F[K]>>, unknown> }

/**
 * Runs all tasks side by side to their ends, and tells how each ended, in their order. A failure stops nobody.
 * Cancel safety: yes, as the tasks': all have ended. Their signal is the caller's.
 * Errors: `signal.reason`, when a task was cancelled by it; what the others came to is then dropped.
 */
export async function join<const F extends readonly Task<unknown>[]>(tasks: F, { signal }: Waiting = {}): Promise<Results<F>> {
  signal?.throwIfAborted()
  const shared = signal ?? new AbortController().signal
  let isCancelled = false
  const settle = async (task: Task<unknown>): Promise<Result<unknown, unknown>> => {
    try {
      shared.throwIfAborted()
      return ok(await task(shared))
    } catch (error) {
      if (shared.aborted && error === shared.reason) isCancelled = true
      return err(error)
    }
  }
  const results = await Promise.all(tasks.map(settle))
  if (isCancelled) throw shared.reason
  return results as Results<F>
}

/**
 * Runs all tasks side by side and returns their values, in their order. The first failure aborts the signal of the others.
 * Cancel safety: yes, as the tasks': all have ended. Errors: the failure, AggregateError for several; `signal.reason`, when a
 * task was cancelled by it.
 */
export async function tryJoin<const F extends readonly Task<unknown>[]>(tasks: F, { signal }: Waiting = {}): Promise<Values<F>> {
  signal?.throwIfAborted()
  const children = new Children(signal)
  const values: unknown[] = new Array(tasks.length)
  const run = async (task: Task<unknown>, i: number) => {
    if (!children.begin()) return
    try {
      values[i] = await task(children.signal)
      children.end()
    } catch (error) {
      children.fail(error)
    }
  }
  for (const [i, task] of tasks.entries()) void run(task, i)
  await children.ended()
  children.check()
  return values as Values<F>
}

/**
 * The end of the task that ends first, be it a value or a failure; the others are aborted and awaited. What they come to is
 * dropped: a task releases what it made when its signal aborts.
 * Cancel safety: yes, as the tasks': all have ended. Errors: the failure of the first; `signal.reason`; RangeError for no task.
 */
export async function race<const F extends readonly Task<unknown>[]>(tasks: F, { signal }: Waiting = {}): Promise<Values<F>[number]> {
  signal?.throwIfAborted()
  if (tasks.length === 0) throw new RangeError('Cannot use tasks: [] is not an array with at least one task')
  const children = new Children(signal)
  let first: Result<unknown, unknown> | undefined
  const run = async (task: Task<unknown>) => {
    if (!children.begin()) return
    let end: Result<unknown, unknown>
    try {
      end = ok(await task(children.signal))
    } catch (error) {
      end = err(error)
    }
    first ??= end
    children.stop()
    children.end()
  }
  for (const task of tasks) void run(task)
  await children.ended()
  return unwrap(first as Result<Values<F>[number], unknown>) // at least one has started
}
