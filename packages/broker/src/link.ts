import {
  backoffMs,
  CancelScope,
  type Clock,
  join,
  onAbort,
  retry,
  StateMachine,
  type StepOf,
  shield,
  sleep,
  systemClock,
  type Waiting,
  yieldNow,
} from '@warren/async'
import { CrawlError } from '@warren/protocol'
import type { ChannelModel } from 'amqplib'
import type { BrokerEvent, BrokerState, BrokerStats } from './broker.ts'
import { asBrokerError, type Caller } from './broker-error.ts'
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

interface LinkPayloads {
  readonly open: ChannelModel
  /** Why the connection is away, or did not come about. */
  readonly lose: CrawlError
  /** The alarm, in the broker's words. */
  readonly block: string
  /** Why no further try is made. */
  readonly fail: CrawlError
}

export type LinkStep = StepOf<typeof LINK_STEPS, LinkPayloads>

/** Full jitter; a broker that restarts is back in 3 to 5 s, and must not be met by all processes at once. */
const RECONNECT = { baseMs: 200, maxMs: 5_000 }
/** A broker may refuse us for a moment after its start (virtual host not up yet); that often in a row it is meant. */
const DENIALS = 5
/** For the closing handshake; a broker that hangs must not keep us. */
const CLOSE_MS = 2_000

export interface LinkOptions {
  /** For the log. */
  readonly name: string
  /** Whom its errors tell of. */
  readonly caller: Caller
  /** Opens a connection. Its signal, which aborts until `onUp` is over at the latest, cuts it. */
  readonly dial: (signal: AbortSignal) => Promise<ChannelModel>
  readonly stats: BrokerStats
  /** Declares, opens channels, subscribes: all that must be there before the link counts as connected. A failure drops the connection. */
  readonly onUp: (model: ChannelModel) => Promise<void>
  /** Told of every step, when the link itself is in order. */
  readonly onStep: (step: LinkStep) => void
  readonly onEvent: (event: BrokerEvent) => void
  readonly clock?: Clock
}

/**
 * One connection that comes back: after a loss it dials again, with back-off, until it is up, disposed, or refused for good (`failed`).
 * All that follows from a change of state is in `#take`.
 * Invariant: `model` is set exactly while the state is connected or blocked.
 */
export class Link implements AsyncDisposable {
  readonly #options: LinkOptions
  readonly #clock: Clock
  readonly #machine = new StateMachine<typeof LINK_STEPS, LinkPayloads>(LINK_STEPS, 'disconnected')
  readonly #closing = new AbortController()
  #model: ChannelModel | undefined
  #error: CrawlError | undefined
  /** Attempts in a row that were refused. */
  #denials = 0
  #attempting: Promise<void> | undefined
  #reconnecting: Promise<void> | undefined

  constructor(options: LinkOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#machine.onStep((step) => this.#take(step))
    this.#machine.onStep(options.onStep)
  }

  get state(): BrokerState {
    return this.#machine.state
  }

  get model(): ChannelModel | undefined {
    return this.#model
  }

  /** Why the link is down or failed. */
  get error(): CrawlError | undefined {
    return this.#error
  }

  /**
   * One try; joins an attempt under way, and then shares its fate.
   * Cancel safety: yes; the attempt is given up, nothing stays open.
   * Errors: ERR_BROKER_UNAVAILABLE, ERR_BROKER_DENIED, ERR_CONFIG_INVALID; `signal.reason`.
   */
  connect({ signal }: Waiting = {}): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#model !== undefined) return Promise.resolve()
    this.#attempting ??= this.#attempt(signal).finally(() => {
      this.#attempting = undefined
    })
    return this.#attempting
  }

  /** Gives the connection up and makes another. */
  reset(error: Error): void {
    if (this.#model !== undefined) socketOf(this.#model)?.destroy(error)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#machine.can('close')) return
    const model = this.#model
    this.#machine.step('close')
    if (model !== undefined) await hangUp(model)
    await join([async () => this.#attempting, async () => this.#reconnecting])
  }

  async #attempt(signal: AbortSignal | undefined): Promise<void> {
    const { caller, dial, onUp } = this.#options
    this.#machine.step('connect')
    const scope = new CancelScope({ signal })
    let model: ChannelModel | undefined
    try {
      using _scope = scope // until the end of this block
      using _closing = onAbort(this.#closing.signal, (reason) => scope.cancel(reason))
      model = await dial(scope.signal)
      const lost = this.#listen(model)
      await onUp(model)
      lost.throwIfAborted()
      scope.signal.throwIfAborted()
    } catch (error) {
      if (model !== undefined && !scope.signal.aborted) await hangUp(model)
      const failure = scope.signal.aborted ? scope.signal.reason : asBrokerError(error, 'set up the connection to RabbitMQ', caller)
      if (this.#machine.can('lose')) this.#machine.step('lose', failure instanceof CrawlError ? failure : this.#lost(failure))
      throw failure
    }
    this.#machine.step('open', model)
  }

  /** The result aborts when the connection is over, also while it does not count yet. */
  #listen(model: ChannelModel): AbortSignal {
    const lost = new AbortController()
    const isOurs = () => this.#model === model
    model.on('error', () => {}) // `close` follows, with the same error
    model.on('close', (error) => {
      const loss = this.#lost(error ?? new Error('closed'))
      lost.abort(loss)
      if (isOurs()) this.#machine.step('lose', loss)
    })
    model.on('blocked', (reason) => void (isOurs() && this.#machine.step('block', reason)))
    model.on('unblocked', () => void (isOurs() && this.#machine.can('unblock') && this.#machine.step('unblock')))
    return lost.signal
  }

  #take(step: LinkStep): void {
    const { name: link, onEvent, stats } = this.#options
    switch (step.event) {
      case 'open':
        this.#model = step.payload
        this.#error = undefined
        this.#denials = 0
        onEvent({ type: 'connected', link })
        break
      case 'block':
        if (step.from === 'connected') stats.blocked++
        onEvent({ type: 'blocked', link, reason: step.payload })
        break
      case 'unblock':
        onEvent({ type: 'unblocked', link })
        break
      case 'lose':
        this.#error = step.payload
        if (step.from === 'connecting') {
          this.#denials = step.payload.disposition === 'shutdown' ? this.#denials + 1 : 0
          break // whoever made the attempt is told
        }
        if (this.#model !== undefined) cutSoon(this.#model)
        this.#model = undefined
        this.#reconnecting = this.#reconnect()
        onEvent({ type: 'lost', link, error: step.payload })
        break
      case 'fail':
        onEvent({ type: 'failed', link, error: step.payload })
        break
      case 'close':
        this.#model = undefined
        this.#closing.abort(new CrawlError('ERR_BROKER_UNAVAILABLE', 'Cannot connect: the broker is closed'))
        break
    }
  }

  async #reconnect(): Promise<void> {
    const { signal } = this.#closing
    const clock = this.#clock
    const retryable = (error: unknown) => error instanceof CrawlError && this.#denials < DENIALS
    try {
      await sleep(backoffMs(1, RECONNECT), { signal, clock })
      await retry(() => this.connect(), { ...RECONNECT, baseMs: 2 * RECONNECT.baseMs, signal, clock, retryable })
      this.#options.stats.reconnects++
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof CrawlError)) throw error
      this.#machine.step('fail', error)
    }
  }

  #lost(cause: unknown): CrawlError {
    const why = cause instanceof Error ? cause.message : String(cause)
    return new CrawlError('ERR_BROKER_UNAVAILABLE', `Lost the connection to RabbitMQ at ${this.#options.caller.where}: ${why}`, { cause })
  }
}

/** A half-open socket would wait for its last bytes to be taken and keep the process alive. */
function cutSoon(model: ChannelModel): void {
  void yieldNow().then(() => socketOf(model)?.destroy())
}

/** Closes as AMQP wants it, but not longer than CLOSE_MS; afterwards no socket is left. */
async function hangUp(model: ChannelModel): Promise<void> {
  await shield(() => model.close(), { graceMs: CLOSE_MS }).catch(() => {}) // closed already, or it hangs
  socketOf(model)?.destroy()
}
