import type { Waiting } from './abort.ts'
import { checkCount } from './check.ts'
import { Fifo } from './fifo.ts'
import { type Selectable, selectable } from './select-source.ts'
import { type Settle, WaitQueue } from './wait-queue.ts'

/** A value was handed to something that takes no more; `value` gives it back. `cause` is the reason of an abort. */
export class ChannelClosedError<T = unknown> extends Error {
  override readonly name = 'ChannelClosedError'
  readonly value: T

  constructor(message: string, value: T, options?: ErrorOptions) {
    super(message, options)
    this.value = value
  }
}

interface End<T> {
  /** Takes no more values. Sends that wait fail and keep theirs; what is buffered can still be received. Idempotent. */
  close(): void
  /** Ends it now: waiting and later `recv` calls reject with `reason`. Returns the buffered values, which nobody will receive. */
  abort(reason?: unknown): T[]
}

export interface Sender<T extends {}> extends End<T> {
  /**
   * Hands `value` over, waiting while the channel is full.
   * Cancel safety: yes; a cancelled send has not sent, its value stays the caller's. Order/fairness: FIFO among senders.
   * Errors: ChannelClosedError with the value.
   */
  send(value: T, options?: Waiting): Promise<void>
  trySend(value: T): { readonly state: 'ok' | 'full' | 'closed' }
}

export interface Receiver<T extends {}> extends End<T>, AsyncIterable<T>, Selectable<T | undefined> {
  /**
   * The next value, `undefined` after a close when all have been received.
   * Cancel safety: yes; a cancelled recv takes no value. Order/fairness: FIFO among receivers. Errors: the reason of an abort.
   */
  recv(options?: Waiting): Promise<T | undefined>
  /** `closed`: no value will ever come, be it by close or by abort. */
  tryRecv(): { readonly state: 'ok'; readonly value: T } | { readonly state: 'empty' | 'closed' }
  /** Leaving the loop takes no value with it and does not close the channel. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined, undefined>
}

/**
 * A bounded queue between tasks; a full one makes senders wait (backpressure). Any number may send and receive.
 * Errors: RangeError for a capacity that is no integer >= 1.
 */
export function channel<T extends {}>(capacity: number): { readonly sender: Sender<T>; readonly receiver: Receiver<T> } {
  checkCount('capacity', capacity, 1)
  const core = new Channel<T>(capacity)
  return { sender: core, receiver: core }
}

/**
 * Both ends of one channel.
 * Invariant: receivers wait only while the buffer is empty, senders wait only while it is full; so nobody can overtake.
 */
class Channel<T extends {}> implements Sender<T>, Receiver<T> {
  readonly #capacity: number
  readonly #buffer = new Fifo<T>()
  readonly #senders = new WaitQueue<T, void>()
  readonly #receivers = new WaitQueue<undefined, T | undefined>()
  #closed = false
  #aborted: { readonly reason: unknown } | undefined

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  send(value: T, { signal }: Waiting = {}): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    switch (this.trySend(value).state) {
      case 'ok':
        return Promise.resolve()
      case 'full':
        return this.#senders.wait(value, signal)
      case 'closed':
        return Promise.reject(this.#refusal(value))
    }
  }

  trySend(value: T): { readonly state: 'ok' | 'full' | 'closed' } {
    if (this.#closed) return { state: 'closed' }
    const receiver = this.#receivers.head
    if (receiver !== undefined) receiver.resolve(value)
    else if (this.#buffer.size < this.#capacity) this.#buffer.push(value)
    else return { state: 'full' }
    return { state: 'ok' }
  }

  recv({ signal }: Waiting = {}): Promise<T | undefined> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    const next = this.tryRecv()
    if (next.state === 'ok') return Promise.resolve(next.value)
    if (next.state === 'empty') return this.#receivers.wait(undefined, signal)
    return this.#aborted === undefined ? Promise.resolve(undefined) : Promise.reject(this.#aborted.reason)
  }

  tryRecv(): { readonly state: 'ok'; readonly value: T } | { readonly state: 'empty' | 'closed' } {
    const value = this.#buffer.shift()
    if (value === undefined) return { state: this.#closed ? 'closed' : 'empty' }
    const sender = this.#senders.head
    if (sender !== undefined) {
      this.#buffer.push(sender.want)
      sender.resolve()
    }
    return { state: 'ok', value }
  }

  [selectable](settle: Settle<T | undefined>): true | (() => void) {
    const next = this.tryRecv()
    if (next.state === 'empty') {
      const waiter = this.#receivers.push(undefined, settle)
      return () => void waiter.leave()
    }
    if (next.state === 'ok') settle.resolve(next.value)
    else if (this.#aborted === undefined) settle.resolve(undefined)
    else settle.reject(this.#aborted.reason)
    return true
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#refuseSenders()
    while (this.#receivers.head !== undefined) this.#receivers.head.resolve(undefined)
  }

  abort(reason: unknown = new DOMException('Channel aborted', 'AbortError')): T[] {
    if (this.#aborted !== undefined) return []
    this.#closed = true
    this.#aborted = { reason }
    this.#refuseSenders()
    this.#receivers.rejectAll(reason)
    return this.#buffer.drain()
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined, undefined> {
    const left = new AbortController() // ends a next() under way when the loop is left from outside
    return {
      next: async () => {
        try {
          const value = await this.recv({ signal: left.signal })
          return value === undefined ? { done: true, value } : { done: false, value }
        } catch (error) {
          if (left.signal.aborted && error === left.signal.reason) return { done: true, value: undefined }
          throw error
        }
      },
      return: async () => {
        left.abort()
        return { done: true, value: undefined }
      },
    }
  }

  #refuseSenders(): void {
    for (let head = this.#senders.head; head !== undefined; head = this.#senders.head) head.reject(this.#refusal(head.want))
  }

  #refusal(value: T): ChannelClosedError<T> {
    return new ChannelClosedError('Cannot send: the channel is closed', value, this.#aborted && { cause: this.#aborted.reason })
  }
}
