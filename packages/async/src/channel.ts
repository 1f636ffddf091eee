import type { Waiting } from './abort.ts'
import { checkCount } from './check.ts'
import { Fifo } from './fifo.ts'
import { Loop, untilUndefined } from './loop.ts'
import { type Selectable, selectable } from './select-source.ts'
import { type Settle, type Waiter, WaitQueue } from './wait-queue.ts'

/**
 * Something takes or gives no more. `value` is what was handed to it, given back; of a watch that is waited on, the last one.
 * `cause` is the reason of an abort.
 */
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
   * Errors: ChannelClosedError with the value. Cost: O(1); nothing is allocated where there is room.
   */
  send(value: T, options?: Waiting): Promise<void>
  /** `full` and `closed`: it has not sent. Never overtakes a `send` that waits. */
  trySend(value: T): { readonly state: 'ok' | 'full' | 'closed' }
}

export interface Receiver<T extends {}> extends End<T>, AsyncIterable<T>, Selectable<T | undefined> {
  /**
   * The next value, `undefined` after a close when all have been received.
   * Cancel safety: yes; a cancelled recv takes no value. Order/fairness: FIFO among receivers. Errors: the reason of an abort.
   * Cost: O(1).
   */
  recv(options?: Waiting): Promise<T | undefined>
  /** `closed`: no value will ever come, be it by close or by abort. */
  tryRecv(): { readonly state: 'ok'; readonly value: T } | { readonly state: 'empty' | 'closed' }
  /** Leaving the loop takes no value with it and does not close the channel. Errors: the reason of an abort. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined, undefined>
}

/**
 * A bounded queue between tasks, for many senders and many receivers (mpmc): each value goes to one of them. A full one makes
 * senders wait (backpressure). It takes no turn of the event loop: of two ends that wait for nothing but each other one should
 * call `yieldNow` now and then. Errors: RangeError for a capacity that is no integer >= 1.
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
export class Channel<T extends {}> implements Sender<T>, Receiver<T> {
  readonly #capacity: number
  readonly #buffer = new Fifo<T>()
  readonly #senders = new WaitQueue<T, void>()
  readonly #receivers = new WaitQueue<undefined, T | undefined>()
  #closed = false
  #aborted: { readonly reason: unknown } | undefined

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  send(value: T, options?: Waiting): Promise<void> {
    const signal = options?.signal
    if (signal?.aborted) return Promise.reject(signal.reason)
    switch (this.trySend(value)) {
      case OK:
        return SENT
      case FULL:
        return this.#senders.wait(value, signal)
      default:
        return Promise.reject(this.#refusal(value))
    }
  }

  trySend(value: T): { readonly state: 'ok' | 'full' | 'closed' } {
    if (this.#closed) return CLOSED
    const receiver = this.#receivers.head
    if (receiver !== undefined) receiver.resolve(value)
    else if (this.#buffer.size < this.#capacity) this.#buffer.push(value)
    else return FULL
    return OK
  }

  recv(options?: Waiting): Promise<T | undefined> {
    const signal = options?.signal
    if (signal?.aborted) return Promise.reject(signal.reason)
    const value = this.#take()
    if (value !== undefined) return Promise.resolve(value)
    if (!this.#closed) return this.#receivers.wait(undefined, signal)
    return this.#aborted === undefined ? Promise.resolve(undefined) : Promise.reject(this.#aborted.reason)
  }

  tryRecv(): { readonly state: 'ok'; readonly value: T } | { readonly state: 'empty' | 'closed' } {
    const value = this.#take()
    if (value !== undefined) return { state: 'ok', value }
    return this.#closed ? CLOSED : EMPTY
  }

  [selectable](settle: Settle<T | undefined>): Waiter<undefined, T | undefined> | undefined {
    const value = this.#take()
    if (value === undefined && !this.#closed) return this.#receivers.push(undefined, settle)
    if (this.#aborted === undefined) settle.resolve(value)
    else settle.reject(this.#aborted.reason)
    return undefined
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined, undefined> {
    return new Loop(this, untilUndefined)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#refuseSenders()
    this.#receivers.resolveAll(undefined)
  }

  abort(reason: unknown = new DOMException('Channel aborted', 'AbortError')): T[] {
    if (this.#aborted !== undefined) return []
    this.#closed = true
    this.#aborted = { reason }
    this.#refuseSenders()
    this.#receivers.rejectAll(reason)
    return this.#buffer.drain()
  }

  /** What is buffered first; its place goes to the sender that has waited longest. */
  #take(): T | undefined {
    const value = this.#buffer.shift()
    if (value === undefined) return undefined
    const sender = this.#senders.head
    if (sender !== undefined) {
      this.#buffer.push(sender.want)
      sender.resolve()
    }
    return value
  }

  #refuseSenders(): void {
    for (let head = this.#senders.head; head !== undefined; head = this.#senders.head) head.reject(this.#refusal(head.want))
  }

  #refusal(value: T): ChannelClosedError<T> {
    return new ChannelClosedError('Cannot send: the channel is closed', value, this.#aborted && { cause: this.#aborted.reason })
  }
}

// Answers that say no more than their state are one object each.
const OK = { state: 'ok' } as const
const FULL = { state: 'full' } as const
const EMPTY = { state: 'empty' } as const
const CLOSED = { state: 'closed' } as const
const SENT = /* @__PURE__ */ Promise.resolve()
