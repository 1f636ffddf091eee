import type { Waiting } from './abort.ts'

/** The value of something that normally fails now and then: the caller cannot reach `value` without looking at `ok`. */
export type Result<T, E> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E }

export const ok = <T>(value: T): Result<T, never> => ({ ok: true, value })

export const err = <E>(error: E): Result<never, E> => ({ ok: false, error })

/** Back from a value to an exception. Errors: `result.error`. */
export function unwrap<T>(result: Result<T, unknown>): T {
  if (!result.ok) throw result.error
  return result.value
}

/**
 * Calls `fn`, and makes a value of what it throws or rejects with: the edge where foreign errors become one's own.
 * `convert` answers undefined for what it does not know; that is thrown as it came, since a bug must stay one.
 * Cancel safety: as `fn`'s own. The reason of `signal` is thrown and never converted. Errors: the reason; what is not known.
 */
export async function attempt<T, E extends {}>(
  fn: () => T | PromiseLike<T>,
  convert: (error: unknown) => E | undefined,
  { signal }: Waiting = {},
): Promise<Result<T, E>> {
  signal?.throwIfAborted()
  try {
    return ok(await fn())
  } catch (error) {
    if (signal?.aborted && error === signal.reason) throw error
    const known = convert(error)
    if (known === undefined) throw error
    return err(known)
  }
}
