import { checkConcurrency, checkDelays, disallowed, duplicates, startWebProcess, testDatabase, testVhost } from '@warren/testkit'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Cluster, catalogUrls, startCluster } from '../support/cluster.ts'
import { eventually, warren } from '../support/warren.ts'

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
  await using web = await startWebProcess({ hosts: 3, pagesPerHost: 12, specials: 1, robots: { crawlDelaySeconds: 0.3 } })
  const crawl = await cluster.seed('delays', [String(web.roots[0]), '--delay', '100ms', ...LOCAL])
  await cluster.completed(crawl)
  const log = await web.log()
  expect((await catalogUrls(cluster.frontier, crawl.id)).sort()).toEqual([...web.expected().answered].sort())
  expect(checkDelays(log, (host) => (host === web.origins[1] ? 300 : 100))).toEqual([])
  expect(checkConcurrency(log, 1)).toEqual([])
})

test('a page budget is kept to the page by all coordinators together', async () => {
  await using web = await startWebProcess({ hosts: 6, pagesPerHost: 20, specials: 1 })
  const crawl = await cluster.seed('budget', [String(web.roots[0]), '--delay', '0', '--max-pages', '30', ...LOCAL])
  expect(await cluster.completed(crawl)).toMatchObject({ done: 30, queued: 0, leased: 0 })
  expect(await catalogUrls(cluster.frontier, crawl.id)).toHaveLength(30)
})

test('what fails at first is tried again, by other fetchers too, and what never answers ends as failed', async () => {
  await using web = await startWebProcess({ hosts: 2, pagesPerHost: 15, faults: { reset: 1, dead: 1 }, robots: { errors: 0 } })
  const { env, stdout, code } = { env: cluster.env, ...(await warren(['status', 'nobody'], { env: cluster.env })) }
  expect({ env: env['DATABASE_URL'] !== undefined, stdout, code }).toEqual({ env: true, stdout: '', code: 2 })
  const crawl = await cluster.seed('faults', [String(web.roots[0]), '--delay', '0', ...LOCAL])
  const { answered, failed } = web.expected()
  expect(await cluster.completed(crawl)).toMatchObject({ done: answered.size, failed: failed.size })
})
