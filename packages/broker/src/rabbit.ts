import { ResourceScope, tryJoin, type Waiting, type WatchReceiver, type WatchSender, watch } from '@warren/async'
import { type Control, CrawlError, encode, type Message } from '@warren/protocol'
import type { Channel, ChannelModel } from 'amqplib'
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
  type QueueMessage,
  type QueueName,
  queueOf,
} from './broker.ts'
import { asBrokerError } from './broker-error.ts'
import { RabbitConsumer } from './consumer.ts'
import { ControlFeed } from './control-feed.ts'
import { deadParcel, peekDeadLetters } from './dead-letters.ts'
import { dial, type Endpoint, parseEndpoint } from './endpoint.ts'
import { DEFAULT_RETRY, type RetryPolicy } from './judge.ts'
import { Link, type LinkOptions, type LinkStep } from './link.ts'
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
export async function connectRabbit(options: RabbitOptions, { signal }: Waiting = {}): Promise<Broker> {
  signal?.throwIfAborted()
  await using scope = new ResourceScope()
  const broker = scope.use(new RabbitBroker(options, parseEndpoint(options.url)))
  await broker.connect({ signal })
  scope.move()
  return broker
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
    const link = (what: string, follow: (step: LinkStep) => void): Omit<LinkOptions, 'onUp'> => ({
      name: `${name} ${what}`,
      caller: endpoint,
      dial: (signal) => dial(endpoint, { name: `${name} ${what}`, heartbeatMs, connectMs, signal }),
      stats: this.stats,
      onStep: (step) => {
        this.#updateState()
        follow(step)
      },
      onEvent: this.#onEvent,
    })
    this.#publishing = new Link({
      ...link('publish', (step) => this.#followPublishing(step)),
      onUp: async (model) => {
        await this.#declare(model)
        await this.#publisher.open(model)
      },
    })
    this.#consuming = new Link({
      ...link('consume', (step) => this.#followConsuming(step)),
      onUp: (model) => this.#subscribeAll(model),
    })
    const { sender, receiver } = watch<BrokerState>('disconnected')
    this.#state = sender
    this.state = receiver
  }

  /** The first connections. Cancel safety: yes; to be disposed afterwards. Errors: as Link.connect. */
  async connect({ signal }: Waiting): Promise<void> {
    const connect = (link: Link) => (signal: AbortSignal) => link.connect({ signal })
    try {
      await tryJoin([connect(this.#publishing), connect(this.#consuming)], { signal })
    } catch (error) {
      throw error instanceof AggregateError ? error.cause : error // both say the same
    }
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
      const [v, p, o, d] = await tryJoin([() => depth(visits), () => depth(pages), () => depth(outcomes), () => depth(dead)])
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
    await disposeAll(this.#consumers)
    this.#publisher.end('the broker is closed')
    await this.#publisher.idle()
    await disposeAll([this.#publishing, this.#consuming])
    this.#pulse[Symbol.dispose]()
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

  #followPublishing({ event, payload }: LinkStep): void {
    if (event === 'block') this.#publisher.block(`it is blocked (${payload})`)
    else if (event === 'unblock') this.#publisher.unblock()
    else if (event === 'lose') this.#publisher.close(payload.message)
    else if (event === 'fail') this.#publisher.end(payload.message)
  }

  #followConsuming(step: LinkStep): void {
    if (step.event === 'fail') for (const consumer of this.#consumers) void consumer.fail(step.payload)
  }

  #updateState(): void {
    const now = [this.#publishing.state, this.#consuming.state]
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
