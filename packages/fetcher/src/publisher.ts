import { backoffMs, type Permit, retry, Semaphore, sleep, watch } from '@warren/async'
import type { Broker } from '@warren/broker'
import { CrawlError, type Message } from '@warren/protocol'

export interface PublisherOptions {
  readonly broker: Pick<Broker, 'publish'>
  /** Body bytes published and not yet confirmed, at most. */
  readonly unconfirmedBytes: number
  /** Nothing is offered any more. */
  readonly aborted: AbortSignal
  readonly onRefused: () => void
}

/** One message, on its way. */
interface Offer {
  readonly send: (signal: AbortSignal) => Promise<void>
  /** Its time is over for a broker that is away. */
  readonly isLate: () => boolean
}

const REFUSED_BACKOFF = { baseMs: 50, maxMs: 1_000 }
const AWAY_BACKOFF = { baseMs: 100, maxMs: 5_000 }
/** A message without a body weighs something too. */
const MESSAGE_BYTES = 1_024

/**
 * Publishes until it is confirmed. While the broker refuses something (its queue is full) the gate is closed, and no request starts in
 * this process: a page that nobody takes must not be followed by another one.
 */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #room: Semaphore
  readonly #refused = watch(0)

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#room = new Semaphore(options.unconfirmedBytes)
  }

  /** False while something is refused. */
  get open(): boolean {
    return this.#refused.receiver.value === 0
  }

  /** Waits for the gate. Cancel safety: yes. */
  async whenOpen({ signal }: { signal: AbortSignal }): Promise<void> {
    await this.#refused.receiver.waitFor((count) => count === 0, { signal })
  }

  /** Waits for room for a body; dispose when it is confirmed. Cancel safety: yes. */
  reserve(bodyBytes: number): Permit | Promise<Permit> {
    const weight = Math.min(this.#options.unconfirmedBytes, bodyBytes + MESSAGE_BYTES)
    return this.#room.tryAcquire(weight) ?? this.#room.acquire({ weight, signal: this.#options.aborted })
  }

  /**
   * Resolves when the message is confirmed. A refused one is offered again until `aborted`; with the broker away, until `deadlineMs`
   * (performance.now()). Errors: the broker's after the deadline; `aborted.reason`.
   */
  async publish(message: Message, { deadlineMs }: { deadlineMs: number }): Promise<void> {
    const offer: Offer = {
      send: (signal) => this.#options.broker.publish(message, { signal }),
      isLate: () => performance.now() >= deadlineMs,
    }
    try {
      await retry(offer.send, {
        ...AWAY_BACKOFF,
        signal: this.#options.aborted,
        retryable: (error) => isPassing(error) && !isRefusal(error) && !offer.isLate(),
      })
    } catch (error) {
      if (!isRefusal(error)) throw error
      await this.#insist(offer)
    }
  }

  /** The queue is full: closes the gate until this one is taken. */
  async #insist({ send, isLate }: Offer): Promise<void> {
    const { aborted: signal, onRefused } = this.#options
    this.#count(+1)
    try {
      onRefused()
      await sleep(backoffMs(1, REFUSED_BACKOFF), { signal })
      await retry(send, {
        ...REFUSED_BACKOFF,
        signal,
        retryable: (error) => isRefusal(error) || (isPassing(error) && !isLate()),
        onRetry: onRefused,
      })
    } finally {
      this.#count(-1)
    }
  }

  #count(change: number): void {
    this.#refused.sender.send(this.#refused.receiver.value + change)
  }
}

const isPassing = (error: unknown): boolean => error instanceof CrawlError && error.disposition === 'retry'
const isRefusal = (error: unknown): boolean => error instanceof CrawlError && error.code === 'ERR_BROKER_REFUSED'
