import { type WatchReceiver, type WatchSender, watch } from '@warren/async'
import { type Control, CrawlError, encode, type Message } from '@warren/protocol'
import { disposeAll } from './background.ts'
import {
  type Broker,
  type BrokerEvent,
  type BrokerState,
  type BrokerStats,
  type ConsumeOptions,
  type Consumer,
  checkPrefetch,
  type DeadLetter,
  type Handler,
  handleOf,
  newStats,
  QUEUES,
  type QueueMessage,
  type QueueName,
  queueOf,
} from './broker.ts'
import { Controls } from './controls.ts'
import { DEFAULT_RETRY, type RetryPolicy } from './judge.ts'
import { Lane, type MemoryGround } from './lane.ts'
import { MemoryQueue, type QueueLimits, weightOf } from './memory-queue.ts'
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

class InProcessBroker implements Broker, MemoryGround {
  readonly heartbeatMs: number
  readonly state: WatchReceiver<BrokerState>
  readonly stats: BrokerStats = newStats()
  readonly retry: RetryPolicy
  readonly turn = new Turn()
  readonly #state: WatchSender<BrokerState>
  readonly #lanes: Readonly<Record<QueueName, Lane>>
  readonly #controls = new Controls()
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
    if (message.type === 'control') this.#controls.tell(message)
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
    return this.#controls.listen(listener)
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

  async queue(name: QueueName): Promise<{ waiting: number; consumers: number }> {
    const { queue, consumers } = this.#lanes[name]
    return { waiting: queue.countAt(performance.now()), consumers }
  }

  async deadLetters(limit: number): Promise<readonly DeadLetter[]> {
    return this.#dead.slice(0, limit).map(({ reason, queue, message, at }) => ({ reason, queue, bytes: encode(message), at }))
  }

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
    await disposeAll(QUEUES.map((name) => this.#lanes[name]))
    this.#controls.close()
  }

  #laneOf(message: Exclude<Message, Control>): Lane {
    return this.#lanes[queueOf(message)]
  }

  #refused(message: Exclude<Message, Control>): CrawlError {
    this.stats.refused++
    const why = `queue ${queueOf(message)} is full; try again later`
    return new CrawlError('ERR_BROKER_REFUSED', `Cannot publish ${message.type}: ${why}`)
  }
}

const DONE = Promise.resolve()
const closedError = () => new CrawlError('ERR_BROKER_UNAVAILABLE', 'Cannot use the broker: it is closed')
const tooLarge = (type: string, bytes: number) =>
  new CrawlError('ERR_MESSAGE_INVALID', `Cannot publish ${type}: ${bytes} bytes; at most ${MAX_MESSAGE_BYTES}, lower maxBodyBytes`)
