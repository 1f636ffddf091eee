import { onAbort, type Waiting } from './abort.ts'
import { checkMs } from './check.ts'
import { type Clock, systemClock } from './clock.ts'

/**
 * Runs `fn` with a signal that aborts after `ms` or with the caller's; the call ends then, also when `fn` pays no heed.
 * Until a point in time instead: `withTimeout(Math.max(0, at - clock.now()), fn, { signal, clock })`, or a CancelScope.
 * Cancel safety: as `fn`'s own. A value that comes too late is dropped: `fn` releases what it made when its signal aborts.
 * Errors: DOMException 'TimeoutError' after `ms`; `signal.reason`; whatever `fn` throws.
 */
export async function withTimeout<T>(
  ms: number,
  fn: (signal: AbortSignal) => Promise<T>,
  { signal, clock = systemClock }: Waiting & { clock?: Clock | undefined } = {},
): Promise<T> {
  signal?.throwIfAborted()
  checkMs('ms', ms)
  const controller = new AbortController()
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const cut = (reason: unknown) => {
    reject(reason) // before the abort, so that the caller sees the reason and not what fn makes of it
    controller.abort(reason)
  }
  const link = onAbort(signal, cut)
  const unschedule = clock.schedule(ms, () => cut(new DOMException(`Cannot finish within ${ms} ms`, 'TimeoutError')))
  try {
    fn(controller.signal).then(resolve, reject)
    return await promise
  } finally {
    link[Symbol.dispose]()
    unschedule()
  }
}
