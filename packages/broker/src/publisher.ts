import { onAbort, oneshot, systemClock, type WatchSender, watch, withTimeout } from '@warren/async'
import { CrawlError } from '@warren/protocol'
import type { ChannelModel, ConfirmChannel } from 'amqplib'
import type { BrokerStats } from './broker.ts'
import { brokerMeaning } from './broker-error.ts'

export interface Parcel {
  readonly exchange: string
  readonly routingKey: string
  readonly content: Buffer
  /** For messages: "visit", "dead letter". */
  readonly what: string
  readonly mandatory: boolean
  readonly persistent: boolean
  readonly headers?: Readonly<Record<string, string>>
}

export interface PublisherOptions {
  /** host:port */
  readonly where: string
  /** From the call to the confirm, waiting for the connection included. */
  readonly deadlineMs: number
  readonly stats: BrokerStats
  /** A message found no queue: somebody deleted it. */
  readonly onUnroutable: () => void
  /** The channel was closed under us, by an error of ours or of the broker. */
  readonly onBroken: (error: Error) => void
}

interface Pending {
  readonly what: string
  readonly dueAt: number
  returned: boolean
  /** `answered`: the broker said so. */
  settle(error: unknown, answered?: boolean): void
}

/** Either a channel that takes messages, or why there is none. */
interface Gate {
  readonly channel: ConfirmChannel | undefined
  readonly why: string
  /** No channel will come any more. */
  readonly over: boolean
}

/**
 * Publishes on a confirm channel, as many as the callers like at a time; confirms may come in any order.
 * While the connection is away or blocked, nothing is written: a socket that nobody reads would keep the bytes beyond the deadline.
 * Invariant: a pending publish is settled exactly once: by its confirm, its deadline, its signal, or the loss of its channel.
 */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #gate: WatchSender<Gate>
  readonly #watch
  /** In the order of their deadlines, since all have the same span. */
  readonly #pending = new Map<string, Pending>()
  #channel: ConfirmChannel | undefined
  #seq = 0
  #isArmed = false
  #settled = watch(0)

  constructor(options: PublisherOptions) {
    this.#options = options
    const { sender, receiver } = watch<Gate>({ channel: undefined, why: 'not connected', over: false })
    this.#gate = sender
    this.#watch = receiver
  }

  async open(model: ChannelModel): Promise<void> {
    const channel = await model.createConfirmChannel()
    channel.on('error', this.#options.onBroken)
    // Before amqplib's own listener, which tells every unconfirmed message "channel closed" as if it were a nack.
    channel.prependListener('close', () => this.close('the connection was lost', channel))
    channel.on('return', ({ properties }) => {
      const pending = this.#pending.get(String(properties.messageId))
      if (pending !== undefined) pending.returned = true // its confirm comes next
    })
    this.#channel = channel
    this.#gate.send({ channel, why: '', over: false })
  }

  /** Ends the publishes in flight on `channel`: their fate is unknown. */
  close(why: string, channel = this.#channel): void {
    if (channel === undefined || channel !== this.#channel) return
    this.#channel = undefined
    this.#gate.send({ channel: undefined, why, over: this.#gate.value.over })
    for (const pending of [...this.#pending.values()]) pending.settle(this.#unavailable(pending.what, why))
  }

  block(why: string): void {
    if (!this.#gate.value.over) this.#gate.send({ channel: undefined, why, over: false })
  }

  unblock(): void {
    if (this.#channel !== undefined) this.#gate.send({ channel: this.#channel, why: '', over: false })
  }

  /** Nothing is published any more. */
  end(why: string): void {
    this.#gate.send({ channel: undefined, why, over: true })
  }

  /** See Broker.publish. */
  async send(parcel: Parcel, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const dueAt = performance.now() + this.#options.deadlineMs
    const { channel, over, why } = this.#gate.value
    if (over) throw this.#unavailable(parcel.what, why)
    if (channel !== undefined) return this.#write(channel, parcel, dueAt, signal)
    const opened = await this.#wait(parcel.what, signal)
    signal?.throwIfAborted() // since it opened
    return this.#write(opened, parcel, dueAt, signal)
  }

  /** Waits for the publishes in flight, at most for the deadline of the last one. */
  async idle(): Promise<void> {
    await this.#settled.receiver.waitFor(() => this.#pending.size === 0)
  }

  async #wait(what: string, signal: AbortSignal | undefined): Promise<ConfirmChannel> {
    let gate = this.#gate.value
    try {
      gate = await withTimeout(
        this.#options.deadlineMs,
        (signal) => this.#watch.waitFor(({ channel, over }) => channel !== undefined || over, { signal }),
        { signal },
      )
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      throw this.#unavailable(what, `${this.#gate.value.why}, for ${this.#options.deadlineMs} ms`, error)
    }
    if (gate.channel === undefined) throw this.#unavailable(what, gate.why)
    return gate.channel
  }

  async #write(channel: ConfirmChannel, parcel: Parcel, dueAt: number, signal: AbortSignal | undefined): Promise<void> {
    const { stats } = this.#options
    const { exchange, routingKey, content, what, mandatory, persistent, headers } = parcel
    const messageId = String(++this.#seq)
    const { sender: end, receiver: ended } = oneshot<true>()
    const pending: Pending = {
      what,
      dueAt,
      returned: false,
      settle: (error, answered = false) => {
        if (!this.#pending.delete(messageId)) return
        if (!answered) stats.unanswered++
        cancelling[Symbol.dispose]()
        if (error === undefined) end.send(true)
        else end.abort(error)
        this.#settled.sender.send(0)
      },
    }
    this.#pending.set(messageId, pending)
    const cancelling = onAbort(signal, (reason) => pending.settle(reason))
    stats.published++
    try {
      channel.publish(exchange, routingKey, content, { mandatory, persistent, messageId, type: what, headers }, (nack) =>
        this.#confirmed(messageId, parcel, nack),
      )
    } catch (error) {
      const lost = brokerMeaning(error) === 'ERR_BROKER_UNAVAILABLE'
      pending.settle(lost ? this.#unavailable(what, 'the connection was lost', error) : error)
    }
    this.#arm()
    await ended.recv()
  }

  #confirmed(messageId: string, { what, routingKey }: Parcel, nack: unknown): void {
    const { stats, where, onUnroutable } = this.#options
    const pending = this.#pending.get(messageId)
    if (pending === undefined) return // too late: cancelled, past its deadline, or its channel is gone
    if (nack !== null) {
      stats.refused++
      pending.settle(
        new CrawlError('ERR_BROKER_REFUSED', `Cannot publish ${what}: queue ${routingKey} at ${where} is full; try again later`),
        true,
      )
    } else if (pending.returned) {
      stats.returned++
      onUnroutable()
      const why = `there is no queue ${routingKey} at ${where}; it is declared anew`
      pending.settle(new CrawlError('ERR_BROKER_UNROUTABLE', `Cannot publish ${what}: ${why}`), true)
    } else {
      stats.confirmed++
      pending.settle(undefined, true)
    }
  }

  /** One timer for all: it is due when the oldest is. */
  #arm(): void {
    if (this.#isArmed) return
    for (const { dueAt } of this.#pending.values()) {
      this.#isArmed = true
      systemClock.schedule(Math.max(0, dueAt - performance.now()), () => this.#sweep())
      return
    }
  }

  #sweep(): void {
    this.#isArmed = false
    const now = performance.now()
    for (const pending of [...this.#pending.values()]) {
      if (pending.dueAt > now) break
      pending.settle(this.#unavailable(pending.what, `${this.#gate.value.why || 'no confirm'}, for ${this.#options.deadlineMs} ms`))
    }
    this.#arm()
  }

  #unavailable(what: string, why: string, cause?: unknown): CrawlError {
    return new CrawlError('ERR_BROKER_UNAVAILABLE', `Cannot publish ${what} to RabbitMQ at ${this.#options.where}: ${why}`, { cause })
  }
}
