import { backoffMs, StateMachine, type WatchReceiver, type WatchSender, watch } from '@warren/async'
import { CrawlError } from '@warren/protocol'
import type { ChannelModel } from 'amqplib'
import type { BrokerEvent, BrokerState, BrokerStats } from './broker.ts'
import { asBrokerError } from './broker-error.ts'
import { type DialOptions, dial, type Endpoint } from './endpoint.ts'
import { pause } from './judge.ts'
import { socketOf } from './pulse.ts'

/** The life of one connection to the broker. */
export const LINK_STEPS = {
  disconnected: { connect: 'connecting', fail: 'failed', close: 'closed' },
  connecting: { open: 'connected', lose: 'disconnected', close: 'closed' },
  connected: { block: 'blocked', lose: 'disconnected', close: 'closed' },
  blocked: { unblock: 'connected', block: 'blocked', lose: 'disconnected', close: 'closed' },
  failed: { close: 'closed' },
  closed: {},
} as const

/** Full jitter; a broker that restarts is back in 3 to 5 s, and must not be met by all processes at once. */
const RECONNECT = { baseMs: 200, maxMs: 5_000 }
/** A broker may refuse us for a moment after its start (virtual host not up yet); that often in a row it is meant. */
const DENIALS = 5
/** For the closing handshake; a broker that hangs must not keep us. */
const CLOSE_MS = 2_000

export interface LinkOptions extends DialOptions {
  readonly endpoint: Endpoint
  readonly stats: BrokerStats
  /** Declares, opens channels, subscribes: all that must be there before the link counts as connected. A failure drops the connection. */
  readonly onUp: (model: ChannelModel) => Promise<void>
  readonly onDown: (error: CrawlError) => void
  /** No further try is made. */
  readonly onFailed: (error: CrawlError) => void
  readonly onEvent: (event: BrokerEvent) => void
}

/**
 * One connection that comes back: after a loss it dials again, with back-off, until it is up, disposed, or refused for good (`failed`).
 * Invariant: `model` is set exactly while the state is connected or blocked.
 */
export class Link implements AsyncDisposable {
  readonly state: WatchReceiver<BrokerState>
  readonly #options: LinkOptions
  readonly #machine = new StateMachine(LINK_STEPS, 'disconnected')
  readonly #states: WatchSender<BrokerState>
  readonly #closing = new AbortController()
  #model: ChannelModel | undefined
  #error: CrawlError | undefined
  #attempting: Promise<void> | undefined
  #reconnecting: Promise<void> = Promise.resolve()

  constructor(options: LinkOptions) {
    this.#options = options
    const { sender, receiver } = watch<BrokerState>('disconnected')
    this.#states = sender
    this.state = receiver
  }

  get model(): ChannelModel | undefined {
    return this.#model
  }

  /** Why the link is down or failed. */
  get error(): CrawlError | undefined {
    return this.#error
  }

  /** The first connection; joins an attempt under way. Errors: ERR_BROKER_UNAVAILABLE, ERR_BROKER_DENIED, ERR_CONFIG_INVALID. */
  connect(): Promise<void> {
    if (this.#model !== undefined) return Promise.resolve()
    this.#attempting ??= this.#attempt().finally(() => {
      this.#attempting = undefined
    })
    return this.#attempting
  }

  /** Gives the connection up and makes another. */
  reset(error: Error): void {
    if (this.#model !== undefined) socketOf(this.#model)?.destroy(error)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    const model = this.#model
    this.#model = undefined
    this.#step('close')
    if (model !== undefined) await hangUp(model)
    await Promise.allSettled([this.#attempting, this.#reconnecting])
  }

  async #attempt(): Promise<void> {
    this.#step('connect')
    let model: ChannelModel | undefined
    try {
      model = await dial(this.#options.endpoint, this.#options)
      let closed: Error | undefined
      model.on('error', () => {}) // `close` follows, with the same error
      model.on('close', (error) => {
        closed = error ?? new Error('closed')
        if (this.#model !== undefined && this.#model === model) this.#lose(closed)
      })
      this.#follow(model)
      await this.#options.onUp(model)
      if (closed !== undefined) throw closed
      if (this.#closing.signal.aborted) throw new CrawlError('ERR_BROKER_UNAVAILABLE', 'Cannot connect: the broker is closed')
    } catch (error) {
      if (model !== undefined) await hangUp(model)
      const failure = asBrokerError(error, 'set up the connection to RabbitMQ', this.#options.endpoint)
      if (failure instanceof CrawlError) this.#error = failure
      if (!this.#closing.signal.aborted) this.#step('lose')
      throw failure
    }
    this.#model = model
    this.#error = undefined
    this.#step('open')
    this.#options.onEvent({ type: 'connected', link: this.#options.name })
  }

  #follow(model: ChannelModel): void {
    const { name: link, onEvent, stats } = this.#options
    model.on('blocked', (reason) => {
      if (this.#model !== model) return
      if (this.#machine.state === 'connected') stats.blocked++
      this.#step('block')
      onEvent({ type: 'blocked', link, reason })
    })
    model.on('unblocked', () => {
      if (this.#model !== model || this.#machine.state !== 'blocked') return
      this.#step('unblock')
      onEvent({ type: 'unblocked', link })
    })
  }

  #lose(cause: Error): void {
    const { name: link, endpoint, onDown, onEvent } = this.#options
    const model = this.#model
    this.#model = undefined
    // A half-open socket would wait for its last bytes to be taken and keep the process alive.
    if (model !== undefined) setImmediate(() => socketOf(model)?.destroy())
    this.#error = new CrawlError('ERR_BROKER_UNAVAILABLE', `Lost the connection to RabbitMQ at ${endpoint.where}: ${cause.message}`, {
      cause,
    })
    this.#step('lose')
    onEvent({ type: 'lost', link, error: this.#error })
    onDown(this.#error)
    this.#reconnecting = this.#reconnect()
  }

  async #reconnect(): Promise<void> {
    const { stats, name: link, onEvent, onFailed } = this.#options
    let denials = 0
    for (let attempt = 1; await pause(backoffMs(attempt, RECONNECT), this.#closing.signal); attempt++) {
      try {
        await this.connect()
        stats.reconnects++
        return
      } catch (error) {
        if (!(error instanceof CrawlError)) throw error
        denials = error.disposition === 'shutdown' ? denials + 1 : 0
        if (this.#closing.signal.aborted || denials < DENIALS) continue
        this.#step('fail')
        onEvent({ type: 'failed', link, error })
        onFailed(error)
        return
      }
    }
  }

  #step(event: Parameters<StateMachine<typeof LINK_STEPS>['step']>[0]): void {
    this.#states.send(this.#machine.step(event))
  }
}

/** Closes as AMQP wants it, but not longer than CLOSE_MS; afterwards no socket is left. */
async function hangUp(model: ChannelModel): Promise<void> {
  const done = new AbortController()
  model.close().then(
    () => done.abort(),
    () => done.abort(), // closed already
  )
  await pause(CLOSE_MS, done.signal)
  socketOf(model)?.destroy()
}
