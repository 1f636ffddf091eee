import {
  checkConcurrency,
  checkDelays,
  checkRobotsFetches,
  checkRobotsFirst,
  disallowed,
  duplicates,
  type OwnPostgres,
  ownPostgres,
  type RabbitMq,
  type RequestRecord,
  startRabbitMq,
  startWeb,
  type Web,
  type WebOptions,
} from '@warren/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, catalogUrls, startCluster } from '../support/cluster.ts'
import { eventually, type RoleName } from '../support/warren.ts'

const SETTINGS = {
  // Leases of 15 s, so that what a killed process held comes back within the test.
  ...{ VISIT_QUEUE_MS: '3000', VISIT_RUN_MS: '11000', LEASE_MARGIN_MS: '1000', PAGE_LEASE_MS: '15000' },
  HOST_RETRY_BASE_MS: '500', // for a robots.txt that answers 500
}
const DATABASE_AWAY_MS = 10_000
/** From an answer to the broker's confirm of what was made of it, at most: until then a killed fetcher takes it along. */
const HELD_MS = 1_000
/** A part of the hosts has Crawl-delay, one that fails at first, one on another host; each has pages that robots.txt forbids. */
const WEB = { hosts: 12, addresses: 12, specials: 1, robots: { redirects: true, errors: 1 } } satisfies WebOptions

const stack = new AsyncDisposableStack()
let postgres: OwnPostgres
let rabbit: RabbitMq
let cluster: Cluster

beforeAll(async () => {
  ;[postgres, rabbit] = await Promise.all([ownPostgres(), startRabbitMq()])
  stack.use(postgres)
  stack.use(rabbit)
  const services = { databaseUrl: postgres.url, amqpUrl: rabbit.url }
  cluster = stack.use(await startCluster({ ...services, coordinators: 2, fetchers: 4, parsers: 2, settings: SETTINGS }))
})
afterAll(() => stack.disposeAsync())

const seed = (name: string, web: Web, ...pace: string[]) =>
  cluster.seed(name, [String(web.roots[0]), '--scope', 'any', '--allow-address', '127.0.0.0/8', ...pace])

/** Kills so many of a role at once, and starts as many. */
async function replace(name: RoleName, count: number): Promise<void> {
  const victims = cluster.of(name).slice(0, count)
  await Promise.all(victims.map((role) => role.kill()))
  await Promise.all(victims.map(() => cluster.start(name)))
}

/** The moments in which a fetcher or the broker was away, on the clock of the log: what was answered then may be lost, and asked for again. */
class Losses {
  readonly #spans: { readonly from: number; to: number }[] = []

  async during(fault: () => Promise<unknown>): Promise<void> {
    const span = { from: performance.now(), to: Number.POSITIVE_INFINITY }
    this.#spans.push(span)
    await fault()
    span.to = performance.now()
  }

  spares = ({ endMs }: RequestRecord): boolean => this.#spans.every(({ from, to }) => endMs < from - HELD_MS || endMs > to)
}

/** The crawl ended whole, and the server's log has nothing to complain about. */
async function expectPolite(web: Web, crawlId: number, pace: { delayMs: number; width: number }, losses: Losses): Promise<void> {
  const { frontier } = cluster
  expect((await catalogUrls(frontier, crawlId)).sort()).toEqual([...web.expected().answered].sort())
  expect(await frontier.verify(crawlId)).toEqual([])
  expect(await frontier.accountingGap()).toBe(0)
  const depths = () => cluster.broker.depths()
  expect(await eventually(depths, ({ visits, pages, outcomes }) => visits + pages + outcomes === 0)).toMatchObject({ dead: 0 })
  expect(cluster.roles).toHaveLength(8)

  const log = await web.log()
  expect(checkDelays(log, pace.delayMs)).toEqual([])
  const withRules = log.filter(({ status }) => status !== 500) // until robots.txt has answered nobody knows of a Crawl-delay
  expect(checkDelays(withRules, (host) => Math.max(pace.delayMs, web.crawlDelayMs(host)))).toEqual([])
  expect(checkConcurrency(log, pace.width)).toEqual([])
  expect(checkRobotsFirst(log)).toEqual([])
  expect(disallowed(log)).toEqual([])
  const settled = log.filter(losses.spares)
  expect(checkRobotsFetches(settled, 300_000)).toEqual([])
  expect(duplicates(settled)).toEqual([])
}

test('one request at a time, 200 ms apart: connections are cut; fetchers, coordinators, a parser and the broker are killed', async () => {
  await using web = await startWeb({ ...WEB, latencyMs: { min: 5, max: 60 }, robots: { ...WEB.robots, crawlDelaySeconds: 0.4 } })
  const losses = new Losses()
  const crawl = await seed('one-at-a-time', web, '--delay', '200ms')
  const kept = rabbit.ctl(['eval', 'mnesia:sync_log().']) // 3.10 may lose a queue that was declared just before it is killed
  await web.reached(120)
  await losses.during(() => rabbit.ctl(['close_all_connections', 'test'])) // all visits are delivered again, to others, while they go on
  await web.reached(200)
  const replacing = [losses.during(() => replace('fetcher', 2))]
  await web.reached(250)
  replacing.push(replace('coordinator', 2), replace('parser', 1))
  await Promise.all([...replacing, kept])
  await web.reached(350)
  const { answered } = web.expected()
  expect((await web.log()).length, 'requests before the last fault').toBeLessThan(answered.size)
  await losses.during(async () => {
    await rabbit.kill()
    await rabbit.restart()
  })
  const counts = await cluster.completed(crawl, 120_000)
  expect(counts).toMatchObject({ queued: 0, leased: 0, done: answered.size, failed: 0, visits: 0 })
  await expectPolite(web, crawl.id, { delayMs: 200, width: 1 }, losses)
})

test('three at a time, Crawl-delay where asked for: fetchers are killed, Postgres is away for 10 s, the broker restarts', async () => {
  const pages = { pagesPerHost: 40, latencyMs: { min: 50, max: 250 } }
  await using web = await startWeb({ ...WEB, ...pages, robots: { ...WEB.robots, crawlDelaySeconds: 0.2 } })
  const losses = new Losses()
  const crawl = await seed('three-at-a-time', web, '--delay', '0', '--host-concurrency', '3')
  await web.reached(100)
  const replacing = losses.during(() => replace('fetcher', 2))
  await web.reached(200)
  await postgres.stop()
  await new Promise((resolve) => setTimeout(resolve, DATABASE_AWAY_MS))
  await postgres.start()
  await replacing
  await web.reached(500)
  const { answered } = web.expected()
  expect((await web.log()).length, 'requests before the last fault').toBeLessThan(answered.size)
  await losses.during(async () => {
    await rabbit.ctl(['stop_app'])
    await rabbit.ctl(['start_app'])
  })
  const counts = await cluster.completed(crawl, 120_000)
  expect(counts).toMatchObject({ queued: 0, leased: 0, done: answered.size, failed: 0, visits: 0 })
  await expectPolite(web, crawl.id, { delayMs: 0, width: 3 }, losses)
})
