import { once } from 'node:events'
import { ShutdownScope } from '@warren/async'
import { type Broker, createInProcessBroker } from '@warren/broker'
import { coordinatorConfig, runCoordinator } from '@warren/coordinator'
import { type Crawl, type Frontier, migrate, openFrontier } from '@warren/frontier'
import {
  type Answer,
  type CrawlConfig,
  defaultCrawlConfig,
  type FetchResult,
  type HostReport,
  type Message,
  type Visit,
} from '@warren/protocol'
import { createLogger, createMetrics } from '@warren/service'
import { testAnswer, testDatabase } from '@warren/testkit'
import { canonicalize, fingerprint, hostKeyOf, scopeRoot } from '@warren/web'

/** What the web says to a request; a number is a status. */
export type Reply = number | (Partial<Answer> & { readonly links?: readonly string[]; readonly text?: string })
export type Web = Readonly<Record<string, Reply | readonly Reply[]>>

/** A coordinator on a real frontier, with a fetcher and parser that answer from a table. */
export interface Scene extends AsyncDisposable {
  readonly frontier: Frontier
  readonly broker: Broker
  /** Visits that were taken, in order. */
  readonly visits: Visit[]
  /** URLs that were requested, in order, robots.txt too. */
  readonly requested: string[]
  readonly metrics: () => Promise<string>
  /** Lets the fetcher take visits. Until then nobody wants any. */
  answer(web: Web): Promise<void>
  crawl(seeds: readonly string[], config?: Partial<CrawlConfig>): Promise<Crawl>
  /** Resolves when the crawl has ended. */
  ended(crawl: Crawl): Promise<void>
}

const SETTINGS = {
  CLAIM_IDLE_MS: 5,
  MAINTENANCE_MS: 20,
  RETRY_BASE_MS: 1,
  HOST_RETRY_BASE_MS: 1,
  THROTTLE_BASE_MS: 1,
}

let named = 0

export async function startScene(settings: Readonly<Record<string, number>> = {}): Promise<Scene> {
  await using stack = new AsyncDisposableStack()
  const database = stack.use(await testDatabase({ template: { name: 'coordinator', prepare: migrate } }))
  const frontier = stack.use(await openFrontier({ databaseUrl: database.url }))
  const broker = stack.use(createInProcessBroker())
  const metrics = createMetrics({ role: 'coordinator' })
  const shutdown = new ShutdownScope()
  const config = coordinatorConfig.parse({ ...SETTINGS, ...settings })
  const logger = createLogger({ role: 'test', level: 'silent' })
  const running = runCoordinator({ broker, frontier, config, logger, metrics }, shutdown)
  running.catch(() => {}) // met below
  stack.defer(async () => {
    shutdown.drain()
    await running
  })
  const visits: Visit[] = []
  const requested: string[] = []
  const owned = stack.move()
  return {
    frontier,
    broker,
    visits,
    requested,
    metrics: () => metrics.text(),
    answer: async (web) => {
      const replies = new Map(Object.entries(web).map(([url, reply]) => [url, Array.isArray(reply) ? [...reply] : [reply]]))
      const ask = (url: string): Reply => {
        requested.push(url)
        const left = replies.get(url) ?? [404]
        return (left.length > 1 ? left.shift() : left[0]) ?? 404
      }
      await broker.consume('visits', { prefetch: 10 }, async ({ message }) => {
        visits.push(message)
        for (const outcome of run(message, ask)) await broker.publish(outcome)
        return 'ack'
      })
    },
    crawl: async (seeds, changes = {}) => {
      const base = { ...defaultCrawlConfig('Test/1'), delayMs: 0, addressSlots: 0, ...changes }
      const crawl = await frontier.createCrawl({ name: `test ${++named}`, config: base })
      const urls = seeds.map(canonical)
      await frontier.addRoots(
        crawl.id,
        urls.map((url) => scopeRoot(base.scope, url)),
      )
      await frontier.seed(
        crawl.id,
        urls.map((url) => ({
          url,
          hostKey: hostKeyOf(url),
          fingerprint: fingerprint(url),
          depth: 0,
          chain: 0,
          priority: 0,
          parentId: null,
        })),
      )
      await frontier.transition(crawl.id, 'start')
      return crawl
    },
    ended: async (crawl) => {
      const over = new AbortController()
      const heard = await broker.onControl(({ crawls }) => {
        if (!crawls.some(({ id }) => id === crawl.id)) over.abort()
      })
      await Promise.race([
        over.signal.aborted || once(over.signal, 'abort'),
        running.then(() => Promise.reject(new Error('the coordinator has ended'))),
      ])
      await heard[Symbol.asyncDispose]()
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function canonical(text: string) {
  const url = canonicalize(text)
  if (url === undefined) throw new RangeError(`Cannot use ${text}`)
  return url
}

/** The outcomes of a visit, as fetcher and parser would publish them. */
function* run(visit: Visit, ask: (url: string) => Reply): Generator<Message> {
  const { crawlId, hostId, visitId, work } = visit
  const envelope = { v: 1, type: 'outcome', crawlId, hostId, visitId } as const
  if (work.kind === 'robots') {
    const reply = ask(work.url)
    const result = answerOf(reply)
    const text = typeof reply === 'object' ? reply.text : undefined
    const body = text === undefined ? null : Buffer.from(text).toString('base64')
    yield { ...envelope, of: 'robots', askingHostId: work.askingHostId, hop: work.hop, result, body, report: reportOf([result]) }
    return
  }
  if (work.kind === 'resolve') {
    yield { ...envelope, of: 'visit', ending: 'finished', unfetched: [], report: { ...reportOf([]), addressGroup: '192.0.2.1/32' } }
    return
  }
  const results: FetchResult[] = []
  const unfetched: number[] = []
  for (const url of work.urls) {
    if (reportOf(results).throttled !== null) {
      unfetched.push(url.id)
      continue
    }
    const reply = ask(url.url)
    const result = answerOf(reply)
    results.push(result)
    const links = (typeof reply === 'object' ? (reply.links ?? []) : []).map(
      (href) => ({ url: canonical(href), kind: 'a', nofollow: false }) as const,
    )
    yield { ...envelope, of: 'url', url, result, facts: null, links }
  }
  yield { ...envelope, of: 'visit', ending: unfetched.length > 0 ? 'stopped' : 'finished', unfetched, report: reportOf(results) }
}

function answerOf(reply: Reply): Answer {
  const { links: _links, text: _text, ...given } = typeof reply === 'number' ? { status: reply } : reply
  return testAnswer({ digest: null, ...given })
}

function reportOf(results: readonly FetchResult[]): HostReport {
  const answers = results.flatMap((result) => (result.kind === 'answer' ? [result] : []))
  const throttled = answers.findLast(({ status }) => status === 429 || status === 503)
  return {
    requests: results.length,
    meanExchangeMs: results.length === 0 ? null : 1,
    throttled: throttled === undefined ? null : { status: throttled.status, retryAfterMs: throttled.retryAfterMs },
    unreachable: null,
    answered: answers.some(({ status }) => status < 500 && status !== 429),
    addressGroup: null,
  }
}
