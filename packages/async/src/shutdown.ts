/**
 * The two stages of an orderly end. Who waits for new work watches `draining` and then finishes what it has taken;
 * who works watches `aborted` and then stops at once. Invariant: aborted implies draining. Both calls are idempotent.
 */
export class ShutdownScope {
  readonly #drain = new AbortController()
  readonly #abort = new AbortController()

  get draining(): AbortSignal {
    return this.#drain.signal
  }

  get aborted(): AbortSignal {
    return this.#abort.signal
  }

  drain(reason: unknown = new DOMException('Draining', 'AbortError')): void {
    this.#drain.abort(reason)
  }

  abort(reason: unknown = new DOMException('Aborted', 'AbortError')): void {
    this.#drain.abort(reason)
    this.#abort.abort(reason)
  }
}
