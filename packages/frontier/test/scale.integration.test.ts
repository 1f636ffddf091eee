// That calls stay flat is measured by bench/frontier; here is what makes them so. Seen failing: claim without enable_seqscan = off; a reader
// that keeps its transaction open.
import { type Frontier, openFrontier } from '@warren/frontier'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { candidate, claimPages, crawlAll, done, end, LEASE, onePage, settled, startCrawl, urlsOf, World } from './support.ts'

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(() => world[Symbol.asyncDispose]())

const A = 'http://a.test/'

test.each([
  { name: 'as built', mutant: false },
  { name: 'mutant: a claim that may scan', mutant: true },
])('no call reads a table that grows from end to end: $name', async ({ mutant }) => {
  if (mutant) await world.mutate('claim', ["SET enable_seqscan TO 'off'", "SET enable_seqscan TO 'on'"])
  const seeds = Array.from({ length: 40 }, (_, i) => `http://h${i % 8}.test/${i}`)
  const config = { maxPages: 1_000, maxPagesPerHost: 100, keepPasses: 1 }
  const { id: crawlId } = await alone((frontier) => startCrawl(frontier, [], config))
  await scanned() // attaching a partition reads it, empty as it is
  await world.rows('select pg_stat_reset()')
  const lost = await alone(async (frontier) => {
    await frontier.seed(
      crawlId,
      seeds.map((url) => candidate(url)),
    )
    await frontier.expire()
    for (const [n, visit] of (await claimPages(frontier)).entries()) {
      const [first, second, ...rest] = urlsOf(visit)
      if (first === undefined || second === undefined) throw new Error('five were seeded')
      await frontier.settle([
        settled(visit, first, done([candidate(`${A}${n}`, 1, first.id), candidate(seeds[0] ?? A)])),
        settled(visit, second, { kind: 'retry', afterMs: 0, code: 'reset' }),
        ...rest.map((url) => settled(visit, url, { kind: 'failed', code: 'reset', detail: '' })),
        end(visit),
      ])
    }
    return await onePage(frontier)
  })
  if (mutant) return expect(await scanned()).toContain('hosts')
  expect(await scanned()).toEqual([])
  await world.lapse() // a statement of the tests, which does scan
  await world.rows('select pg_stat_reset()')
  await alone(async (frontier) => {
    await frontier.expire()
    await frontier.settle([settled(lost, lost.url, done())]) // late
    await frontier.block(lost.hostKey, 'asked to')
    await frontier.closeStep()
    await frontier.unblock(lost.hostKey)
    await frontier.revive(lost.hostKey)
    await crawlAll(frontier)
    await frontier.startPass(crawlId, { all: true })
    await crawlAll(frontier)
    await frontier.catalog(crawlId, null, 10)
    await frontier.startPass(crawlId, { all: true })
    await frontier.transition(crawlId, 'cancel')
    await crawlAll(frontier)
    await frontier.deleteCrawl(crawlId)
  })
  expect(await scanned()).toEqual([])
})

/** With sessions of its own, which tell the server's statistics what they did when they end. */
async function alone<T>(use: (frontier: Frontier) => Promise<T>): Promise<T> {
  await using frontier = await openFrontier({ databaseUrl: world.url, slot: 1 })
  return await use(frontier)
}

/** Small by nature: crawls, their counters and roots, what is open now, coordinators. */
const SMALL = ['crawls', 'crawl_counts', 'crawl_roots', 'visits', 'leases', 'coordinators', 'migrations', 'robots_hops']

/** Tables that may grow and were read from end to end. */
async function scanned(): Promise<string[]> {
  for (;;) {
    const left = await world.rows(`select from pg_stat_activity where datname = current_database() and application_name = 'warren'`)
    if (left.length <= IDLE) break // its sessions have ended
  }
  const rows = await world.rows<{ relname: string }>(
    `select relname from pg_stat_all_tables where schemaname = 'frontier' and seq_scan > 0 and relname <> all($1)`,
    [SMALL],
  )
  return rows.map(({ relname }) => relname)
}
/** The session that opened the world's own frontier. */
const IDLE = 1

test.each([
  { name: 'as built', held: false },
  { name: 'mutant: a reader that keeps its transaction open', held: true },
])('a reader of the catalog lets vacuum take what claims leave behind: $name', async ({ held }) => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A, `${A}2`])
  await crawlAll(frontier, (url) => (url.depth < 3 ? [candidate(`${A}${url.id}`, url.depth + 1, url.id)] : []))
  const other = await startCrawl(frontier, ['http://b.test/'])
  const reader = await world.session()
  if (held) await reader.query('begin isolation level repeatable read')
  if (held) await reader.query('select count(*) from frontier.catalog')
  await frontier.catalog(crawl.id, null, 2)
  for (let i = 0; i < 100; i++) {
    const [visit] = await claimPages(frontier)
    if (visit === undefined) throw new Error('the host is due')
    await frontier.release(visit.visitId)
  }
  await world.rows('vacuum frontier.queues')
  await world.rows(`vacuum frontier.pending_${other.id}`)
  const [left] = await world.rows<{ dead: number }>(
    `select sum(n_dead_tup)::int as dead from pg_stat_all_tables where relname in ('queues', 'pending_${other.id}')`,
  )
  if (held) expect(left?.dead).toBeGreaterThan(100)
  else expect(left?.dead).toBeLessThan(10)
  // What a process of ours leaves open would hold vacuum back for everybody.
  const open = await world.rows(
    `select from pg_stat_activity where datname = current_database() and application_name = 'warren' and backend_xmin is not null`,
  )
  expect(open).toEqual([])
})

test('a plan is made for one crawl: a claim locks the partitions of one, however many there are', async () => {
  const { frontier } = world
  await startCrawl(frontier, [A])
  for (let i = 0; i < 20; i++) await startCrawl(frontier, [])
  const session = await world.session()
  const locksOf = async (call: string, values: unknown[]): Promise<number> => {
    for (let i = 0; i < 7; i++) await session.query(call, values) // a generic plan would be taken by now
    await session.query('begin')
    await session.query(call, values)
    const { rows } = await session.query<{ n: number }>(
      `select count(distinct c.relname)::int as n from pg_locks l join pg_class c on c.oid = l.relation
        where l.pid = pg_backend_pid() and c.relname ~ '^(urls|pending|catalog|failures|exclusions|retries)_[0-9]+$'`,
    )
    await session.query('commit')
    return rows[0]?.n ?? 0
  }
  await session.query('set plan_cache_mode = force_custom_plan') // as our sessions do
  expect(await locksOf('select * from frontier.claim(9, $1, $2, 60000)', [LEASE.hosts, LEASE.urls])).toBeLessThanOrEqual(3)
  expect(await locksOf('select * from frontier.expire(9, $1)', [500])).toBeLessThanOrEqual(3)
  expect(await locksOf('select * from frontier.advance(9, $1, 100)', [1])).toBeLessThanOrEqual(6)
})
