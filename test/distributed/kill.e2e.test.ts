import { checkConcurrency, checkDelays, disallowed, duplicates, startRabbitMq, startWebProcess, testDatabase } from '@warren/testkit'
import { expect, test } from 'vitest'
import { catalogUrls, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/warren.ts'

const DELAY_MS = 200
const HOSTS = 6
/** Leases of 15 s, so that what a killed process held comes back within the test. */
const SHORT_LEASES = { VISIT_QUEUE_MS: '3000', VISIT_RUN_MS: '11000', LEASE_MARGIN_MS: '1000', PAGE_LEASE_MS: '15000' }

test('one process of each role and RabbitMQ are killed in the middle: nothing is lost, nothing is kept twice, no delay is violated', async () => {
  await using database = await testDatabase({ allowOpenConnections: true }) // Postgres takes a moment to miss a killed client
  await using rabbit = await startRabbitMq()
  await using web = await startWebProcess({ hosts: HOSTS, pagesPerHost: 40, specials: 1, latencyMs: { min: 5, max: 30 } })
  await using cluster = await startCluster({ databaseUrl: database.url, amqpUrl: rabbit.url, settings: SHORT_LEASES })
  await rabbit.ctl(['eval', 'mnesia:sync_log().']) // 3.10 may lose a queue that was declared just before it is killed
  const crawl = await cluster.seed('killed', [
    String(web.roots[0]),
    '--scope',
    'any',
    '--delay',
    `${DELAY_MS}ms`,
    '--allow-address',
    '127.0.0.0/8',
  ])

  const replacements: Promise<unknown>[] = []
  for (const [name, at] of [
    ['fetcher', 30],
    ['coordinator', 60],
    ['parser', 75],
  ] as const) {
    await web.reached(at)
    await cluster.of(name)[0]?.kill()
    replacements.push(cluster.start(name))
  }
  await Promise.all(replacements)
  await web.reached(100)
  await rabbit.kill()
  const { answered } = web.expected()
  expect((await web.log()).length, 'requests before the last kill').toBeLessThan(answered.size)
  await rabbit.restart()

  const counts = await cluster.completed(crawl, 120_000)
  expect(counts).toMatchObject({ queued: 0, leased: 0, done: answered.size, failed: 0, visits: 0 })
  expect((await catalogUrls(cluster.frontier, crawl.id)).sort()).toEqual([...answered].sort())
  expect(await cluster.frontier.verify(crawl.id)).toEqual([])
  expect(await cluster.frontier.accountingGap()).toBe(0)
  const empty = { visits: 0, pages: 0, outcomes: 0, dead: 0 }
  const depths = () => cluster.broker.depths()
  expect(await eventually(depths, ({ visits, pages, outcomes }) => visits + pages + outcomes === 0)).toEqual(empty)
  expect(cluster.roles).toHaveLength(7)

  const log = await web.log()
  expect(checkDelays(log, DELAY_MS)).toEqual([])
  expect(checkConcurrency(log, 1)).toEqual([])
  expect(disallowed(log)).toEqual([])
  // Once for the killed fetcher, once for the killed broker: what a host had in flight then.
  expect(duplicates(log).length).toBeLessThanOrEqual(2 * HOSTS)
})
