import type { Broker } from '@warren/broker'
import type { Frontier } from '@warren/frontier'
import type { CrawlState } from '@warren/protocol'
import type { CrawlBook } from './crawl-book.ts'

/**
 * Tells everyone the state of all unfinished crawls, and which visits are recalled, on `control`: when it has changed, and
 * again every `repeatMs` for those who came later.
 * Coordinators do not agree on this; each says what the database says.
 */
export class Announcer {
  readonly #broker: Broker
  readonly #frontier: Frontier
  readonly #book: CrawlBook
  readonly #repeatMs: number
  #said: ReadonlyMap<number, CrawlState> = new Map()
  #recalled: readonly string[] = []
  #saidAt = Number.NEGATIVE_INFINITY

  constructor({ broker, frontier, book }: { broker: Broker; frontier: Frontier; book: CrawlBook }, repeatMs: number) {
    this.#broker = broker
    this.#frontier = frontier
    this.#book = book
    this.#repeatMs = repeatMs
  }

  /** Reads the states, and publishes them if they are news or due again. */
  async tell(signal: AbortSignal): Promise<void> {
    const crawls = await this.#book.refresh()
    const recalled = await this.#frontier.recalledVisits()
    const isNews =
      crawls.length !== this.#said.size ||
      crawls.some(({ id, state }) => this.#said.get(id) !== state) ||
      recalled.some((id) => !this.#recalled.includes(id))
    if (!isNews && performance.now() - this.#saidAt < this.#repeatMs) return
    await this.#broker.publish({ v: 1, type: 'control', crawls, recalled }, { signal })
    this.#recalled = recalled
    this.#said = new Map(crawls.map(({ id, state }) => [id, state]))
    this.#saidAt = performance.now()
  }

  /** Before visits are published: a fetcher hands back those of a crawl that it has not heard of. */
  async tellOf(crawlIds: Iterable<number>, signal: AbortSignal): Promise<void> {
    for (const id of crawlIds) if (this.#said.get(id) !== 'running') return this.tell(signal)
  }
}
