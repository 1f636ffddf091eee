export interface Waiting {
  /** Ends the wait: the call rejects with `signal.reason`. It is looked at before anything else. */
  readonly signal?: AbortSignal | undefined
}

/** Calls `listener` when `signal` aborts, at once if it has. The returned function takes the listener off again. */
export function onAbort(signal: AbortSignal | undefined, listener: (reason: unknown) => void): () => void {
  if (signal === undefined) return () => {}
  if (signal.aborted) {
    listener(signal.reason)
    return () => {}
  }
  const run = () => listener(signal.reason)
  signal.addEventListener('abort', run, { once: true })
  return () => signal.removeEventListener('abort', run)
}
