import {
  checkConcurrency,
  checkDelays,
  checkRobotsFetches,
  checkRobotsFirst,
  checkSpacing,
  duplicates,
  startWeb,
  testDatabase,
  testVhost,
} from '@warren/testkit'
import { expect, test } from 'vitest'
import { catalogUrls, startCluster } from '../support/cluster.ts'

const NAMES = 24
const DELAY_MS = 500
/** The defaults of a crawl: visits at once on one address, and the time between requests to it. */
const SLOTS = 4
const SPACING_MS = 250
/** By so much later than the next visit's may a visit's first request come, on a busy machine. */
const DISPATCH_MS = 500

test('two dozen names on one server are one server: four visits at once, four requests a second, whichever fetcher makes them', async () => {
  await using database = await testDatabase()
  await using vhost = await testVhost()
  const roles = { coordinators: 2, fetchers: 4, parsers: 1 }
  await using cluster = await startCluster({ databaseUrl: database.url, amqpUrl: vhost.url, ...roles })
  const names = { hosts: NAMES, addresses: 1, domain: 'names.test' }
  await using web = await startWeb({ ...names, pagesPerHost: 2, specials: 0, latencyMs: { min: 10, max: 50 } })
  const resolve = Object.entries(web.resolve).flatMap(([name, address]) => ['--resolve', `${name}:${address}`])
  const pace = ['--scope', 'any', '--delay', `${DELAY_MS}ms`, '--allow-address', '127.0.0.0/8']
  const crawl = await cluster.seed('names', [...web.roots, ...resolve, ...pace])
  // While answers are fast the spacing limits, when they are slow the slots do.
  await web.reached(60)
  await web.change({ latencyMs: { min: 1_000, max: 1_500 } })
  const counts = await cluster.completed(crawl, 120_000)

  const { answered } = web.expected({ seeds: web.roots })
  expect(answered.size).toBe(NAMES * 2)
  expect(counts).toMatchObject({ queued: 0, leased: 0, done: answered.size, failed: 0, visits: 0 })
  expect((await catalogUrls(cluster.frontier, crawl.id)).sort()).toEqual([...answered].sort())
  const log = await web.log()
  expect(new Set(log.map(({ address }) => address))).toEqual(new Set(['127.0.0.1']))
  expect(checkConcurrency(log, SLOTS, { of: 'address' })).toEqual([])
  expect(checkSpacing(log, SPACING_MS, { burst: SLOTS, toleranceMs: DISPATCH_MS })).toEqual([])
  expect(checkDelays(log, DELAY_MS)).toEqual([])
  expect(checkConcurrency(log, 1)).toEqual([])
  expect(checkRobotsFirst(log)).toEqual([])
  expect(checkRobotsFetches(log, 300_000)).toEqual([])
  expect(duplicates(log)).toEqual([])
})
