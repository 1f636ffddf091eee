import type { Waiting } from './abort.ts'
import { Channel } from './channel.ts'
import { type Selectable, selectable } from './select-source.ts'
import type { Settle } from './wait-queue.ts'

interface End<T> {
  /** No value will be sent any more; one that was sent can still be received, else `recv` gives undefined. Idempotent. */
  close(): void
  /** Ends it now: waiting and later `recv` calls reject with `reason`. Returns a value that was sent and not received. */
  abort(reason?: unknown): T | undefined
}

export interface OneshotSender<T extends {}> extends End<T> {
  /**
   * Sends the value; never waits. False when it was not sent and stays the caller's: either end has closed or aborted, or a
   * value was sent before.
   */
  send(value: T): boolean
  /**
   * Aborts when an end is closed or aborted before a value was sent, by the reason of the abort: nobody wants the answer, so
   * stop working on it. Cost: a controller, if it is asked for.
   */
  readonly closed: AbortSignal
}

export interface OneshotReceiver<T extends {}> extends End<T>, Selectable<T | undefined> {
  /**
   * The value; undefined when it has been received or will not come.
   * Cancel safety: yes; a cancelled recv takes nothing. Order/fairness: of several calls the first gets the value.
   * Errors: the reason of an abort.
   */
  recv(options?: Waiting): Promise<T | undefined>
  /** `closed`: no value will ever come, be it because it was received, by close or by abort. */
  tryRecv(): { readonly state: 'ok'; readonly value: T } | { readonly state: 'empty' | 'closed' }
}

/** One value, once: the answer to a request. */
export function oneshot<T extends {}>(): { readonly sender: OneshotSender<T>; readonly receiver: OneshotReceiver<T> } {
  const core = new Oneshot<T>()
  return { sender: core, receiver: core }
}

/** Both ends: a channel that the first value closes. */
class Oneshot<T extends {}> implements OneshotSender<T>, OneshotReceiver<T> {
  readonly #channel = new Channel<T>(1)
  #sent = false
  #over: { readonly reason: unknown } | undefined
  #closed: AbortController | undefined

  send(value: T): boolean {
    if (this.#channel.trySend(value).state !== 'ok') return false
    this.#sent = true
    this.#channel.close() // the first value is the last
    return true
  }

  get closed(): AbortSignal {
    this.#closed ??= new AbortController()
    if (this.#over !== undefined) this.#closed.abort(this.#over.reason)
    return this.#closed.signal
  }

  recv(options?: Waiting): Promise<T | undefined> {
    return this.#channel.recv(options)
  }

  tryRecv(): { readonly state: 'ok'; readonly value: T } | { readonly state: 'empty' | 'closed' } {
    return this.#channel.tryRecv()
  }

  [selectable](settle: Settle<T | undefined>): Disposable | undefined {
    return this.#channel[selectable](settle)
  }

  close(): void {
    this.#channel.close() // what was sent stays
    this.#end(new DOMException('Oneshot closed', 'AbortError'))
  }

  abort(reason: unknown = new DOMException('Oneshot aborted', 'AbortError')): T | undefined {
    const [value] = this.#channel.abort(reason)
    this.#end(reason)
    return value
  }

  #end(reason: unknown): void {
    if (this.#sent) return
    this.#over ??= { reason }
    this.#closed?.abort(this.#over.reason)
  }
}
