import { onAbort } from './abort.ts'
import { Alarm } from './alarm.ts'
import { checkMs } from './check.ts'
import { type Clock, systemClock } from './clock.ts'

export interface ShutdownOptions {
  /** How long a drain may take: so much later it turns into an abort, with a DOMException 'TimeoutError'. Default: no limit. */
  readonly graceMs?: number | undefined
  readonly clock?: Clock | undefined
}

export interface ShutdownLinks extends ShutdownOptions {
  /** When it aborts, the scope drains. */
  readonly draining?: AbortSignal | undefined
  /** When it aborts, the scope aborts. */
  readonly aborted?: AbortSignal | undefined
}

/**
 * The two stages of an orderly end. Who waits for new work watches `draining` and then finishes what it has taken;
 * who works watches `aborted` and then stops at once. Both keep their first reason.
 * Invariant: aborted implies draining. Both calls are idempotent.
 */
export class ShutdownScope implements Disposable {
  readonly #drain = new AbortController()
  readonly #abort = new AbortController()
  readonly #links: Disposable[] = []
  readonly #clock: Clock
  readonly #grace: Alarm
  #graceMs: number | undefined

  /** Errors: RangeError unless `graceMs` is a finite number >= 0. */
  constructor({ draining, aborted, graceMs, clock = systemClock }: ShutdownLinks = {}) {
    if (graceMs !== undefined) checkMs('graceMs', graceMs)
    this.#graceMs = graceMs
    this.#clock = clock
    this.#grace = new Alarm(clock, () => this.abort(new DOMException(`Cannot drain within ${graceMs} ms`, 'TimeoutError')))
    this.#links.push(onAbort(draining, (reason) => this.drain(reason)))
    this.#links.push(onAbort(aborted, (reason) => this.abort(reason))) // second, since an abort at once disposes the first
  }

  get draining(): AbortSignal {
    return this.#drain.signal
  }

  get aborted(): AbortSignal {
    return this.#abort.signal
  }

  drain(reason: unknown = new DOMException('Draining', 'AbortError')): void {
    if (this.draining.aborted) return
    if (this.#graceMs !== undefined) this.#grace.set(this.#clock.now() + this.#graceMs)
    this.#drain.abort(reason)
  }

  abort(reason: unknown = new DOMException('Aborted', 'AbortError')): void {
    this.#drain.abort(reason)
    this.#abort.abort(reason)
    this[Symbol.dispose]()
  }

  /** A scope for a part: it drains and aborts with this one, or earlier by itself; nothing goes upwards. Errors: as the constructor. */
  child({ graceMs, clock = this.#clock }: ShutdownOptions = {}): ShutdownScope {
    return new ShutdownScope({ draining: this.draining, aborted: this.aborted, graceMs, clock })
  }

  /** Unlinks it from its parent, and drops the grace: from now on only its own calls reach it. */
  [Symbol.dispose](): void {
    for (const link of this.#links) link[Symbol.dispose]()
    this.#graceMs = undefined
    this.#grace.set(undefined)
  }
}
