import { oneshot } from '@warren/async'
import type { Message } from '@warren/protocol'
import { disposeAll } from './background.ts'
import {
  type BrokerEvent,
  type BrokerStats,
  type ConsumeOptions,
  type Consumer,
  checkPrefetch,
  type Handle,
  type QueueName,
} from './broker.ts'
import { judge, pause, type RetryPolicy } from './judge.ts'
import type { Entry, MemoryQueue } from './memory-queue.ts'
import type { Turn } from './turn.ts'

/** Between two tries to dead-letter into a store that is full. */
const DEAD_PAUSE_MS = 1_000

/** What a lane needs of its broker. */
export interface MemoryGround {
  readonly turn: Turn
  readonly stats: BrokerStats
  readonly retry: RetryPolicy
  /** Keeps a dead letter. False: there is no room. */
  bury(queue: QueueName, message: Message, reason: string, error: unknown): boolean
  report(event: BrokerEvent): void
}

/** One queue with those who consume it, in turns. */
export class Lane implements AsyncDisposable {
  readonly queue: MemoryQueue
  readonly name: QueueName
  readonly broker: MemoryGround
  readonly #consumers = new Set<MemoryConsumer>()
  #pumping = false

  constructor(broker: MemoryGround, name: QueueName, queue: MemoryQueue) {
    this.broker = broker
    this.name = name
    this.queue = queue
  }

  get consumers(): number {
    return this.#consumers.size
  }

  push(message: Message, now: number): boolean {
    const taken = this.queue.push(message, now)
    if (taken) this.wake()
    return taken
  }

  subscribe(handle: Handle, options: ConsumeOptions): Consumer {
    const consumer = new MemoryConsumer(this, handle, options)
    this.#consumers.add(consumer)
    this.wake()
    return consumer
  }

  unsubscribe(consumer: MemoryConsumer): void {
    this.#consumers.delete(consumer)
  }

  /** Hands over in a microtask, so that nobody's handler runs inside somebody else's publish. */
  wake(): void {
    if (this.#pumping || this.#consumers.size === 0) return
    this.#pumping = true
    queueMicrotask(() => this.#pump())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return disposeAll(this.#consumers)
  }

  #pump(): void {
    for (;;) {
      const consumer = this.#nextFree()
      if (consumer === undefined || this.queue.count === 0) break
      const now = performance.now()
      if (!this.broker.turn.spend(now)) {
        void this.broker.turn.next().then(() => this.#pump())
        return // still pumping
      }
      const entry = this.queue.take(now)
      if (entry === undefined) break
      consumer.take(entry, now)
    }
    this.#pumping = false
  }

  #nextFree(): MemoryConsumer | undefined {
    for (const consumer of this.#consumers) {
      if (!consumer.free) continue
      if (this.#consumers.size > 1) {
        this.#consumers.delete(consumer) // to the end: round robin
        this.#consumers.add(consumer)
      }
      return consumer
    }
    return undefined
  }
}

class MemoryConsumer implements Consumer {
  readonly #lane: Lane
  readonly #handle: Handle
  readonly #cancelled: AbortSignal | undefined
  readonly #closing = new AbortController()
  readonly #failed = new AbortController()
  /** Told when the last handler has ended, once nothing is taken any more. */
  readonly #idle = oneshot<true>()
  #running = 0
  #prefetch: number

  constructor(lane: Lane, handle: Handle, { prefetch, signal }: ConsumeOptions) {
    this.#lane = lane
    this.#handle = handle
    this.#prefetch = prefetch
    this.#cancelled = signal
  }

  get failed(): AbortSignal {
    return this.#failed.signal
  }

  get free(): boolean {
    return this.#running < this.#prefetch && !this.#closing.signal.aborted
  }

  async setPrefetch(prefetch: number): Promise<void> {
    checkPrefetch(prefetch)
    this.#prefetch = prefetch
    this.#lane.wake()
  }

  take(entry: Entry, receivedAt: number): void {
    this.#running++
    void this.#run(entry, receivedAt)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop()
    if (this.#running > 0) await this.#idle.receiver.recv()
  }

  #stop(): void {
    this.#closing.abort()
    this.#lane.unsubscribe(this)
  }

  async #run(entry: Entry, receivedAt: number): Promise<void> {
    const { broker, name } = this.#lane
    const { stats } = broker
    stats.delivered++
    if (entry.redelivered) stats.redelivered++
    const { verdict, error } = await judge((attempt) => this.#handle(entry.message, entry.redelivered || attempt > 1, receivedAt), {
      retry: broker.retry,
      closing: this.#closing.signal,
      cancelled: this.#cancelled,
      onRetry: (attempt, error) => {
        stats.retried++
        broker.report({ type: 'retry', queue: name, attempt, error })
      },
    })
    if (verdict === 'ack') stats.acked++
    else if (verdict !== 'requeue' && (await this.#bury(entry, verdict.deadLetter, error))) stats.deadLettered++
    else {
      stats.requeued++
      if (verdict === 'requeue' && error !== undefined) this.#fail(error)
      this.#lane.queue.giveBack(entry)
    }
    if (--this.#running === 0 && this.#closing.signal.aborted) this.#idle.sender.send(true)
    this.#lane.wake()
  }

  async #bury(entry: Entry, reason: string, error: unknown): Promise<boolean> {
    if (this.#lane.broker.bury(this.#lane.name, entry.message, reason, error)) return true
    await pause(DEAD_PAUSE_MS, this.#closing.signal)
    return false
  }

  #fail(error: unknown): void {
    this.#stop()
    this.#failed.abort(error)
  }
}
