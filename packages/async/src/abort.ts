export interface Waiting {
  /** Ends the wait: the call rejects with `signal.reason`. It is looked at before anything else. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Calls `listener` when `signal` aborts, at once if it has. Dispose takes the listener off again.
 * Cost: one object, and no listener where there is no signal or it has aborted.
 */
export function onAbort(signal: AbortSignal | undefined, listener: (reason: unknown) => void): Disposable {
  if (signal === undefined) return NOTHING
  if (signal.aborted) {
    listener(signal.reason)
    return NOTHING
  }
  return new Link(signal, listener)
}

/**
 * Resolves with the reason when `aborting` aborts, at once if it has; for those to whom an abort is news and no failure.
 * Cancel safety: yes. Errors: `signal.reason`.
 */
export function whenAborted(aborting: AbortSignal, { signal }: Waiting = {}): Promise<unknown> {
  if (signal?.aborted) return Promise.reject(signal.reason)
  if (aborting.aborted) return Promise.resolve(aborting.reason)
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  const told = onAbort(aborting, (reason) => {
    cancelled[Symbol.dispose]()
    resolve(reason)
  })
  const cancelled = onAbort(signal, (reason) => {
    told[Symbol.dispose]()
    reject(reason)
  })
  return promise
}

const NOTHING: Disposable = { [Symbol.dispose]: () => {} }

class Link implements Disposable {
  readonly #signal: AbortSignal
  readonly #listener: (reason: unknown) => void

  constructor(signal: AbortSignal, listener: (reason: unknown) => void) {
    this.#signal = signal
    this.#listener = listener
    signal.addEventListener('abort', this, ONCE)
  }

  handleEvent(): void {
    this.#listener(this.#signal.reason)
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this)
  }
}

const ONCE = { once: true }
