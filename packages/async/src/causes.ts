/**
 * An error and all that stands behind it: the error itself, then its `cause`, then the errors of an AggregateError, or of a SuppressedError
 * the one that came first and the one that followed; each with what stands behind it before the next.
 * Whatever was thrown may be asked: what is no Error has nothing behind it.
 * Invariant: everything is yielded once, so it ends on a cycle as well. Cost: O(1) for each that is asked for.
 */
export function* causes(error: unknown): Generator<unknown, void, undefined> {
  const seen = new Set<unknown>()
  const left = [error]
  while (left.length > 0) {
    const next = left.pop()
    if (seen.has(next)) continue
    seen.add(next)
    yield next
    const behind = behindOf(next)
    for (let i = behind.length - 1; i >= 0; i--) left.push(behind[i])
  }
}

function behindOf(error: unknown): readonly unknown[] {
  if (!(error instanceof Error)) return []
  const cause = error.cause === undefined ? [] : [error.cause]
  if (error instanceof AggregateError) return [...cause, ...error.errors]
  // By its shape: the class is younger than Node 22, and compiled code has a stand-in.
  if ('suppressed' in error && 'error' in error) return [...cause, error.suppressed, error.error]
  return cause
}

/** The `code` of an Error when it is a string, as Node and most drivers set it. Of the error alone, not of what stands behind it. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
