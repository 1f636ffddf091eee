import {
  checkConcurrency,
  checkDelays,
  checkRetryAfter,
  checkRobotsFetches,
  checkRobotsFirst,
  disallowed,
  duplicates,
  startWeb,
  testDatabase,
  testVhost,
} from '@warren/testkit'
import { expect, test } from 'vitest'
import { catalogUrls, startCluster } from '../support/cluster.ts'
import { eventually, type RoleProcess } from '../support/warren.ts'

const SKEW_MS = 60_000
const PRELOAD = new URL('../support/skewed-clock.ts', import.meta.url).href
const skewed = (ms: number) => ({ NODE_OPTIONS: `--import ${PRELOAD}`, CLOCK_SKEW_MS: String(ms) })

/** By how much a role's clock is ahead of ours, as the line says that it wrote on getting ready. */
function clockAheadMs(role: RoleProcess): number {
  const line = role.process.output.split('\n').find((line) => line.includes('"msg":"ready"')) ?? '{}'
  return Date.parse((JSON.parse(line) as { time: string }).time) - Date.now()
}

test('clocks that are a minute ahead in some roles and a minute behind in others change nothing', async () => {
  await using database = await testDatabase()
  await using vhost = await testVhost()
  // Leases of 40 s: less than the clocks differ by, far more than a visit takes.
  const leases = { VISIT_QUEUE_MS: '3000', VISIT_RUN_MS: '11000', LEASE_MARGIN_MS: '26000', PAGE_LEASE_MS: '40000' }
  const settings = { ...leases, RETRY_BASE_MS: '200' }
  const roles = { coordinators: 0, fetchers: 0, parsers: 0, settings }
  await using cluster = await startCluster({ databaseUrl: database.url, amqpUrl: vhost.url, ...roles })
  for (const name of ['coordinator', 'fetcher', 'parser'] as const) {
    const [ahead, behind] = await Promise.all([cluster.start(name, skewed(SKEW_MS)), cluster.start(name, skewed(-SKEW_MS))])
    expect(Math.abs(clockAheadMs(ahead) - SKEW_MS), name).toBeLessThan(20_000) // it may have waited for us on a busy machine
    expect(Math.abs(clockAheadMs(behind) + SKEW_MS), name).toBeLessThan(20_000)
  }
  const faults = { reset: 1, busy: 1, retryAfterSeconds: 3, retryAfterForm: 'date' } as const
  await using web = await startWeb({ hosts: 6, addresses: 6, specials: 1, latencyMs: { min: 5, max: 30 }, faults })
  const pace = ['--delay', '100ms', '--scope', 'any', '--allow-address', '127.0.0.0/8']
  const crawl = await cluster.seed('skewed', [String(web.roots[0]), ...pace])
  const { answered } = web.expected()
  const counts = await cluster.completed(crawl)

  expect(counts).toMatchObject({ queued: 0, leased: 0, done: answered.size, failed: 0, visits: 0 })
  expect((await catalogUrls(cluster.frontier, crawl.id)).sort()).toEqual([...answered].sort())
  expect(await cluster.frontier.verify(crawl.id)).toEqual([])
  expect(await cluster.frontier.accountingGap()).toBe(0)
  expect(
    await eventually(
      () => cluster.broker.depths(),
      ({ outcomes }) => outcomes === 0,
    ),
  ).toMatchObject({ dead: 0 })
  const log = await web.log()
  expect(checkDelays(log, 100)).toEqual([])
  expect(checkConcurrency(log, 1)).toEqual([])
  expect(checkRetryAfter(log)).toEqual([])
  expect(checkRobotsFirst(log)).toEqual([])
  expect(checkRobotsFetches(log, 300_000)).toEqual([])
  expect(disallowed(log)).toEqual([])
  expect(duplicates(log)).toEqual([])
  for (const role of cluster.of('coordinator')) expect(await role.metrics()).toMatch(/^warren_frontier_leases_expired_total\{[^}]*\} 0$/m)
})
