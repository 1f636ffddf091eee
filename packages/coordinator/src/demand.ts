import type { Broker } from '@warren/broker'

/** An answer is good for so long; a queue of visits moves within seconds. */
const FRESH_MS = 200

/**
 * Whether fetchers want visits. A visit that nobody takes in time costs its host a whole lease, and its URLs are then taken for suspects,
 * so nothing is claimed while there is no fetcher, no connection, or a queue that the fetchers there are do not keep short.
 * Cost: one round trip to the broker per 200 ms.
 */
export class Demand {
  readonly #broker: Broker
  readonly #mostWaiting: number
  #answer: string | null = null
  #fetchers = 0
  #at = Number.NEGATIVE_INFINITY

  /** `mostWaiting`: visits that may wait for a fetcher. */
  constructor(broker: Broker, mostWaiting: number) {
    this.#broker = broker
    this.#mostWaiting = mostWaiting
  }

  /** That take visits, when last asked. */
  get fetchers(): number {
    return this.#fetchers
  }

  /** Why no visit is wanted; null: some are. Errors: ERR_BROKER_UNAVAILABLE. */
  async missing(): Promise<string | null> {
    if (this.#broker.state.value !== 'connected') {
      this.#fetchers = 0
      return 'RabbitMQ is not connected'
    }
    if (performance.now() - this.#at < FRESH_MS) return this.#answer
    const { waiting, consumers } = await this.#broker.queue('visits')
    this.#fetchers = consumers
    if (consumers === 0) this.#answer = 'no fetcher takes visits'
    else this.#answer = waiting < this.#mostWaiting ? null : `${waiting} visits wait for a fetcher`
    this.#at = performance.now()
    return this.#answer
  }
}
