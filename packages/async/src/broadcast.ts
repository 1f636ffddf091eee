import type { Waiting } from './abort.ts'
import { checkCount } from './check.ts'
import { Loop, untilUndefined } from './loop.ts'
import { type Selectable, selectable } from './select-source.ts'
import { type Settle, type Waiter, WaitQueue } from './wait-queue.ts'

/** A value, or how many were lost since the last one that was received, because the receiver was too slow. */
export type Received<T> = { readonly state: 'ok'; readonly value: T } | { readonly state: 'lagged'; readonly lostCount: number }

export interface BroadcastSender<T extends {}> {
  /**
   * Gives `value` to everybody who is subscribed; never waits. Returns how many that are: 0 also after the end.
   * Cost: O(receivers that wait).
   */
  send(value: T): number
  /** A receiver of all that is sent from now on. Dispose it: while it lives, values are kept for it. */
  subscribe(): BroadcastReceiver<T>
  /** Takes no more values. Receivers still get what they have not seen, then undefined. Idempotent. */
  close(): void
  /** Ends it now: waiting and later `recv` calls reject with `reason`; what was not seen is dropped. */
  abort(reason?: unknown): void
}

export interface BroadcastReceiver<T extends {}> extends AsyncIterable<Received<T>>, Selectable<Received<T> | undefined>, Disposable {
  /**
   * The next value, `undefined` after a close when all have been received, or after dispose. A receiver that was more than the
   * capacity behind is told once how many values it lost, then goes on with the oldest that is left.
   * Cancel safety: yes; a cancelled recv takes nothing. Order/fairness: the order of the sends; FIFO among the calls of one
   * receiver. Errors: the reason of an abort. Cost: O(1).
   */
  recv(options?: Waiting): Promise<Received<T> | undefined>
  /** `closed`: nothing will ever come, be it by close, abort or dispose. */
  tryRecv(): Received<T> | { readonly state: 'empty' | 'closed' }
  /** Unsubscribes: calls that wait get undefined. Cost: O(values not seen). */
  [Symbol.dispose](): void
  /** Leaving the loop takes no value with it and does not unsubscribe. Errors: the reason of an abort. */
  [Symbol.asyncIterator](): AsyncIterator<Received<T>, undefined, undefined>
}

/**
 * Every receiver sees every value sent since it subscribed, unless it falls more than `capacity` values behind: a slow one
 * loses and is told, it never slows the sender or the others. It starts without receivers.
 * Cost: one ring for all, O(capacity); a value is let go of when all have seen it or it falls out.
 * Errors: RangeError for a capacity that is no integer >= 1.
 */
export function broadcast<T extends {}>(capacity: number): BroadcastSender<T> {
  checkCount('capacity', capacity, 1)
  return new Hub<T>(capacity)
}

interface Slot<T> {
  value: T | undefined
  /** How many receivers have not seen it. */
  unseenBy: number
}

/** The sender. Values are numbered; number n lies in the ring at n modulo capacity. */
class Hub<T extends {}> implements BroadcastSender<T> {
  sentCount = 0
  closed = false
  aborted: { readonly reason: unknown } | undefined
  readonly #capacity: number
  readonly #ring: Slot<T>[] = []
  #receiverCount = 0
  /** Those with a call that waits; also some whose calls were cancelled, until the next send. */
  readonly #waiting = new Set<Subscription<T>>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** The number of the oldest value in the ring. */
  get oldest(): number {
    return this.sentCount - this.#ring.length
  }

  send(value: T): number {
    if (this.closed || this.#receiverCount === 0) return 0
    let unseenBy = this.#receiverCount
    if (this.#waiting.size > 0) {
      const received = { state: 'ok', value } as const
      for (const receiver of this.#waiting) {
        if (receiver.tell(received)) unseenBy--
        else this.#waiting.delete(receiver)
      }
    }
    const at = this.sentCount++ % this.#capacity
    this.#ring[at] ??= { value, unseenBy }
    const slot = this.#ring[at]
    slot.value = unseenBy === 0 ? undefined : value
    slot.unseenBy = unseenBy
    return this.#receiverCount
  }

  subscribe(): BroadcastReceiver<T> {
    this.#receiverCount++
    return new Subscription(this)
  }

  close(): void {
    this.closed = true
    for (const receiver of this.#waiting) receiver.end()
    this.#waiting.clear()
  }

  abort(reason: unknown = new DOMException('Broadcast aborted', 'AbortError')): void {
    this.aborted ??= { reason }
    this.#ring.length = 0
    this.close()
  }

  /** Value number `n`, for one of the receivers that have not seen it. */
  see(n: number): T {
    const slot = this.#ring[n % this.#capacity] as Slot<T>
    const value = slot.value as T
    if (--slot.unseenBy === 0) slot.value = undefined // do not keep it alive
    return value
  }

  await(receiver: Subscription<T>): void {
    this.#waiting.add(receiver)
  }

  /** Without `receiver`, whose next value would be number `n`. */
  leave(receiver: Subscription<T>, n: number): void {
    this.#receiverCount--
    this.#waiting.delete(receiver)
    for (let unseen = Math.max(n, this.oldest); unseen < this.sentCount; unseen++) this.see(unseen)
  }
}

/** Invariant: its calls wait only while it has seen all that was sent. */
class Subscription<T extends {}> implements BroadcastReceiver<T> {
  readonly #hub: Hub<T>
  readonly #calls = new WaitQueue<undefined, Received<T> | undefined>()
  /** The number of the next value to see. */
  #next: number
  #disposed = false

  constructor(hub: Hub<T>) {
    this.#hub = hub
    this.#next = hub.sentCount
  }

  recv(options?: Waiting): Promise<Received<T> | undefined> {
    const signal = options?.signal
    if (signal?.aborted) return Promise.reject(signal.reason)
    const received = this.#take()
    if (received !== undefined) return Promise.resolve(received)
    if (this.#aborted !== undefined) return Promise.reject(this.#aborted.reason)
    if (this.#closed) return Promise.resolve(undefined)
    this.#hub.await(this)
    return this.#calls.wait(undefined, signal)
  }

  tryRecv(): Received<T> | { readonly state: 'empty' | 'closed' } {
    return this.#take() ?? { state: this.#closed ? 'closed' : 'empty' }
  }

  [selectable](settle: Settle<Received<T> | undefined>): Waiter<undefined, Received<T> | undefined> | undefined {
    const received = this.#take()
    if (received !== undefined) settle.resolve(received)
    else if (this.#aborted !== undefined) settle.reject(this.#aborted.reason)
    else if (this.#closed) settle.resolve(undefined)
    else {
      this.#hub.await(this)
      return this.#calls.push(undefined, settle)
    }
    return undefined
  }

  [Symbol.asyncIterator](): AsyncIterator<Received<T>, undefined, undefined> {
    return new Loop(this, untilUndefined)
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#hub.leave(this, this.#next)
    this.#calls.resolveAll(undefined)
  }

  /** For the hub: gives its newest value to the first call that waits; false when none does. */
  tell(received: Received<T>): boolean {
    const call = this.#calls.head
    if (call === undefined) return false
    this.#next++ // seen, by this call
    call.resolve(received)
    return true
  }

  /** For the hub, which has closed. */
  end(): void {
    if (this.#aborted === undefined) this.#calls.resolveAll(undefined)
    else this.#calls.rejectAll(this.#aborted.reason)
  }

  get #closed(): boolean {
    return this.#disposed || this.#hub.closed
  }

  get #aborted(): { readonly reason: unknown } | undefined {
    return this.#disposed ? undefined : this.#hub.aborted
  }

  #take(): Received<T> | undefined {
    if (this.#disposed || this.#hub.aborted !== undefined) return undefined
    const lostCount = this.#hub.oldest - this.#next
    if (lostCount > 0) {
      this.#next += lostCount
      return { state: 'lagged', lostCount }
    }
    return this.#next < this.#hub.sentCount ? { state: 'ok', value: this.#hub.see(this.#next++) } : undefined
  }
}
