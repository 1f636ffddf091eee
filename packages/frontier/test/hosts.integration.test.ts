// Mutants seen failing: claim without its `wait` fate (two visits of a host); a hop that resets the asking host's trouble; give-up by tries OR
// time; claim that takes given-up hosts; back-off that does not double, or is not kept to Retry-After.
import type { ClaimedVisit, Trouble } from '@warren/frontier'
import type { CanonicalUrl, HostKey } from '@warren/web'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  candidate,
  claimPages,
  done,
  end,
  LEASE,
  onePage,
  PATIENT,
  paths,
  REFUSED,
  robots,
  settled,
  startCrawl,
  urlsOf,
  World,
} from './support.ts'

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(async () => {
  await world[Symbol.asyncDispose]()
})

const A = 'http://a.test/'
const B = 'http://b.test/'
const hurry = () =>
  world.rows(`with q as (update frontier.queues set due_at = now() where due_at < 'infinity')
    update frontier.hosts set next_at = now(), robots_retry_at = case when robots_retry_at is not null then now() end where visit is null`)
const busy: Trouble = { ...REFUSED, kind: 'refusing', code: '503' }
const keys = (visits: readonly ClaimedVisit[]) => visits.map(({ hostKey, work }) => `${work.kind} ${hostKey}`).sort()

async function one(): Promise<ClaimedVisit> {
  const [visit, more] = await world.frontier.claim(LEASE)
  if (visit === undefined || more !== undefined) throw new Error('one visit was due')
  return visit
}

test('claim: one visit per host key, over all crawls', async () => {
  const { frontier } = world
  await startCrawl(frontier, [A])
  const visit = await onePage(frontier)
  const other = await startCrawl(frontier, [A, B])
  expect(keys(await frontier.claim(LEASE))).toEqual(['robots http://b.test:80'])
  await frontier.settle([settled(visit, visit.url, done()), end(visit, { nextInMs: 0 })])
  // The first crawl's queue of the host is found empty and put to sleep by one claim; the next one comes to the other crawl's.
  const [next] = [...(await frontier.claim(LEASE)), ...(await frontier.claim(LEASE))]
  expect(next).toMatchObject({ crawlId: other.id, hostKey: 'http://a.test:80' })
})

test('claim: nobody visits a host before the end of the last visit allowed it, not even for another crawl', async () => {
  const { frontier } = world
  await startCrawl(frontier, [A])
  const visit = await onePage(frontier)
  await frontier.settle([settled(visit, visit.url, done()), end(visit, { nextInMs: 3_600_000 })])
  const other = await startCrawl(frontier, [A])
  expect(await frontier.claim(LEASE)).toEqual([])
  expect((await frontier.waiting(other.id, 1))[0]).toMatchObject({ reason: 'pace' })
})

test('claim: the size of a visit follows the delay, the latency and the width', async () => {
  const { frontier } = world
  const seeds = Array.from({ length: 600 }, (_, index) => `${A}${index}`)
  await startCrawl(frontier, seeds, { hostConcurrency: 2 })
  const visit = await onePage(frontier, { urls: 10_000 })
  expect(urlsOf(visit)).toHaveLength(400) // 2 s / 10 ms x 2
  expect(visit).toMatchObject({ delayMs: 0, width: 2 })
  await frontier.release(visit.visitId)
  await world.rows('update frontier.hosts set crawl_delay_ms = 3000')
  const slow = await onePage(frontier)
  expect(urlsOf(slow)).toHaveLength(3) // 10 s / 3 s
  expect(slow.delayMs).toBe(3_000)
})

test('robots: asked for first, filed with body, delay and time; asked again when it has run out', async () => {
  const { frontier } = world
  await startCrawl(frontier, [A])
  const asking = await one()
  expect(asking.work).toMatchObject({ kind: 'robots', url: 'http://a.test/robots.txt', hop: 0, askingHostId: asking.hostId })
  const body = Buffer.from('User-agent: *\nCrawl-delay: 2\0')
  await frontier.settle([robots(asking, { kind: 'rules', digest: 'd', body, ttlMs: 60_000, crawlDelayMs: 2_000 })])
  expect(await frontier.claim(LEASE)).toEqual([]) // the delay counts from robots.txt on
  await hurry()
  const visit = await onePage(frontier)
  expect(visit).toMatchObject({ delayMs: 2_000, robots: { digest: 'd', access: 'rules' } })
  expect(Buffer.from(visit.robots?.body ?? []).equals(body)).toBe(true)
  await frontier.release(visit.visitId)
  await world.rows(`update frontier.hosts set robots_expires = now() - interval '1 s'`)
  expect((await one()).work.kind).toBe('robots')
})

test('crawl-delay: holds between two visits too, but a visit that was not published owes none', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A, `${A}b`])
  await claimPages(frontier).then((visits) => Promise.all(visits.map(({ visitId }) => frontier.release(visitId))))
  await world.rows('update frontier.hosts set crawl_delay_ms = 20000')
  const unpublished = await onePage(frontier, { urls: 1 })
  await frontier.release(unpublished.visitId)
  const visit = await onePage(frontier, { urls: 1 })
  await frontier.settle([settled(visit, visit.url, done()), end(visit, { nextInMs: 0 })])
  expect(await frontier.claim(LEASE)).toEqual([])
  const [waiting] = await frontier.waiting(crawl.id, 1)
  expect(waiting?.dueInMs).toBeGreaterThan(15_000)
})

test('robots: unreachable means wait; a good copy holds for 30 days, meanwhile it is asked for again', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A], { giveUp: PATIENT })
  const asking = await one()
  await frontier.settle([robots(asking, { kind: 'unreachable' }, { trouble: REFUSED, answered: false })])
  expect(await frontier.claim(LEASE)).toEqual([])
  const [waiting] = await frontier.waiting(crawl.id, 1)
  expect(waiting).toMatchObject({ reason: 'robots', detail: 'robots.txt is out of reach: connect-refused' })
  expect(waiting?.dueInMs).toBeGreaterThan(9_000)
  await hurry()
  const again = await one()
  expect(again.work.kind).toBe('robots')
  await frontier.settle([robots(again)])
  await world.rows(`update frontier.hosts set robots_expires = now() - interval '1 s'`)
  await frontier.settle([robots(await one(), { kind: 'unreachable' }, { trouble: REFUSED, answered: false })])
  await hurry()
  const page = await one()
  expect(page).toMatchObject({ work: { kind: 'pages' }, robots: { access: 'allow-all' } })
  await frontier.release(page.visitId)
  await world.rows(`update frontier.hosts set robots_expires = now() - interval '1 s', robots_good_at = now() - interval '31 days'`)
  await frontier.settle([robots(await one(), { kind: 'unreachable' }, { trouble: REFUSED, answered: false })])
  expect(await frontier.claim(LEASE)).toEqual([])
})

test('robots: a hop is a visit of its target, the result is filed for the asking host', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A])
  const asking = await one()
  const hop = { kind: 'hop', url: `${B}r.txt` as CanonicalUrl, hostKey: 'http://b.test:80' as HostKey, hop: 1 } as const
  await frontier.settle([robots(asking, hop)])
  const target = await one()
  expect(target).toMatchObject({
    hostKey: 'http://b.test:80',
    work: { kind: 'robots', url: `${B}r.txt`, askingHostId: asking.hostId, hop: 1 },
  })
  expect(await frontier.claim(LEASE)).toEqual([])
  expect((await frontier.waiting(crawl.id, 5)).find(({ hostKey }) => hostKey === 'http://a.test:80')).toMatchObject({ reason: 'robots' })
  // Not published: the hop is due again.
  await frontier.release(target.visitId)
  const retaken = await one()
  expect(retaken.work).toMatchObject({ hop: 1 })
  await frontier.settle([robots(retaken, { kind: 'allow-all', ttlMs: 60_000 })])
  expect(paths(await frontier.claim(LEASE))).toEqual([A])
  expect(await frontier.verify(crawl.id)).toEqual([])
})

test('robots: a hop to a host that is given up, or out of reach, is trouble of the asking host, so the crawl ends', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A], { giveUp: { unreachable: { tries: 2, ms: 0 }, refusing: { tries: 2, ms: 0 } } })
  const hop = { kind: 'hop', url: `${B}r.txt` as CanonicalUrl, hostKey: 'http://b.test:80' as HostKey, hop: 1 } as const
  for (let round = 0; round < 2; round++) {
    await frontier.settle([robots(await one(), hop)])
    await frontier.settle([robots(await one(), { kind: 'unreachable' }, { trouble: REFUSED, answered: false })])
    await hurry()
  }
  await frontier.closeStep()
  expect((await frontier.results(crawl.id)).failures).toEqual({ 'given-up: connect-refused': 1 })
  expect(await frontier.advance()).toMatchObject([{ crawlId: crawl.id, to: 'completed' }])
})

test('back-off: doubles with each trouble in a row, is capped, heeds Retry-After, and is forgotten after an answer', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A], { giveUp: PATIENT })
  const waits: number[] = []
  const trouble = async (over: Partial<Trouble>, answered = false) => {
    const visit = await onePage(frontier)
    await frontier.settle([settled(visit, visit.url, { kind: 'release' }), end(visit, { trouble: { ...busy, ...over }, answered })])
    const [waiting] = await frontier.waiting(crawl.id, 1)
    waits.push(Math.round((waiting?.dueInMs ?? 0) / 1_000))
    await hurry()
  }
  for (let round = 0; round < 4; round++) await trouble({})
  await trouble({ floorMs: 100_000 })
  await trouble({}, true)
  expect(waits).toEqual([10, 20, 40, 60, 100, 10])
})

test('give-up: after that many tries AND that long, by the numbers of each crawl; the rest ends in batches', async () => {
  const { frontier } = world
  const seeds = Array.from({ length: 2_500 }, (_, index) => `${A}${index}`)
  const hasty = await startCrawl(frontier, seeds, { giveUp: { unreachable: { tries: 2, ms: 60_000 }, refusing: { tries: 50, ms: 0 } } })
  const calm = await startCrawl(frontier, [`${A}calm`], { giveUp: PATIENT })
  const fail = async () => {
    const visit = await onePage(frontier, { hosts: 1, urls: 5 })
    const unfetched = urlsOf(visit).map(({ id }) => id)
    await frontier.settle([end(visit, { trouble: REFUSED, answered: false, unfetched })])
    await hurry()
  }
  for (let round = 0; round < 3; round++) await fail()
  expect(await frontier.closeStep()).toBe(0) // three tries, but no minute yet
  await world.rows(
    `update frontier.hosts set unreachable_since = now() - interval '2 min'; update frontier.queues set joined_at = now() - interval '2 min'`,
  )
  await fail()
  expect([await frontier.closeStep(), await frontier.closeStep(), await frontier.closeStep(), await frontier.closeStep()]).toEqual([
    1_000, 1_000, 500, 0,
  ])
  expect((await frontier.results(hasty.id)).failures).toEqual({ 'given-up: connect-refused': 2_500 })
  expect(await frontier.advance()).toMatchObject([{ crawlId: hasty.id, to: 'completed' }])
  await hurry()
  expect(paths(await frontier.claim(LEASE))).toEqual([`${A}calm`])
  expect([await frontier.verify(hasty.id), await frontier.verify(calm.id)]).toEqual([[], []])
})

test('give-up: what is found later on a given-up host fails too; an answer in between starts the count anew', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A, B], { giveUp: { unreachable: { tries: 2, ms: 0 }, refusing: { tries: 2, ms: 0 } } })
  const visits = await claimPages(frontier)
  const a = visits.find(({ hostKey }) => hostKey === 'http://a.test:80')
  const b = visits.find(({ hostKey }) => hostKey === 'http://b.test:80')
  if (a === undefined || b === undefined) throw new Error('two hosts were seeded')
  const [url] = urlsOf(a)
  const [seed] = urlsOf(b)
  if (url === undefined || seed === undefined) throw new Error('both have a URL')
  await frontier.settle([settled(a, url, { kind: 'release' }), end(a, { trouble: REFUSED, answered: false })])
  await hurry()
  const answered = await onePage(frontier)
  await frontier.settle([settled(answered, answered.url, { kind: 'release' }), end(answered, { trouble: REFUSED, answered: true })])
  await hurry()
  expect(await frontier.closeStep()).toBe(0)
  const last = await onePage(frontier)
  await frontier.settle([settled(last, last.url, { kind: 'release' }), end(last, { trouble: REFUSED, answered: false })])
  expect(await frontier.closeStep()).toBe(1)
  await frontier.settle([settled(b, seed, done([candidate(`${A}late`, 1, seed.id)])), end(b)])
  await hurry()
  expect(await frontier.claim(LEASE)).toEqual([])
  expect(await frontier.closeStep()).toBe(1)
  expect(await frontier.advance()).toMatchObject([{ to: 'completed' }])
  expect(await frontier.verify(crawl.id)).toEqual([])
})
