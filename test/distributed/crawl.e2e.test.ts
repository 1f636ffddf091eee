import { checkConcurrency, checkDelays, disallowed, duplicates, startWebProcess, testDatabase, testVhost } from '@warren/testkit'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Cluster, catalogUrls, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/warren.ts'

const stack = new AsyncDisposableStack()
let cluster: Cluster

beforeAll(async () => {
  const [database, vhost] = [stack.use(await testDatabase()), stack.use(await testVhost())]
  cluster = stack.use(
    await startCluster({
      databaseUrl: database.url,
      amqpUrl: vhost.url,
      settings: { RETRY_BASE_MS: '200', RETRY_MAX_MS: '500', HOST_RETRY_BASE_MS: '200' },
    }),
  )
})
afterAll(() => stack.disposeAsync())

/** What must hold whenever nothing is under way. */
afterEach(async () => {
  expect(cluster.roles.length).toBe(7)
  expect(await cluster.frontier.accountingGap()).toBe(0)
  for (const crawl of await cluster.frontier.crawls()) expect(await cluster.frontier.verify(crawl.id)).toEqual([])
  expect(
    await eventually(
      () => cluster.broker.depths(),
      ({ visits, pages, outcomes }) => visits + pages + outcomes === 0,
    ),
  ).toMatchObject({
    dead: 0,
  })
})

const LOCAL = ['--scope', 'any', '--allow-address', '127.0.0.0/8']

test('2 coordinators, 3 fetchers, 2 parsers: the fetched set is the known set, one request to a host at once', async () => {
  await using web = await startWebProcess({ hosts: 6, pagesPerHost: 40, specials: 1, robots: { redirects: true } })
  const crawl = await cluster.seed('known-set', [String(web.roots[0]), '--delay', '0', ...LOCAL])
  const counts = await cluster.completed(crawl)

  const { answered, never, disallowed: forbidden } = web.expected()
  expect((await catalogUrls(cluster.frontier, crawl.id)).sort()).toEqual([...answered].sort())
  expect(counts).toMatchObject({ queued: 0, leased: 0, done: answered.size, failed: 0, excluded: forbidden.size, visits: 0 })
  const log = await web.log()
  expect(checkConcurrency(log, 1)).toEqual([])
  expect(duplicates(log)).toEqual([])
  expect(disallowed(log)).toEqual([])
  expect(log.filter((record) => never.has(record.host + record.path))).toEqual([])
  // All of them took part, or this would be no test of many.
  for (const role of cluster.roles) {
    const taken = /^warren_broker_acked_total\{[^}]*\} (\d+)/m.exec(await role.metrics())?.[1]
    expect(Number(taken), role.name).toBeGreaterThan(0)
  }
})

test('the delay holds between all requests to a host, robots.txt and Crawl-delay included, whichever fetcher makes them', async () => {
  await using web = await startWebProcess({ hosts: 3, pagesPerHost: 8, specials: 1, robots: { crawlDelaySeconds: 0.2 } })
  const crawl = await cluster.seed('delays', [String(web.roots[0]), '--delay', '100ms', ...LOCAL])
  await cluster.completed(crawl)
  const log = await web.log()
  expect((await catalogUrls(cluster.frontier, crawl.id)).sort()).toEqual([...web.expected().answered].sort())
  expect(checkDelays(log, (host) => (host === web.origins[1] ? 200 : 100))).toEqual([])
  expect(checkConcurrency(log, 1)).toEqual([])
})

test('a page budget is kept to the page by all coordinators together', async () => {
  await using web = await startWebProcess({ hosts: 6, pagesPerHost: 20, specials: 1 })
  const crawl = await cluster.seed('budget', [String(web.roots[0]), '--delay', '0', '--max-pages', '30', ...LOCAL])
  expect(await cluster.completed(crawl)).toMatchObject({ done: 30, queued: 0, leased: 0 })
  expect(await catalogUrls(cluster.frontier, crawl.id)).toHaveLength(30)
})

test('what fails at first is tried again, by other fetchers too, and what never answers ends as failed', async () => {
  await using web = await startWebProcess({ hosts: 2, pagesPerHost: 15, faults: { reset: 1, dead: 1 } })
  const crawl = await cluster.seed('faults', [String(web.roots[0]), '--delay', '0', ...LOCAL])
  const { answered, failed } = web.expected()
  expect(await cluster.completed(crawl)).toMatchObject({ done: answered.size, failed: failed.size })
})

test('every role serves its metrics, none of which names a host', async () => {
  const texts = new Map<string, string>()
  for (const role of cluster.roles) texts.set(role.name, await role.metrics())
  const served = {
    coordinator: [
      ...['urls', 'crawls', 'accounting_gap', 'admitted_total', 'rejected_total', 'claims_total', 'claim_seconds', 'settled_total'],
      ...['settle_seconds', 'stale_total', 'leases_expired_total', 'closed_total', 'open_visits', 'window_urls'],
    ].map((name) => `frontier_${name}`),
    fetcher: [
      ...['fetches_total', 'errors_total', 'denied_total', 'truncated_total', 'body_bytes_total', 'exchange_seconds', 'in_flight'],
      ...['open_visits', 'throttled_total', 'visits_total', 'redelivered_visits_total'],
    ].map((name) => `fetcher_${name}`),
    parser: ['pages_total', 'page_seconds', 'links_total', 'thread_faults_total', 'pages_in_flight'].map((name) => `parser_${name}`),
  }
  const ofAll = ['published_total', 'redelivered_total', 'blocked', 'blocked_total', 'reconnects_total', 'dead_lettered_total']
  for (const [role, names] of Object.entries(served)) {
    const text = texts.get(role) ?? ''
    for (const name of [...names, ...ofAll.map((name) => `broker_${name}`), 'nodejs_eventloop_lag_p99_seconds'])
      expect(text, role).toMatch(new RegExp(`^# TYPE warren_${name} `, 'm'))
    for (const line of text.split('\n')) {
      expect(line).toMatch(/^(#|$|warren_)/)
      expect(line).not.toMatch(/127\.0\.0\.|https?:|\b(host|url|crawl)="/)
    }
  }
  const value = (role: string, series: string) => Number(new RegExp(`^warren_${series} (\\S+)$`, 'm').exec(texts.get(role) ?? '')?.[1])
  expect(value('coordinator', 'frontier_accounting_gap\\{role="coordinator"\\}')).toBe(0)
  expect(value('coordinator', 'frontier_claim_seconds_count\\{role="coordinator"\\}')).toBeGreaterThan(0)
  expect(value('fetcher', 'fetcher_fetches_total\\{class="2xx",role="fetcher"\\}')).toBeGreaterThan(0)
  expect(value('fetcher', 'fetcher_in_flight\\{role="fetcher"\\}')).toBe(0)
  expect(value('parser', 'parser_pages_total\\{reader="scan",role="parser"\\}')).toBeGreaterThan(0)
})
