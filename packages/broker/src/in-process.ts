import { type WatchReceiver, type WatchSender, watch } from '@warren/async'
import { type Control, CrawlError, encode, type Message } from '@warren/protocol'
import {
  type Broker,
  type BrokerEvent,
  type BrokerState,
  type BrokerStats,
  type ConsumeOptions,
  type Consumer,
  type DeadLetter,
  type Handle,
  type Handler,
  handleOf,
  newStats,
  QUEUES,
  type QueueMessage,
  type QueueName,
  queueOf,
} from './broker.ts'
import { checkPrefetch, InFlight } from './in-flight.ts'
import { DEFAULT_RETRY, judge, pause, type RetryPolicy } from './judge.ts'
import { type Entry, MemoryQueue, type QueueLimits, weightOf } from './memory-queue.ts'
import { MAX_MESSAGE_BYTES, TOPOLOGY_DEFAULTS } from './topology.ts'
import { Turn } from './turn.ts'

export interface InProcessOptions {
  readonly visitQueueMs?: number
  readonly visitsMaxCount?: number
  readonly pagesMaxCount?: number
  /** Bodies are held as they are, not packed as on the wire. */
  readonly pagesMaxBytes?: number
  readonly outcomesMaxCount?: number
  readonly deadMaxCount?: number
  /** What `heartbeatMs` says; nothing beats here. */
  readonly heartbeatMs?: number
  readonly retry?: RetryPolicy
  readonly onEvent?: (event: BrokerEvent) => void
}

/** An outcome with 2 000 links weighs about 0.5 MB as objects, so full queues stay within some hundred megabytes of ordinary pages. */
const DEFAULTS = {
  visitsMaxCount: 10_000,
  pagesMaxCount: 10_000,
  pagesMaxBytes: 134_217_728,
  outcomesMaxCount: 50_000,
  deadMaxCount: 1_000,
}
/** Ready messages up to which a confirm comes at once; above, it comes in the next turn, so that consumers can catch up. */
const CREDIT_COUNT = 256
/** Between two tries to dead-letter into a store that is full. */
const DEAD_PAUSE_MS = 1_000

/**
 * The broker of an embedded run: the contract of RabbitMQ within one process. Messages are handed over as objects and must not be
 * changed afterwards. Nothing survives the process; the frontier's leases do.
 * Cost: about a microsecond a message; one setImmediate per 512 messages or 5 ms, so that timers and sockets are not starved.
 */
export function createInProcessBroker(options: InProcessOptions = {}): Broker {
  return new InProcessBroker(options)
}

interface DeadEntry {
  readonly reason: string
  readonly queue: QueueName
  readonly message: Message
  readonly at: string
}

class InProcessBroker implements Broker {
  readonly heartbeatMs: number
  readonly state: WatchReceiver<BrokerState>
  readonly stats: BrokerStats = newStats()
  readonly retry: RetryPolicy
  readonly turn = new Turn()
  readonly #state: WatchSender<BrokerState>
  readonly #lanes: Readonly<Record<QueueName, Lane>>
  readonly #listeners = new Set<(control: Control) => void>()
  readonly #dead: DeadEntry[] = []
  readonly #deadMaxCount: number
  readonly #onEvent: ((event: BrokerEvent) => void) | undefined

  constructor(options: InProcessOptions) {
    const limits = { ...DEFAULTS, ...options }
    this.heartbeatMs = options.heartbeatMs ?? 5_000
    this.retry = options.retry ?? DEFAULT_RETRY
    this.#onEvent = options.onEvent
    this.#deadMaxCount = limits.deadMaxCount
    const { sender, receiver } = watch<BrokerState>('connected')
    this.#state = sender
    this.state = receiver
    const lane = (name: QueueName, queue: QueueLimits) => new Lane(this, name, new MemoryQueue(queue))
    const unlimited = Number.POSITIVE_INFINITY
    this.#lanes = {
      visits: lane('visits', {
        maxCount: limits.visitsMaxCount,
        maxBytes: unlimited,
        ttlMs: options.visitQueueMs ?? TOPOLOGY_DEFAULTS.visitQueueMs,
      }),
      pages: lane('pages', { maxCount: limits.pagesMaxCount, maxBytes: limits.pagesMaxBytes }),
      outcomes: lane('outcomes', { maxCount: limits.outcomesMaxCount, maxBytes: unlimited }),
    }
  }

  publish(message: Message, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#state.value === 'closed') return Promise.reject(closedError())
    if (weightOf(message) > MAX_MESSAGE_BYTES) return Promise.reject(tooLarge(message.type, weightOf(message)))
    this.stats.published++
    const now = performance.now()
    if (message.type === 'control') this.#tell(message)
    else if (!this.#laneOf(message).push(message, now)) return Promise.reject(this.#refused(message))
    this.stats.confirmed++
    // A publisher that awaits nothing else must not keep the loop from its timers, nor its consumers from their turn.
    const ahead = message.type !== 'control' && this.#laneOf(message).queue.count > CREDIT_COUNT
    return this.turn.spend(now) && !ahead ? DONE : this.turn.next()
  }

  async consume<Q extends QueueName>(queue: Q, options: ConsumeOptions, handler: Handler<QueueMessage<Q>>): Promise<Consumer> {
    options.signal?.throwIfAborted()
    checkPrefetch(options.prefetch)
    if (this.#state.value === 'closed') throw closedError()
    return this.#lanes[queue].subscribe(handleOf(queue, handler), options)
  }

  async onControl(listener: (control: Control) => void): Promise<AsyncDisposable> {
    const own = (control: Control) => listener(control) // the same function may listen twice
    this.#listeners.add(own)
    return { [Symbol.asyncDispose]: async () => void this.#listeners.delete(own) }
  }

  silentMs(): number {
    return 0
  }

  async depths(): Promise<Record<QueueName | 'dead', number>> {
    const now = performance.now()
    const { visits, pages, outcomes } = this.#lanes
    return {
      visits: visits.queue.countAt(now),
      pages: pages.queue.countAt(now),
      outcomes: outcomes.queue.countAt(now),
      dead: this.#dead.length,
    }
  }

  async deadLetters(limit: number): Promise<readonly DeadLetter[]> {
    return this.#dead.slice(0, limit).map(({ reason, queue, message, at }) => ({ reason, queue, bytes: encode(message), at }))
  }

  /** False when there is no room. */
  bury(queue: QueueName, message: Message, reason: string, error: unknown): boolean {
    if (this.#dead.length >= this.#deadMaxCount) return false
    this.#dead.push({ reason, queue, message, at: new Date().toISOString() })
    this.report({ type: 'dead-letter', queue, reason, error })
    return true
  }

  report(event: BrokerEvent): void {
    this.#onEvent?.(event)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state.value !== 'closed') this.#state.send('closed')
    await Promise.all(QUEUES.map((name) => this.#lanes[name].close()))
    this.#listeners.clear()
  }

  #laneOf(message: Exclude<Message, Control>): Lane {
    return this.#lanes[queueOf(message)]
  }

  #refused(message: Exclude<Message, Control>): CrawlError {
    this.stats.refused++
    const why = `queue ${queueOf(message)} is full; try again later`
    return new CrawlError('ERR_BROKER_REFUSED', `Cannot publish ${message.type}: ${why}`)
  }

  #tell(control: Control): void {
    for (const listener of this.#listeners) queueMicrotask(() => this.#listeners.has(listener) && listener(control))
  }
}

/** One queue with those who consume it, in turns. */
class Lane {
  readonly queue: MemoryQueue
  readonly name: QueueName
  readonly broker: InProcessBroker
  readonly #consumers = new Set<MemoryConsumer>()
  #pumping = false

  constructor(broker: InProcessBroker, name: QueueName, queue: MemoryQueue) {
    this.broker = broker
    this.name = name
    this.queue = queue
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

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer[Symbol.asyncDispose]()))
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
  readonly #inFlight = new InFlight()
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
    return this.#inFlight.count < this.#prefetch && !this.#closing.signal.aborted
  }

  async setPrefetch(prefetch: number): Promise<void> {
    checkPrefetch(prefetch)
    this.#prefetch = prefetch
    this.#lane.wake()
  }

  take(entry: Entry, receivedAt: number): void {
    this.#inFlight.enter()
    void this.#run(entry, receivedAt)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop()
    await this.#inFlight.idle()
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
    this.#inFlight.leave()
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

const DONE = Promise.resolve()
const closedError = () => new CrawlError('ERR_BROKER_UNAVAILABLE', 'Cannot use the broker: it is closed')
const tooLarge = (type: string, bytes: number) =>
  new CrawlError('ERR_MESSAGE_INVALID', `Cannot publish ${type}: ${bytes} bytes; at most ${MAX_MESSAGE_BYTES}, lower maxBodyBytes`)
