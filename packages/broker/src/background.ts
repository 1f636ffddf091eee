import { TaskTracker, tryJoin } from '@warren/async'

/** For work that nobody awaits and that must not fail: a bug in it ends the process, as an error that nobody catches does. */
export function crash(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}

/** Owns the handlers that run, so that a dispose can wait for them. */
export const trackHandlers = (): TaskTracker => new TaskTracker({ onError: crash })

/** Disposes all, side by side. Errors: the failure, AggregateError for several; all have ended then. */
export async function disposeAll(resources: Iterable<AsyncDisposable>): Promise<void> {
  await tryJoin(Array.from(resources, (resource) => () => Promise.resolve(resource[Symbol.asyncDispose]())))
}
