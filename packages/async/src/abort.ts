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
  return listen(signal, new Link(listener))
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

/** Somebody whom an abort is told. */
export interface AbortListener {
  handleAbort(reason: unknown): void
}

/**
 * Tells `listener` when `signal`, which has not aborted, does; dispose takes it off again.
 * A signal has one listener for all who wait on it, and only while somebody does: the platform looks at every listener of a target to add
 * one, so that n waiters on one signal cost O(n^2). Cost: O(1).
 */
export function listen(signal: AbortSignal, listener: AbortListener): Disposable {
  let hub = hubs.get(signal)
  if (hub === undefined) {
    hub = new Hub(signal)
    hubs.set(signal, hub)
  }
  return new Listening(hub, listener)
}

const hubs = /* @__PURE__ */ new WeakMap<AbortSignal, Hub>()

/** The ends of a ring of those who listen; it is itself the link between the last and the first. */
class Hub {
  previous: Hub | Listening = this
  next: Hub | Listening = this
  readonly #signal: AbortSignal

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  begin(): void {
    this.#signal.addEventListener('abort', this)
  }

  end(): void {
    this.#signal.removeEventListener('abort', this)
  }

  handleEvent(): void {
    while (this.next instanceof Listening) {
      const { listener } = this.next
      this.next[Symbol.dispose]()
      try {
        listener.handleAbort(this.#signal.reason)
      } catch (error) {
        queueMicrotask(() => {
          throw error // as an event target does: the others are told nevertheless
        })
      }
    }
  }
}

class Listening implements Disposable {
  readonly listener: AbortListener
  previous: Hub | Listening
  next: Hub | Listening
  #hub: Hub | undefined

  constructor(hub: Hub, listener: AbortListener) {
    this.listener = listener
    this.#hub = hub
    this.next = hub
    this.previous = hub.previous
    if (hub.previous === hub) hub.begin()
    hub.previous.next = this
    hub.previous = this
  }

  [Symbol.dispose](): void {
    const hub = this.#hub
    if (hub === undefined) return
    this.#hub = undefined
    this.previous.next = this.next
    this.next.previous = this.previous
    if (hub.next === hub) hub.end()
  }
}

class Link implements AbortListener {
  readonly #listener: (reason: unknown) => void

  constructor(listener: (reason: unknown) => void) {
    this.#listener = listener
  }

  handleAbort(reason: unknown): void {
    this.#listener(reason)
  }
}
