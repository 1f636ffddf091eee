import { backoffMs, type Permit, Semaphore, sleep, watch } from '@warren/async'
import type { Broker } from '@warren/broker'
import { CrawlError, type Message } from '@warren/protocol'

export interface PublisherOptions {
  readonly broker: Pick<Broker, 'publish'>
  /** Body bytes published and not yet confirmed, at most. */
  readonly unconfirmedBytes: number
  /** Nothing is offered any more. */
  readonly aborted: AbortSignal
  onRefused(): void
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
    const signal = this.#options.aborted
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#options.broker.publish(message, { signal })
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof CrawlError) || error.disposition !== 'retry') throw error
        if (error.code === 'ERR_BROKER_REFUSED') return this.#insist(message, { deadlineMs })
        if (performance.now() >= deadlineMs) throw error
      }
      await sleep(backoffMs(attempt, AWAY_BACKOFF), { signal })
    }
  }

  /** The queue is full: closes the gate until this one is taken. */
  async #insist(message: Message, { deadlineMs }: { deadlineMs: number }): Promise<void> {
    const signal = this.#options.aborted
    this.#count(+1)
    try {
      for (let attempt = 1; ; attempt++) {
        this.#options.onRefused()
        await sleep(backoffMs(attempt, REFUSED_BACKOFF), { signal })
        try {
          return await this.#options.broker.publish(message, { signal })
        } catch (error) {
          signal.throwIfAborted()
          if (!(error instanceof CrawlError) || error.disposition !== 'retry') throw error
          if (error.code !== 'ERR_BROKER_REFUSED' && performance.now() >= deadlineMs) throw error
        }
      }
    } finally {
      this.#count(-1)
    }
  }

  #count(change: number): void {
    this.#refused.sender.send(this.#refused.receiver.value + change)
  }
}
