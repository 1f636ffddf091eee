// Schedules that broke earlier versions, forced: one call is held inside an open transaction or at a pause point while another runs.
// Each schedule is run twice, on the functions as they are and on a mutant, which must break. The mutants:
//   put_to_sleep without its row lock; put_to_sleep that locks and looks in one statement; claim without the re-check after locking;
//   settle with two enqueue steps; claim without its lock; seeding without the share lock; advance that moves a level beside a claim;
//   lowering without its lock; admit that does not look again at what another call has just admitted; enqueue that takes the host's
//   next time from its snapshot and locks no queues; reviving without the share lock; claim that looks at a block before it locks.
import type { Candidate } from '@warren/frontier'
import type { HostKey } from '@warren/web'
import { describe, expect, onTestFinished, test } from 'vitest'
import { candidate, claimPages, done, end, LEASE, onePage, paths, settled, startCrawl, World } from './support.ts'

const A = 'http://a.test/'
const B = 'http://b.test/'
const PAUSE = 99
const pause = `perform pg_advisory_xact_lock_shared(${PAUSE});`

async function createWorld(): Promise<World> {
  const world = await World.create()
  onTestFinished(() => world[Symbol.asyncDispose]())
  return world
}

/** Waits until `count` sessions of this database wait for a lock. */
async function blocked(world: World, count = 1): Promise<void> {
  for (;;) {
    const rows = await world.rows(`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)
    if (rows.length >= count) return
  }
}

/** A transaction with one admission in it, open until the test commits it. */
async function openSeeding(world: World, crawlId: number, { url, hostKey, fingerprint, depth, chain, priority, parentId }: Candidate) {
  const session = await world.session()
  await session.query('begin')
  await session.query(
    `select * from frontier.settle(9, $1, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '[]', '{0}', $2, $3, $4, '{1}', $5, $6, $7, $8, $9,
       null, null)`,
    [crawlId, [crawlId], [fingerprint], [url], [depth], [chain], [priority], [parentId], [hostKey]],
  )
  return session
}

/** A running crawl whose only URL so far is done: its host is awake and has nothing. */
async function emptied(world: World, config = {}) {
  const crawl = await startCrawl(world.frontier, [A], config)
  const visit = await onePage(world.frontier)
  await world.frontier.settle([settled(visit, visit.url, done()), end(visit)])
  return crawl
}

describe('putting a host to sleep loses no wake-up', () => {
  test.each([
    { name: 'as built', mutant: false },
    { name: 'mutant: without the row lock', mutant: true },
  ])('while an admission is under way: $name', async ({ mutant }) => {
    const world = await createWorld()
    if (mutant) await world.mutate('put_to_sleep', [' for update skip locked', ''])
    const crawl = await emptied(world)
    const session = await openSeeding(world, crawl.id, candidate(`${A}new`))
    expect(await world.frontier.claim(LEASE)).toEqual([])
    await session.query('commit')
    expect((await world.frontier.verify(crawl.id)).map(({ what }) => what)).toEqual(mutant ? ['queues asleep over work'] : [])
  })

  test.each([
    { name: 'as built', mutant: false },
    { name: 'mutant: lock and look in one statement', mutant: true },
  ])('when an admission commits just before the lock: $name', async ({ mutant }) => {
    const world = await createWorld()
    if (mutant) {
      await world.mutate(
        'put_to_sleep',
        ['v_held := array(select id from hosts where id = any(p_hosts) order by id for update skip locked);', ''],
        ['q.host_id = any(v_held)', 'q.host_id = any(p_hosts)'],
        [
          'unnest(v_held) k(host_id)',
          `(with p as materialized (select pg_advisory_xact_lock_shared(${PAUSE}) as x) select h.id from p cross join lateral
             (select id from hosts where id = any(p_hosts) and p is not null order by id for update skip locked) h) k(host_id)`,
        ],
      )
    } else await world.mutate('put_to_sleep', ['v_held := array(', `${pause} v_held := array(`])
    const crawl = await emptied(world)
    const gate = await world.session()
    await gate.query(`select pg_advisory_lock(${PAUSE})`)
    const claiming = world.frontier.claim(LEASE)
    await blocked(world)
    await (await world.open(1)).seed(crawl.id, [candidate(`${A}new`)])
    await gate.query(`select pg_advisory_unlock(${PAUSE})`)
    expect(await claiming).toEqual([])
    expect((await world.frontier.verify(crawl.id)).map(({ what }) => what)).toEqual(mutant ? ['queues asleep over work'] : [])
  })

  test.each([
    { name: 'as built', mutant: false },
    { name: 'mutant: the level moves beside a claim', mutant: true },
  ])('when the level moves: $name', async ({ mutant }) => {
    const world = await createWorld()
    if (mutant) await world.mutate('advance', [' and pg_try_advisory_xact_lock(7001)', ''])
    const { frontier } = world
    const crawl = await startCrawl(frontier, [A], { depthByLevel: true })
    const visit = await onePage(frontier)
    await frontier.settle([settled(visit, visit.url, done([candidate(`${A}deep`, 1, visit.url.id)])), end(visit)])
    const session = await world.session()
    await session.query('begin')
    await session.query('select * from frontier.claim(9, 50, 500, 60000)')
    await (await world.open(1)).advance()
    await session.query('commit')
    const stranded = (await frontier.verify(crawl.id)).map(({ what }) => what)
    expect(stranded).toEqual(mutant ? ['queues asleep over work'] : [])
    await frontier.advance()
    expect(paths(await claimPages(frontier))).toEqual(mutant ? [] : [`${A}deep`])
  })
})

test.each([
  { name: 'as built', mutant: false },
  { name: 'mutant: no re-check after locking', mutant: true },
])('claim: a queue that says due while the host is visited gives no second visit: $name', async ({ mutant }) => {
  const world = await createWorld()
  if (mutant) await world.mutate('claim', ["when h.next_at > v_now then 'wait'", "when false then 'wait'"])
  const { frontier } = world
  await startCrawl(frontier, [A])
  await onePage(frontier)
  await startCrawl(frontier, [A])
  expect(await frontier.claim(LEASE)).toHaveLength(mutant ? 1 : 0)
})

test.each([
  { name: 'as built', mutant: false },
  { name: 'mutant: two claims at once', mutant: true },
])('claim: two at once do not both reserve the last pages of a budget: $name', async ({ mutant }) => {
  const world = await createWorld()
  if (mutant) await world.mutate('claim', ['if not pg_try_advisory_xact_lock(7001) then return; end if;', ''])
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A, B], { maxPages: 1 })
  await claimPages(frontier).then((visits) => Promise.all(visits.map(({ visitId }) => frontier.release(visitId))))
  const session = await world.session()
  await session.query('begin')
  await session.query('select * from frontier.claim(9, 1, 500, 60000)')
  await frontier.claim(LEASE)
  await session.query('commit')
  expect((await frontier.counts(crawl.id)).leased).toBe(mutant ? 2 : 1)
})

test.each([
  { name: 'as built', mutant: false },
  { name: 'mutant: no share lock', mutant: true },
])('seed: a crawl does not complete while a seeding is under way: $name', async ({ mutant }) => {
  const world = await createWorld()
  if (mutant) await world.mutate('settle', [' for share', ''])
  const { frontier } = world
  const crawl = await emptied(world)
  const session = await openSeeding(world, crawl.id, candidate(`${A}new`))
  await frontier.advance()
  await session.query('commit')
  expect(await frontier.counts(crawl.id)).toMatchObject({ queued: 1 })
  expect((await frontier.crawl(crawl.id))?.state).toBe(mutant ? 'completed' : 'running')
})

test('seed: what comes after the completion is refused, also when it waited for it', async () => {
  const world = await createWorld()
  const crawl = await emptied(world)
  const session = await world.session()
  await session.query('begin')
  await session.query('select * from frontier.advance(9, $1, 10)', [crawl.id])
  const seeding = world.frontier.seed(crawl.id, [candidate(`${A}new`)])
  const refusal = expect(seeding).rejects.toMatchObject({ code: 'ERR_CRAWL_CONFLICT' })
  await blocked(world)
  await session.query('commit')
  await refusal
  expect(await world.frontier.counts(crawl.id)).toMatchObject({ discovered: 1, queued: 0 })
})

test.each([
  { name: 'as built', mutant: false },
  { name: 'mutant: two enqueue steps', mutant: true },
])('settle: two at once that queue into the same hosts in opposite order do not deadlock: $name', async ({ mutant }) => {
  const world = await createWorld()
  const enqueue = 'perform enqueue(v_requeue || v_fresh,'
  if (mutant)
    await world.mutate('settle', [enqueue, `perform enqueue(v_requeue, null, null, null, null); ${pause} perform enqueue(v_fresh,`])
  else await world.mutate('settle', [enqueue, `${pause} ${enqueue}`])
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A, B])
  const visits = await claimPages(frontier)
  const onHost = (hostKey: string) => {
    const visit = visits.find((one) => one.hostKey === hostKey)
    if (visit?.work.kind !== 'pages' || visit.work.urls[0] === undefined) throw new Error(`${hostKey} was seeded`)
    return { visit, url: visit.work.urls[0] }
  }
  const [a, b] = [onHost('http://a.test:80'), onHost('http://b.test:80')]
  await world.rows(`update frontier.queues set asleep = true, due_at = 'infinity'`)
  // A second URL of each host, whose page links to the other host, while the first is to be retried.
  const gate = await world.session()
  const admit = (to: string) => candidate(`${to}new`, 1)
  await gate.query(`select pg_advisory_lock(${PAUSE})`)
  const extra = await world.rows<{ id: string; url: string }>(`
    with u as (insert into frontier.urls (fp, crawl_id, host_id, depth, chain, priority, url)
                 select gen_random_uuid(), ${crawl.id}, host_id, 0, 0, 0, url || 'extra' from frontier.urls returning id, host_id, url)
    insert into frontier.leases (id, crawl_id, host_id, pass, depth, chain, priority, attempt, crashes, visit, until)
    select u.id, ${crawl.id}, u.host_id, 1, 0, 0, 0, 1, 0, h.visit, now() + interval '1 min' from u join frontier.hosts h on h.id = u.host_id
    returning id, (select url from u where u.id = leases.id)`)
  await world.rows(`insert into frontier.crawl_counts values (${crawl.id}, 0, 60, 2, 0, 2, 0, 0, 0, 0)`)
  const extraOf = (base: string) => Number(extra.find(({ url }) => url === `${base}extra`)?.id)
  const retry = { kind: 'retry', afterMs: 0, code: 'reset' } as const
  const batch = (own: typeof a, base: string, other: string) => [
    settled(own.visit, own.url, retry),
    settled(own.visit, { ...own.url, id: extraOf(base) }, done([admit(other)])),
  ]
  const [one, two] = [await world.open(1), await world.open(2)]
  const both = Promise.all([one.settle(batch(a, A, B)), two.settle(batch(b, B, A))])
  await blocked(world, 2)
  await gate.query(`select pg_advisory_unlock(${PAUSE})`)
  await both
  // A deadlock is made again whole, so all that shows is that it was.
  expect(one.conflicts + two.conflicts > 0).toBe(mutant)
  expect(await frontier.verify(crawl.id)).toEqual([])
})

test.each([
  { name: 'as built', mutant: false },
  { name: 'mutant: no lock for lowering', mutant: true },
])('admit: of two shorter paths at once the shortest stays: $name', async ({ mutant }) => {
  const world = await createWorld()
  if (mutant) await world.mutate('admit', ['perform pg_advisory_xact_lock(7002, p_crawl)', 'perform p_crawl'])
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A])
  await frontier.seed(crawl.id, [candidate(`${A}x`, 5)])
  const session = await openSeeding(world, crawl.id, candidate(`${A}x`, 3))
  const lowering = (await world.open(1)).seed(crawl.id, [candidate(`${A}x`, 1)])
  if (mutant) await lowering
  else await blocked(world)
  await session.query('commit')
  await lowering
  expect(await world.rows(`select depth from frontier.pending order by depth`)).toEqual([{ depth: 0 }, { depth: mutant ? 3 : 1 }])
  expect(await frontier.verify(crawl.id)).toEqual([])
})

test.each([
  { name: 'as built', mutant: false },
  { name: 'mutant: no second look', mutant: true },
])('admit: a shorter path that arrives while the longer one is being admitted lowers it: $name', async ({ mutant }) => {
  const world = await createWorld()
  if (mutant) await world.mutate('admit', ['if v_inserted < cardinality(v_new) then', 'if false then'])
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A])
  const session = await openSeeding(world, crawl.id, candidate(`${A}x`, 5))
  const shorter = (await world.open(1)).seed(crawl.id, [candidate(`${A}x`, 1)])
  await blocked(world)
  await session.query('commit')
  expect(await shorter).toEqual({ admitted: 0, known: 1 })
  expect(await world.rows(`select depth from frontier.pending order by depth`)).toEqual([{ depth: 0 }, { depth: mutant ? 5 : 1 }])
  expect(await frontier.verify(crawl.id)).toEqual([])
})

test.each([
  { name: 'as built', mutant: false },
  { name: "mutant: the host's next time from a snapshot", mutant: true },
])('enqueue: a wake-up beside the end of the visit is not due only when the lease would have run out: $name', async ({ mutant }) => {
  const world = await createWorld()
  const ready = 'case when g.ready then clock_timestamp() else least(q.due_at, g.at) end'
  const snapshot = 'case when g.ready then (select h.next_at from hosts h where h.id = q.host_id) else least(q.due_at, g.at) end'
  if (mutant) await world.mutate('enqueue', [ready, snapshot], [' for update of q', ''])
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A])
  const visit = await onePage(frontier)
  await world.rows(`update frontier.queues set asleep = true, due_at = 'infinity'`)
  const session = await world.session()
  await session.query('begin')
  const ends = [
    { host_id: visit.hostId, visit: visit.visitId, ending: 'finished', unfetched: [], next_in_ms: 0, page_lease_ms: 1, answered: true },
  ]
  await session.query(
    `select * from frontier.settle(9, null, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '[]', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
       '{}', $1, null)`,
    [JSON.stringify(ends)],
  )
  const admission = (await world.open(1)).seed(crawl.id, [candidate(`${A}new`)])
  if (mutant) await admission
  else await blocked(world)
  await session.query('commit')
  await admission
  const [queue] = await world.rows<{ late: boolean }>(`select due_at > now() + interval '10 s' as late from frontier.queues`)
  expect(queue?.late).toBe(mutant)
})

test.each([
  { name: 'as built', mutant: false },
  { name: 'mutant: no share lock', mutant: true },
])('revive: a crawl does not complete while its URLs are being queued again: $name', async ({ mutant }) => {
  const world = await createWorld()
  if (mutant) await world.mutate('reopen_step', [' for share of c', ''])
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A])
  const visit = await onePage(frontier)
  await frontier.settle([settled(visit, visit.url, { kind: 'failed', code: 'given-up: connect-refused', detail: '' }), end(visit)])
  const session = await world.session()
  await session.query('begin')
  await session.query('select frontier.reopen_step(9, $1, 10)', [visit.hostId])
  await frontier.advance()
  await session.query('commit')
  expect(await frontier.counts(crawl.id)).toMatchObject({ queued: 1, failed: 0 })
  expect((await frontier.crawl(crawl.id))?.state).toBe(mutant ? 'completed' : 'running')
})

test.each([
  { name: 'as built', mutant: false },
  { name: 'mutant: two claims at once', mutant: true },
])('claim: two at once do not both take the last slot of an address: $name', async ({ mutant }) => {
  const world = await createWorld()
  if (mutant) await world.mutate('claim', ['if not pg_try_advisory_xact_lock(7001) then return; end if;', ''])
  const { frontier } = world
  await startCrawl(frontier, [A, B], { delayMs: 1_000, addressSlots: 1, addressSpacingMs: 0 })
  await world.rows(`with a as (insert into frontier.addresses (prefix) values ('192.0.2.1/32') returning id)
    update frontier.hosts set address_id = a.id, robots_access = 'allow-all', robots_expires = 'infinity' from a`)
  const session = await world.session()
  await session.query('begin')
  await session.query('select * from frontier.claim(9, 1, 500, 60000)')
  const claiming = frontier.claim(LEASE)
  if (mutant)
    await blocked(world) // by the calendar's row
  else await claiming
  await session.query('commit')
  expect(await claiming).toHaveLength(mutant ? 1 : 0)
  expect(await world.rows('select from frontier.visits where address_id is not null')).toHaveLength(mutant ? 2 : 1)
})

test.each([
  { name: 'as built', mutant: false },
  { name: 'mutant: the block is not looked at under the lock', mutant: true },
])('claim: a host that is blocked between the pick and the lock is not visited: $name', async ({ mutant }) => {
  const world = await createWorld()
  const locked = 'v_locked := array(select id from hosts'
  await world.mutate('claim', [locked, `${pause} ${locked}`])
  if (mutant) await world.mutate('claim', ['case when h.blocked is not null', 'case when false'])
  const { frontier } = world
  await startCrawl(frontier, [A])
  const gate = await world.session()
  await gate.query(`select pg_advisory_lock(${PAUSE})`)
  const claiming = frontier.claim(LEASE)
  await blocked(world)
  await (await world.open(1)).block('http://a.test:80' as HostKey, 'asked to')
  await gate.query(`select pg_advisory_unlock(${PAUSE})`)
  expect(await claiming).toHaveLength(mutant ? 1 : 0)
})
