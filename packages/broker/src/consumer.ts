import { backoffMs, Semaphore } from '@warren/async'
import { CrawlError, decode, type Message } from '@warren/protocol'
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib'
import { trackHandlers } from './background.ts'
import {
  type BrokerEvent,
  type BrokerStats,
  type ConsumeOptions,
  type Consumer,
  checkPrefetch,
  type Handle,
  type QueueName,
  type Verdict,
} from './broker.ts'
import { brokerMeaning } from './broker-error.ts'
import { judge, pause, type RetryPolicy } from './judge.ts'

/** What a consumer needs of its broker. */
export interface Ground {
  /** The connection, undefined while it is away. */
  model(): ChannelModel | undefined
  /** Declares what may have been deleted. */
  declare(model: ChannelModel): Promise<void>
  bury(queue: QueueName, content: Buffer, reason: string): Promise<void>
  /** What the driver threw, as ours. */
  failure(error: unknown): unknown
  readonly stats: BrokerStats
  readonly retry: RetryPolicy
  readonly onEvent: (event: BrokerEvent) => void
}

/** Between two tries to dead-letter, while the broker does not take it. */
const BURY_PAUSE_MS = 1_000
const RESUBSCRIBE = { baseMs: 100, maxMs: 5_000 }

/** One channel's subscription. Its messages can be judged only while it is open: tags mean nothing elsewhere. */
interface Subscription {
  readonly channel: Channel
  tag: string
  open: boolean
}

/**
 * A consumer of one queue, on a channel of its own, so that nobody else's error closes it.
 * The only place that acks. Survives the loss of its connection, of its channel (consumer time-out) and of its queue.
 */
export class RabbitConsumer implements Consumer {
  readonly #ground: Ground
  readonly #queue: QueueName
  readonly #queueName: string
  readonly #handle: Handle
  readonly #cancelled: AbortSignal | undefined
  /** Handlers, and what subscribes anew. */
  readonly #tasks = trackHandlers()
  /** Aborts when no more is taken. */
  readonly #closing = new AbortController()
  readonly #failed = new AbortController()
  /** Subscribing, re-subscribing and cancelling, one at a time. */
  readonly #turn = new Semaphore(1)
  #prefetch: number
  #subscription: Subscription | undefined
  #ended = false

  constructor(ground: Ground, queue: QueueName, queueName: string, options: ConsumeOptions, handle: Handle) {
    this.#ground = ground
    this.#queue = queue
    this.#queueName = queueName
    this.#prefetch = options.prefetch
    this.#cancelled = options.signal
    this.#handle = handle
  }

  get failed(): AbortSignal {
    return this.#failed.signal
  }

  /** Subscribes on a connection that is new to it. */
  async attach(model: ChannelModel): Promise<void> {
    using _turn = await this.#turn.acquire()
    if (this.#ended || this.#subscription?.open === true) return
    const channel = await model.createChannel()
    const subscription: Subscription = { channel, tag: '', open: true }
    channel.on('error', () => {}) // `close` follows
    channel.prependListener('close', () => {
      subscription.open = false
      if (this.#subscription === subscription) this.#tasks.track(() => this.#resubscribe('its channel was closed'))
    })
    await this.#consume(subscription)
    this.#subscription = subscription
  }

  async setPrefetch(prefetch: number): Promise<void> {
    checkPrefetch(prefetch)
    using _turn = await this.#turn.acquire()
    if (prefetch === this.#prefetch) return
    this.#prefetch = prefetch
    const subscription = this.#subscription
    if (this.#ended || subscription?.open !== true) return
    const { channel, tag } = subscription
    try {
      await this.#consume(subscription) // qos counts for consumers made after it
      await channel.cancel(tag)
    } catch (error) {
      if (subscription.open) throw error // a lost channel is subscribed anew, with the new number
    }
  }

  /** Takes no more and says why. The owner disposes. */
  async fail(error: CrawlError): Promise<void> {
    this.#failed.abort(error)
    await this.#cancel()
    this.#closing.abort()
  }

  /** Idempotent. Waits for the handlers, also for those that were handed out while the cancel was under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cancel()
    this.#closing.abort()
    await this.#tasks.idle()
    const subscription = this.#subscription
    if (subscription?.open !== true) return
    this.#subscription = undefined
    await subscription.channel.close().catch(() => {}) // closed meanwhile
  }

  async #consume(subscription: Subscription): Promise<void> {
    const { channel } = subscription
    await channel.prefetch(this.#prefetch)
    const { consumerTag } = await channel.consume(this.#queueName, (raw) => {
      if (raw !== null) this.#tasks.track(() => this.#run(subscription, raw, performance.now()))
      else if (this.#subscription === subscription) this.#tasks.track(() => this.#resubscribe('the broker cancelled it'))
    })
    subscription.tag = consumerTag
  }

  /** No more deliveries. */
  async #cancel(): Promise<void> {
    this.#ended = true
    using _turn = await this.#turn.acquire()
    const subscription = this.#subscription
    if (subscription?.open === true) await subscription.channel.cancel(subscription.tag).catch(() => {}) // closed meanwhile
  }

  /** While the connection stands; when that is lost, its return attaches us. Messages in flight on an open channel can still be judged. */
  async #resubscribe(reason: string): Promise<void> {
    const model = this.#ground.model()
    for (let attempt = 1; model !== undefined && !this.#ended && this.#ground.model() === model; attempt++) {
      try {
        await this.#ground.declare(model)
        const subscription = this.#subscription
        if (subscription?.open === true) {
          using _turn = await this.#turn.acquire()
          if (!this.#ended) await this.#consume(subscription)
        } else await this.attach(model)
        return this.#ground.onEvent({ type: 'resubscribed', queue: this.#queue, reason })
      } catch (error) {
        const failure = this.#ground.failure(error)
        if (failure instanceof CrawlError && failure.disposition === 'shutdown') return this.fail(failure)
      }
      await pause(backoffMs(attempt, RESUBSCRIBE), this.#closing.signal)
    }
  }

  async #run(subscription: Subscription, raw: ConsumeMessage, receivedAt: number): Promise<void> {
    const { stats, retry, onEvent } = this.#ground
    const { redelivered } = raw.fields
    const queue = this.#queue
    stats.delivered++
    if (redelivered) stats.redelivered++
    let message: Message | undefined
    const { verdict, error } = await judge(
      async (attempt) => {
        message ??= decode(raw.content)
        return this.#handle(message, redelivered || attempt > 1, receivedAt)
      },
      {
        retry,
        closing: this.#closing.signal,
        cancelled: this.#cancelled,
        onRetry: (attempt, error) => {
          stats.retried++
          onEvent({ type: 'retry', queue, attempt, error })
        },
      },
    )
    if (verdict === 'requeue' && error instanceof CrawlError) await this.fail(error) // before it is given back, or it came again
    await this.#execute(subscription, raw, verdict, error)
  }

  async #execute(subscription: Subscription, raw: ConsumeMessage, verdict: Verdict, error: unknown): Promise<void> {
    const { stats, bury, onEvent } = this.#ground
    const { channel } = subscription
    if (!subscription.open) return // the broker has it again, and will mark it redelivered
    if (typeof verdict === 'object') {
      const reason = verdict.deadLetter
      try {
        await bury(this.#queue, raw.content, reason)
      } catch {
        await pause(BURY_PAUSE_MS, this.#closing.signal)
        return this.#execute(subscription, raw, 'requeue', undefined)
      }
      onEvent({ type: 'dead-letter', queue: this.#queue, reason, error })
    }
    const sent = this.#send(subscription, () => (verdict === 'requeue' ? channel.nack(raw, false, true) : channel.ack(raw)))
    if (!sent) return
    if (verdict === 'ack') stats.acked++
    else if (verdict === 'requeue') stats.requeued++
    else stats.deadLettered++
  }

  /** False: the channel closed before. An ack must never go to another channel: with an old tag it would close that one. */
  #send(subscription: Subscription, write: () => void): boolean {
    if (!subscription.open) return false
    try {
      write()
      return true
    } catch (error) {
      if (brokerMeaning(error) === 'ERR_BROKER_UNAVAILABLE') return false
      throw error
    }
  }
}
