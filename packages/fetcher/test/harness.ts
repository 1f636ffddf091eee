import { randomUUID } from 'node:crypto'
import { ShutdownScope } from '@warren/async'
import { type Broker, createInProcessBroker, type InProcessOptions } from '@warren/broker'
import { type FetcherParts, fetcherConfig, runFetcher } from '@warren/fetcher'
import {
  type Answer,
  type CrawlState,
  decode,
  defaultCrawlConfig,
  encode,
  type FetchPolicy,
  type FetchResult,
  type Message,
  type Outcome,
  type Page,
  type RobotsOutcome,
  type UrlOutcome,
  type Visit,
  type VisitEnd,
  type VisitStart,
} from '@warren/protocol'
import { createLogger, createMetrics, type Metrics } from '@warren/service'

export const policy = (changes: Partial<FetchPolicy> = {}): FetchPolicy => ({
  ...defaultCrawlConfig('Warren/0.1').fetch,
  allowAddresses: ['127.0.0.0/8', '::1/128'],
  ...changes,
})

/** A visit of the paths on `origin`, ids from 1 in their order. */
export function visitOf(origin: string, paths: readonly string[], changes: Partial<Visit> = {}): Visit {
  return {
    v: 1,
    type: 'visit',
    crawlId: 1,
    hostId: 1,
    visitId: randomUUID(),
    hostKey: origin,
    work: {
      kind: 'pages',
      urls: paths.map((path, index) => ({ id: index + 1, url: origin + path, depth: 0, chain: 0, attempt: 1, pass: 1 })),
    },
    pace: { delayMs: 0, width: 1 },
    addressGroup: null,
    runMs: 20_000,
    policy: policy(),
    ...changes,
  }
}

export const robotsVisit = (origin: string, changes: Partial<Visit> = {}): Visit =>
  visitOf(origin, [], { work: { kind: 'robots', url: `${origin}/robots.txt`, askingHostId: 7, hop: 0 }, ...changes })

export const resolveVisit = (origin: string, changes: Partial<Visit> = {}): Visit =>
  visitOf(origin, [], { work: { kind: 'resolve' }, ...changes })

/** What came of one visit. */
export interface Visited {
  readonly starts: VisitStart[]
  readonly pages: Page[]
  readonly outcomes: UrlOutcome[]
  readonly end: VisitEnd | RobotsOutcome
}

/** A fetcher on an in-process broker, seen from its queues. */
export class Harness implements AsyncDisposable {
  readonly broker: Broker
  readonly shutdown = new ShutdownScope()
  readonly metrics: Metrics = createMetrics({ role: 'test' })
  readonly logs: string[] = []
  readonly unreadable: unknown[] = []
  readonly #visits = new Map<string, Omit<Visited, 'end'> & { ended: PromiseWithResolvers<Visited> }>()
  /** Resolves when the role has returned. */
  role: Promise<void> = Promise.resolve()

  constructor(broker: Broker) {
    this.broker = broker
  }

  static async start({
    config = {},
    broker = {},
    state = 'running',
    ...parts
  }: { config?: Record<string, number>; broker?: InProcessOptions | Broker; state?: CrawlState | null } & Partial<
    Pick<FetcherParts, 'lookup'>
  > = {}): Promise<Harness> {
    const harness = new Harness('publish' in broker ? broker : createInProcessBroker(broker))
    const logger = createLogger({ role: 'test', level: 'info', destination: { write: (line: string) => void harness.logs.push(line) } })
    harness.role = runFetcher(
      { broker: harness.broker, logger, metrics: harness.metrics, config: fetcherConfig.parse(config), ...parts },
      harness.shutdown,
    )
    await harness.broker.consume('pages', { prefetch: 1_000 }, async ({ message }) => {
      harness.#check(message)
      harness.#of(message.visitId).pages.push(message)
      return 'ack'
    })
    await harness.broker.consume('outcomes', { prefetch: 1_000 }, async ({ message }) => {
      harness.#check(message)
      harness.#outcome(message)
      return 'ack'
    })
    if (state !== null) await harness.control(state)
    return harness
  }

  async control(state: CrawlState | null, recalled: string[] = []): Promise<void> {
    await this.broker.publish({ v: 1, type: 'control', crawls: state === null ? [] : [{ id: 1, state }], recalled })
  }

  /** Publishes the visit; resolves with its results when its end has come. */
  async visit(visit: Visit): Promise<Visited> {
    await this.broker.publish(visit)
    return this.ended(visit)
  }

  /** As `visit`, for one that was published already. */
  ended({ visitId }: Visit): Promise<Visited> {
    return this.#of(visitId).ended.promise
  }

  /** The result of a visit of one path. */
  async fetch(url: string, changes: Partial<FetchPolicy> = {}): Promise<{ result: FetchResult; page: Page | undefined }> {
    const { origin, pathname, search } = new URL(url)
    const { pages, outcomes } = await this.visit(visitOf(origin, [pathname + search], { policy: policy(changes) }))
    const result = pages[0]?.result ?? outcomes[0]?.result
    if (result === undefined) throw new Error(`no result for ${url}`)
    return { result, page: pages[0] }
  }

  /** As `fetch`, for what must be an answer. */
  async answer(url: string, changes: Partial<FetchPolicy> = {}): Promise<Answer> {
    const { result } = await this.fetch(url, changes)
    if (result.kind !== 'answer') throw new Error(`${url}: ${JSON.stringify(result)}`)
    return result
  }

  /** Value of a metric without labels. */
  async metric(name: string): Promise<number> {
    const start = `warren_fetcher_${name}{role="test"} `
    const line = (await this.metrics.text()).split('\n').find((line) => line.startsWith(start))
    if (line === undefined) throw new Error(`no metric ${name}`)
    return Number(line.slice(start.length))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.shutdown.abort()
    await this.role
    await this.broker[Symbol.asyncDispose]()
    if (this.unreadable.length > 0) throw new AggregateError(this.unreadable, 'messages that no role can read')
  }

  /** Every message would be read by the other side of a wire; what would not is in `unreadable`. */
  #check(message: Message): void {
    try {
      decode(encode(message))
    } catch (error) {
      this.unreadable.push(error)
    }
  }

  #of(visitId: string) {
    let visit = this.#visits.get(visitId)
    if (visit === undefined) {
      visit = { starts: [], pages: [], outcomes: [], ended: Promise.withResolvers() }
      this.#visits.set(visitId, visit)
    }
    return visit
  }

  #outcome(message: Outcome): void {
    const { ended, ...visited } = this.#of(message.visitId)
    if (message.of === 'start') visited.starts.push(message)
    else if (message.of === 'url') visited.outcomes.push(message)
    else ended.resolve({ ...visited, end: message })
  }
}
