import type { Stall, Stalls } from '@warren/frontier'
import type { CrawlConfig } from '@warren/protocol'
import type { HostKey } from '@warren/web'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { candidate, crawlAll, done, end, LEASE, onePage, PATIENT, REFUSED, robots, settled, startCrawl, urlsOf, World } from './support.ts'

let world: World
beforeEach(async () => {
  world = await World.create()
  await beat()
})
afterEach(() => world[Symbol.asyncDispose]())

const A = 'http://a.test/'
const refused = { ...REFUSED, baseMs: 60_000 }
/** A coordinator that claims, or says why it does not. */
const beat = (holds: string | null = null) => world.frontier.heartbeat({ name: 'one', fetchers: 1, holds })
/** Rules are there, and nothing stands in the way. */
const ready = () => world.rows(`update frontier.hosts set robots_access = 'allow-all', robots_expires = 'infinity'`)
const seeds = (hosts: number) => Array.from({ length: hosts }, (_, i) => `http://h${i}.test/`)
const start = (urls: readonly string[], config: Partial<CrawlConfig> = {}) =>
  startCrawl(world.frontier, urls, { giveUp: PATIENT, ...config })
const short = ({ stalled, reasons }: Stalls) => [
  stalled,
  ...reasons.map((reason: Stall) => `${reason.count} ${reason.of} ${reason.for}${reason.code === null ? '' : ` ${reason.code}`}`),
]
const look = async (crawlId: number, limit?: number) => short(await world.frontier.stalls(crawlId, limit))

test('a crawl that moves, and one that has ended, are not stalled', async () => {
  const { frontier } = world
  const crawl = await start([A])
  expect(await look(crawl.id)).toEqual([false, '1 hosts robots'])
  await ready()
  expect(await look(crawl.id)).toEqual([false, '1 hosts turn'])
  const visit = await onePage(frontier)
  expect(await look(crawl.id)).toEqual([false, '1 hosts visit'])
  await frontier.settle([settled(visit, visit.url, done()), end(visit)])
  expect((await frontier.stalls(crawl.id)).answeredAt?.getTime()).toBeGreaterThan(Date.now() - 60_000)
  await crawlAll(frontier)
  expect(await look(crawl.id)).toEqual([false])
})

test('not started, paused, ending; no coordinator, or none that claims', async () => {
  const { frontier } = world
  const crawl = await frontier.createCrawl({ name: 'new', config: (await start([])).config })
  await frontier.seed(crawl.id, [candidate(A)])
  await ready()
  expect(await look(crawl.id)).toEqual([true, '1 crawl crawl-state'])
  await frontier.transition(crawl.id, 'start')
  expect(await look(crawl.id)).toEqual([false, '1 hosts turn'])
  await beat('no fetcher takes visits')
  expect(await look(crawl.id)).toEqual([true, '1 crawl coordinator'])
  expect((await frontier.stalls(crawl.id)).reasons[0]).toMatchObject({ detail: 'no fetcher takes visits' })
  await world.rows(`update frontier.coordinators set seen_at = now() - interval '1 min'`)
  expect((await frontier.stalls(crawl.id)).reasons[0]).toMatchObject({ for: 'coordinator', detail: 'no coordinator runs' })
  await beat()
  await frontier.transition(crawl.id, 'pause')
  expect(await look(crawl.id)).toEqual([true, '1 crawl pause'])
  await frontier.transition(crawl.id, 'cancel')
  expect(await look(crawl.id)).toEqual([false, '1 crawl crawl-state'])
})

test('hosts are grouped by what they wait for, most first; the first of them, and when', async () => {
  const { frontier } = world
  const crawl = await start(seeds(8), { delayMs: 5_000 })
  await ready()
  const visits = await frontier.claim(LEASE)
  await frontier.settle(
    visits.map((visit, i) =>
      end(visit, {
        ending: 'stopped',
        unfetched: urlsOf(visit).map(({ id }) => id),
        nextInMs: 10_000 + i,
        ...(i < 3 ? { trouble: refused, answered: false } : {}),
      }),
    ),
  )
  expect(await look(crawl.id)).toEqual([true, '5 hosts pace', '3 hosts back-off connect-refused'])
  const { reasons } = await frontier.stalls(crawl.id)
  expect(reasons[0]).toMatchObject({ hostKey: visits[3]?.hostKey, inMs: expect.closeTo(10_003, -3) })
  expect(reasons[1]?.inMs).toBeGreaterThan(50_000)
  await world.rows(`update frontier.hosts set next_at = now() + interval '2 s' where trouble_count = 0`)
  expect(await look(crawl.id)).toEqual([false, '5 hosts pace', '3 hosts back-off connect-refused']) // it goes on in a moment
})

test('robots.txt that is out of reach, a URL that waits for its next try', async () => {
  const { frontier } = world
  const crawl = await start([A])
  const [asking] = await frontier.claim(LEASE)
  if (asking === undefined) throw new Error('robots.txt is due')
  await frontier.settle([robots(asking, { kind: 'unreachable' }, { trouble: refused, answered: false })])
  expect(await look(crawl.id)).toEqual([true, '1 hosts robots connect-refused'])
  await world.rows(`update frontier.hosts set robots_retry_at = null, next_at = now(), trouble_count = 0, trouble_code = null`)
  await world.rows(`update frontier.queues set due_at = now()`)
  await ready()
  const visit = await onePage(frontier)
  await frontier.settle([settled(visit, visit.url, { kind: 'retry', afterMs: 30_000, code: 'reset' }), end(visit)])
  await frontier.claim(LEASE) // puts the queue to sleep
  expect(await look(crawl.id)).toEqual([true, '1 hosts retry'])
  expect((await frontier.stalls(crawl.id)).reasons[0]?.inMs).toBeGreaterThan(20_000)
})

test('an address that many hosts share: those behind the first line up', async () => {
  const { frontier } = world
  const crawl = await start(seeds(5), { addressSlots: 1, addressSpacingMs: 250 })
  await ready()
  await frontier.settle((await frontier.claim(LEASE)).map((visit) => end(visit, { addressGroup: '192.0.2.7/32', answered: false })))
  await frontier.claim(LEASE)
  expect(await look(crawl.id)).toEqual([false, '4 hosts address', '1 hosts visit'])
  await world.lapse()
  await frontier.expire()
  await world.rows(`update frontier.addresses set next_at = now() + interval '1 min'`)
  await world.rows(`update frontier.hosts set next_at = now()`)
  await world.rows('update frontier.pending set retry_at = null, crashes = 0')
  await world.rows('update frontier.crawls set ran_ms = 60000')
  expect(await look(crawl.id)).toEqual([true, '5 hosts address'])
})

test('pages that wait for a parser: stalled when none comes through for long', async () => {
  const { frontier } = world
  const crawl = await start([A, 'http://b.test/'])
  await ready()
  const visits = await frontier.claim(LEASE)
  const [first, second] = visits
  if (first === undefined || second === undefined) throw new Error('two were seeded')
  await frontier.settle([...urlsOf(first).map((url) => settled(first, url, done())), end(first), end(second)])
  await world.rows('update frontier.crawls set ran_ms = 60000')
  expect(await look(crawl.id)).toEqual([false, '1 urls parser'])
  await world.rows(`update frontier.catalog set recrawl_at = recrawl_at - interval '1 min'`)
  expect(await look(crawl.id)).toEqual([true, '1 urls parser'])
})

test('blocked hosts, and a level that waits for the one above', async () => {
  const { frontier } = world
  const crawl = await start([A, 'http://b.test/'], { depthByLevel: true })
  await ready()
  const visit = await onePage(frontier)
  await frontier.settle([settled(visit, visit.url, done([candidate('http://c.test/', 1, visit.url.id)])), end(visit)])
  await frontier.block((visit.hostKey === 'http://a.test:80' ? 'http://b.test:80' : 'http://a.test:80') as HostKey, 'asked to')
  expect(await look(crawl.id)).toEqual([false, '1 hosts closed', '1 urls level'])
})

test('of many hosts those that are due first are looked at, and it says so', async () => {
  const crawl = await start(seeds(30))
  await ready()
  expect((await world.frontier.stalls(crawl.id, 10)).looked).toEqual({ hosts: 10, isAll: false })
  expect((await world.frontier.stalls(crawl.id)).looked).toEqual({ hosts: 30, isAll: true })
})

test('waiting: the hosts that are due next, and why not now', async () => {
  const { frontier } = world
  const crawl = await start([A])
  await ready()
  expect(await frontier.waiting(crawl.id, 5)).toEqual([{ hostKey: 'http://a.test:80', dueInMs: 0, reason: 'turn', detail: 'it is due' }])
  const visit = await onePage(frontier)
  await frontier.noteWorkers([{ hostId: visit.hostId, visitId: visit.visitId, worker: 'fetcher-1' }])
  expect(await frontier.waiting(crawl.id, 5)).toMatchObject([{ reason: 'visit', detail: 'fetcher-1 visits its host' }])
})
