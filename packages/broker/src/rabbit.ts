import { type WatchReceiver, type WatchSender, watch } from '@warren/async'
import { type Control, CrawlError, encode, type Message } from '@warren/protocol'
import type { Channel, ChannelModel } from 'amqplib'
import {
  type Broker,
  type BrokerEvent,
  type BrokerState,
  type BrokerStats,
  type ConsumeOptions,
  type Consumer,
  type DeadLetter,
  type Handler,
  handleOf,
  newStats,
  type QueueMessage,
  type QueueName,
  queueOf,
} from './broker.ts'
import { asBrokerError } from './broker-error.ts'
import { RabbitConsumer } from './consumer.ts'
import { ControlFeed } from './control-feed.ts'
import { deadParcel, peekDeadLetters } from './dead-letters.ts'
import { type Endpoint, parseEndpoint } from './endpoint.ts'
import { checkPrefetch } from './in-flight.ts'
import { DEFAULT_RETRY, type RetryPolicy } from './judge.ts'
import { Link } from './link.ts'
import { Publisher } from './publisher.ts'
import { Pulse, socketOf } from './pulse.ts'
import { MAX_MESSAGE_BYTES, type Topology, type TopologyOptions, topology } from './topology.ts'

export interface RabbitOptions extends TopologyOptions {
  /** amqp://user:password@host:port/vhost */
  readonly url: string
  /** Of the process, shown by the broker's management tools: `fetcher`, `parser-3`. */
  readonly name: string
  /** Whole seconds. After two silent intervals a connection is lost. Default 5 s. */
  readonly heartbeatMs?: number
  /** For each connection with its handshake. Default 10 s. */
  readonly connectMs?: number
  /** Of one publish, from the call to the confirm. Default 15 s: a restart of the broker (3 to 5 s) passes unseen. */
  readonly publishDeadlineMs?: number
  readonly retry?: RetryPolicy
  readonly onEvent?: (event: BrokerEvent) => void
}

const DEFAULTS = { heartbeatMs: 5_000, connectMs: 10_000, publishDeadlineMs: 15_000 }

/**
 * Connects to RabbitMQ (3.10 to 4.x) and declares the topology. One try; afterwards lost connections come back by themselves.
 * Errors: ERR_CONFIG_INVALID (url, or queues that exist with other settings), ERR_BROKER_UNAVAILABLE, ERR_BROKER_DENIED;
 * the message names host and port and what to do, never the password.
 * Cancel safety: yes; nothing stays open.
 */
export async function connectRabbit(options: RabbitOptions, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Broker> {
  signal?.throwIfAborted()
  const broker = new RabbitBroker(options, parseEndpoint(options.url))
  const stop = () => void broker[Symbol.asyncDispose]()
  signal?.addEventListener('abort', stop)
  try {
    await broker.connect()
    signal?.throwIfAborted()
    return broker
  } catch (error) {
    await broker[Symbol.asyncDispose]()
    throw signal?.aborted ? signal.reason : error
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

/** The worse of two links is the broker's state; the worst first. */
const WORST_FIRST: readonly BrokerState[] = ['closed', 'failed', 'disconnected', 'connecting', 'blocked', 'connected']

/** Two connections: a blocked one carries no acks either, and without acks a memory alarm would never end. */
class RabbitBroker implements Broker {
  readonly heartbeatMs: number
  readonly state: WatchReceiver<BrokerState>
  readonly stats: BrokerStats = newStats()
  readonly #topology: Topology
  readonly #endpoint: Endpoint
  readonly #retry: RetryPolicy
  readonly #onEvent: (event: BrokerEvent) => void
  readonly #state: WatchSender<BrokerState>
  readonly #publisher: Publisher
  readonly #publishing: Link
  readonly #consuming: Link
  readonly #pulse: Pulse
  readonly #control: ControlFeed
  readonly #consumers = new Set<RabbitConsumer>()
  #closed = false
  #declaring = false

  constructor(options: RabbitOptions, endpoint: Endpoint) {
    const { heartbeatMs, connectMs, publishDeadlineMs } = { ...DEFAULTS, ...options }
    if (!Number.isInteger(heartbeatMs / 1_000) || heartbeatMs < 1_000)
      throw new RangeError(`Cannot use heartbeatMs: ${heartbeatMs} is not a whole number of seconds`)
    const { name } = options
    this.#topology = topology(options)
    this.#endpoint = endpoint
    this.#retry = options.retry ?? DEFAULT_RETRY
    this.#onEvent = options.onEvent ?? (() => {})
    this.heartbeatMs = heartbeatMs
    this.#pulse = new Pulse(heartbeatMs)
    this.#control = new ControlFeed(this.#topology, this.#onEvent)
    this.#publisher = new Publisher({
      where: endpoint.where,
      deadlineMs: publishDeadlineMs,
      stats: this.stats,
      onUnroutable: () => void this.#redeclare(),
      onBroken: (error) => this.#publishing.reset(error),
    })
    const link = { endpoint, heartbeatMs, connectMs, stats: this.stats }
    this.#publishing = new Link({
      ...link,
      name: `${name} publish`,
      onUp: async (model) => {
        await this.#declare(model)
        await this.#publisher.open(model)
      },
      onDown: (error) => this.#publisher.close(error.message),
      onFailed: (error) => this.#publisher.end(error.message),
      onEvent: (event) => this.#publishingEvent(event),
    })
    this.#consuming = new Link({
      ...link,
      name: `${name} consume`,
      onUp: (model) => this.#subscribeAll(model),
      onDown: () => {},
      onFailed: (error) => {
        for (const consumer of this.#consumers) void consumer.fail(error)
      },
      onEvent: this.#onEvent,
    })
    const { sender, receiver } = watch<BrokerState>('disconnected')
    this.#state = sender
    this.state = receiver
    for (const { state } of [this.#publishing, this.#consuming]) void this.#follow(state.subscribe())
  }

  async connect(): Promise<void> {
    await Promise.all([this.#publishing.connect(), this.#consuming.connect()])
    this.#updateState()
  }

  async publish(message: Message, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    signal?.throwIfAborted()
    const content = encode(message)
    if (content.length > MAX_MESSAGE_BYTES) {
      const sizes = `${content.length} bytes; at most ${MAX_MESSAGE_BYTES}, lower maxBodyBytes`
      throw new CrawlError('ERR_MESSAGE_INVALID', `Cannot publish ${message.type}: ${sizes}`)
    }
    const parcel = { content, what: message.type }
    if (message.type === 'control') {
      const exchange = this.#topology.control.exchange.name
      return this.#publisher.send({ ...parcel, exchange, routingKey: '', mandatory: false, persistent: false }, signal)
    }
    const routingKey = this.#topology.queues[queueOf(message)].name
    return this.#publisher.send({ ...parcel, exchange: '', routingKey, mandatory: true, persistent: true }, signal)
  }

  async consume<Q extends QueueName>(queue: Q, options: ConsumeOptions, handler: Handler<QueueMessage<Q>>): Promise<Consumer> {
    options.signal?.throwIfAborted()
    checkPrefetch(options.prefetch)
    if (this.#closed) throw this.#closedError()
    const ground = {
      model: () => this.#consuming.model,
      declare: (model: ChannelModel) => this.#declare(model),
      bury: (queue: QueueName, content: Buffer, reason: string) => this.#publisher.send(deadParcel(this.#topology, queue, content, reason)),
      failure: (error: unknown) => asBrokerError(error, `consume ${queue}`, this.#endpoint),
      stats: this.stats,
      retry: this.#retry,
      onEvent: this.#onEvent,
    }
    const consumer = new RabbitConsumer(ground, queue, this.#topology.queues[queue].name, options, handleOf(queue, handler))
    this.#consumers.add(consumer)
    const model = this.#consuming.model
    try {
      if (model !== undefined) await consumer.attach(model) // else the connection attaches it when it is back
    } catch (error) {
      if (this.#consuming.model === model) {
        this.#consumers.delete(consumer)
        throw ground.failure(error)
      }
    }
    return {
      failed: consumer.failed,
      setPrefetch: (prefetch) => this.#ours(`consume ${queue}`, () => consumer.setPrefetch(prefetch)),
      [Symbol.asyncDispose]: async () => {
        this.#consumers.delete(consumer)
        await consumer[Symbol.asyncDispose]()
      },
    }
  }

  async onControl(listener: (control: Control) => void): Promise<AsyncDisposable> {
    if (this.#closed) throw this.#closedError()
    return this.#ours('listen to controls', () => this.#control.listen(listener, this.#consuming.model))
  }

  silentMs(): number {
    return this.#pulse.silentMs()
  }

  depths(): Promise<Record<QueueName | 'dead', number>> {
    const { visits, pages, outcomes, dead } = this.#topology.queues
    return this.#withChannel('read the queue depths', async (channel) => {
      const depth = async ({ name }: { readonly name: string }) => (await channel.checkQueue(name)).messageCount
      const [v, p, o, d] = await Promise.all([depth(visits), depth(pages), depth(outcomes), depth(dead)])
      return { visits: v, pages: p, outcomes: o, dead: d }
    })
  }

  queue(name: QueueName): Promise<{ waiting: number; consumers: number }> {
    return this.#withChannel(`look at ${name}`, async (channel) => {
      const { messageCount, consumerCount } = await channel.checkQueue(this.#topology.queues[name].name)
      return { waiting: messageCount, consumers: consumerCount }
    })
  }

  async deadLetters(limit: number): Promise<readonly DeadLetter[]> {
    return this.#withModel('read the dead letters', (model) => peekDeadLetters(model, this.#topology, limit))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#consumers].map((consumer) => consumer[Symbol.asyncDispose]()))
    this.#publisher.end('the broker is closed')
    await this.#publisher.idle()
    await Promise.all([this.#publishing[Symbol.asyncDispose](), this.#consuming[Symbol.asyncDispose]()])
    this.#pulse[Symbol.dispose]()
    this.#updateState()
  }

  #declare(model: ChannelModel): Promise<void> {
    return this.#ours('declare the queues', async () => {
      const channel = await model.createChannel()
      channel.on('error', () => {}) // the calls below reject
      const { queues, control } = this.#topology
      const { name, type, durable } = control.exchange
      await channel.assertExchange(name, type, { durable })
      for (const queue of Object.values(queues)) await channel.assertQueue(queue.name, { ...queue, arguments: { ...queue.arguments } })
      await channel.close()
    })
  }

  /** Somebody deleted a queue: one declaration at a time, whatever comes of it; the next unroutable message tries again. */
  async #redeclare(): Promise<void> {
    const { model } = this.#publishing
    if (this.#declaring || model === undefined) return
    this.#declaring = true
    await this.#declare(model).catch(() => {})
    this.#declaring = false
  }

  async #subscribeAll(model: ChannelModel): Promise<void> {
    this.#pulse.watch(socketOf(model))
    await this.#declare(model)
    await this.#control.attach(model)
    for (const consumer of this.#consumers) await consumer.attach(model)
  }

  #publishingEvent(event: BrokerEvent): void {
    if (event.type === 'blocked') this.#publisher.block(`it is blocked (${event.reason})`)
    if (event.type === 'unblocked') this.#publisher.unblock()
    this.#onEvent(event)
  }

  async #follow(state: WatchReceiver<BrokerState>): Promise<void> {
    while (state.value !== 'closed') {
      await state.changed()
      this.#updateState()
    }
  }

  #updateState(): void {
    const now = [this.#publishing.state.value, this.#consuming.state.value]
    const worst = WORST_FIRST.find((state) => now.includes(state))
    if (worst !== undefined && worst !== this.#state.value) this.#state.send(worst)
  }

  #withChannel<T>(what: string, use: (channel: Channel) => Promise<T>): Promise<T> {
    return this.#withModel(what, async (model) => {
      const channel = await model.createChannel()
      channel.on('error', () => {}) // the calls reject
      const result = await use(channel)
      await channel.close()
      return result
    })
  }

  async #withModel<T>(what: string, use: (model: ChannelModel) => Promise<T>): Promise<T> {
    const { model } = this.#consuming
    if (model === undefined) throw this.#consuming.error ?? this.#closedError()
    return this.#ours(what, () => use(model))
  }

  /** What the driver throws, as ours. */
  async #ours<T>(what: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      throw asBrokerError(error, what, this.#endpoint)
    }
  }

  #closedError(): CrawlError {
    return new CrawlError('ERR_BROKER_UNAVAILABLE', `Cannot use the broker at ${this.#endpoint.where}: it is closed`)
  }
}
