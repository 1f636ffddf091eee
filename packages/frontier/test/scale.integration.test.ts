// That calls stay flat is measured by bench/frontier; here is what makes them so. Seen failing: claim without enable_seqscan = off; a reader
// that keeps its transaction open; batches joined by equality (settle read 13 million rows of 3 600 leases).
import { type ClaimedVisit, type Frontier, openFrontier } from '@warren/frontier'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { candidate, claimPages, crawlAll, done, end, LEASE, onePage, REFUSED, settled, startCrawl, urlsOf, World } from './support.ts'

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
  await sessionsEnd()
  const rows = await world.rows<{ relname: string }>(
    `select relname from pg_stat_all_tables where schemaname = 'frontier' and seq_scan > 0 and relname <> all($1)`,
    [SMALL],
  )
  return rows.map(({ relname }) => relname)
}
/** Those that `alone` opened; then the server knows what they did. */
async function sessionsEnd(): Promise<void> {
  const open = `select from pg_stat_activity where datname = current_database() and application_name = 'warren'`
  while ((await world.rows(open)).length > IDLE);
}
/** The session that opened the world's own frontier. */
const IDLE = 1

test('no call reads more rows than it deals with, also by plans that take the tables for empty', async () => {
  const seeds = Array.from({ length: URLS }, (_, i) => candidate(`http://h${i % HOSTS}.test/${i}`, 3))
  const few = { hosts: 10, urls: 100 }
  const crawlId = await alone(async (frontier) => {
    const { id } = await startCrawl(frontier, [], { maxPagesPerHost: 1_000 })
    for (let from = 0; from < URLS; from += 500) await frontier.seed(id, seeds.slice(from, from + 500))
    return id
  })
  await alone((frontier) => claimPages(frontier)) // all hosts have robots.txt from here on
  const visits = await alone(async (frontier) => {
    const visits = []
    while (visits.length < HOSTS / 2) visits.push(...(await claimPages(frontier)))
    return visits
  })
  const late = visits.pop()
  if (late === undefined) throw new Error('nothing was claimed')
  await world.rows(`update frontier.leases set until = now() where visit = $1`, [late.visitId])
  await world.rows(TAKEN_FOR_EMPTY)
  const one = (): ClaimedVisit => {
    const visit = visits.pop()
    if (visit === undefined) throw new Error('all visits were used')
    return visit
  }
  const calls: Record<string, (frontier: Frontier) => Promise<unknown>> = {
    claim: (frontier) => frontier.claim({ ...LEASE, ...few }),
    'settle, with links': (frontier) => {
      const visit = one()
      const better = seeds.slice(-10).map((seed) => ({ ...seed, depth: 2 }))
      const links = [...better, ...better.map((_, i) => candidate(`http://new${i}.test/`, 4))]
      return frontier.settle([...urlsOf(visit).map((url) => settled(visit, url, done(links))), end(visit)])
    },
    'settle, in trouble': (frontier) => {
      const visit = one()
      const [first, second, ...rest] = urlsOf(visit)
      if (first === undefined || second === undefined) throw new Error('hosts have ten URLs')
      return frontier.settle([
        settled(visit, first, { kind: 'retry', afterMs: 0, code: 'reset' }),
        settled(visit, second, { kind: 'failed', code: 'reset', detail: '' }),
        end(visit, { unfetched: rest.map(({ id }) => id), trouble: REFUSED, answered: false }),
      ])
    },
    'settle, abandoned': (frontier) => frontier.settle([end(one(), { ending: 'abandoned' })]),
    release: (frontier) => frontier.release(one().visitId),
    refill: (frontier) => frontier.refill(one().visitId, 10),
    seed: (frontier) =>
      frontier.seed(
        crawlId,
        seeds.slice(-50).map((seed) => ({ ...seed, depth: 1 })),
      ),
    expire: (frontier) => frontier.expire(),
    'settle, late': async (frontier) =>
      expect(await frontier.settle(urlsOf(late).map((url) => settled(late, url, done())))).toMatchObject({ refusedStale: 0 }),
    block: (frontier) => frontier.block(late.hostKey, 'asked to'),
    closeStep: (frontier) => frontier.closeStep(),
    unblock: (frontier) => frontier.unblock(late.hostKey),
    revive: (frontier) => frontier.revive(late.hostKey),
    explain: (frontier) => frontier.explain(crawlId, candidate(`http://h1.test/1`).url),
  }
  const read: [call: string, table: string, rows: number][] = []
  for (const [name, call] of Object.entries(calls)) {
    await sessionsEnd()
    await world.rows('select pg_stat_reset()')
    await alone(call)
    for (const { table, rows } of await rowsRead()) if (rows > MOST) read.push([name, table, rows])
  }
  expect(read).toEqual([])
})
const URLS = 3_000
const HOSTS = 300
/** Rows of a table that a call of the test may read: it deals with a hundred URLs at most, and looks at some more than once. */
const MOST = 500
/** What vacuum leaves behind where it finds nothing. `urls`, `catalog` and `hosts` do not shrink. */
const TAKEN_FOR_EMPTY = `
do $$ declare t record; begin
  for t in select oid, oid::regclass as name from pg_class where relnamespace = 'frontier'::regnamespace and relkind = 'r'
      and relname ~ '^(leases|visits|queues|pending|failures|exclusions|retries|robots_hops)' loop
    execute format('alter table %s set (autovacuum_enabled = false)', t.name);
    update pg_class set reltuples = 0, relpages = 100 where oid = t.oid;
    delete from pg_statistic where starelid = t.oid;
  end loop;
end $$`

/** By table that may grow, leases and visits too. */
async function rowsRead(): Promise<{ table: string; rows: number }[]> {
  await sessionsEnd()
  return await world.rows<{ table: string; rows: number }>(
    `select relname as table, (seq_tup_read + coalesce(idx_tup_fetch, 0))::int as rows from pg_stat_all_tables
      where schemaname = 'frontier' and relname not in ('crawls', 'crawl_counts')`,
  )
}

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
