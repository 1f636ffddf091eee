// Mutants seen failing: the gate without `l.visit = o.visit`; fail_crashed failing at the first
// crash; suspects claimed with the others; release counting an attempt; the end of a visit without its fence; unfetched URLs counted as
// crashed; endAllLeases that forgets suspects.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { candidate, claimPages, done, end, LEASE, onePage, paths, settled, startCrawl, urlsOf, World } from './support.ts'

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(async () => {
  await world[Symbol.asyncDispose]()
})

const A = 'http://a.test/'
const lapse = () => world.lapse()

test('settle: a failure, a retry and an end of a lease that has passed on change nothing', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A])
  const first = await onePage(frontier)
  await lapse()
  expect(await frontier.expire()).toBe(1)
  const second = await onePage(frontier)
  expect(second.visitId).not.toBe(first.visitId)
  const stale = await frontier.settle([
    settled(first, first.url, { kind: 'failed', code: 'reset', detail: '' }),
    settled(first, first.url, { kind: 'retry', afterMs: 0, code: 'reset' }),
    settled(first, first.url, { kind: 'excluded', rule: 'robots', detail: '' }),
    settled(first, first.url, { kind: 'release' }),
    end(first, { unfetched: [first.url.id], nextInMs: 60_000 }),
  ])
  expect(stale).toEqual({ admitted: 0, known: 0, refusedStale: 5 })
  expect(await frontier.counts(crawl.id)).toMatchObject({ leased: 1, queued: 0, visits: 1 })
  expect((await frontier.settle([settled(second, second.url, done()), end(second)])).refusedStale).toBe(0)
  expect(await frontier.verify(crawl.id)).toEqual([])
})

test('settle: a late success is taken once, from a queued URL as from one leased again', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A, `${A}b`])
  const first = await onePage(frontier)
  const [a, b] = urlsOf(first)
  if (a === undefined || b === undefined) throw new Error('two URLs were seeded')
  await lapse()
  await frontier.expire()
  const late = settled(first, a, done([candidate(`${A}new`, 1, a.id)]))
  expect(await frontier.settle([late])).toEqual({ admitted: 1, known: 0, refusedStale: 0 })
  expect(await frontier.settle([late])).toEqual({ admitted: 0, known: 0, refusedStale: 1 })
  const again = await onePage(frontier)
  expect(again.url.id).toBe(b.id)
  expect((await frontier.settle([settled(first, b, done())])).refusedStale).toBe(0)
  expect((await frontier.settle([settled(again, again.url, done())])).refusedStale).toBe(1)
  expect(await frontier.counts(crawl.id)).toMatchObject({ done: 2, leased: 0, queued: 1 })
  expect(await frontier.verify(crawl.id)).toEqual([])
})

test('settle: of two at once that bring the same success, one is accepted', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A])
  const visit = await onePage(frontier)
  const others = [frontier, await world.open(1), await world.open(2)]
  const results = await Promise.all(others.map((other) => other.settle([settled(visit, visit.url, done([candidate(`${A}x`, 1)]))])))
  expect(results.map(({ refusedStale }) => refusedStale).sort()).toEqual([0, 1, 1])
  expect(await frontier.counts(crawl.id)).toMatchObject({ discovered: 2, done: 1, queued: 1 })
  expect(await frontier.verify(crawl.id)).toEqual([])
})

test('settle: one batch with the same URL twice counts it once, and prefers the success', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A])
  const visit = await onePage(frontier)
  const batch = [settled(visit, visit.url, { kind: 'failed', code: 'reset', detail: '' }), settled(visit, visit.url, done())]
  expect((await frontier.settle(batch)).refusedStale).toBe(1)
  expect(await frontier.counts(crawl.id)).toMatchObject({ done: 1, failed: 0 })
  expect(await frontier.verify(crawl.id)).toEqual([])
})

test('settle: a retry counts an attempt and waits, a release does neither', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A])
  const first = await onePage(frontier)
  expect(first.url.attempt).toBe(1)
  await frontier.settle([settled(first, first.url, { kind: 'release' }), end(first)])
  const second = await onePage(frontier)
  expect(second.url.attempt).toBe(1)
  await frontier.settle([settled(second, second.url, { kind: 'retry', afterMs: 3_600_000, code: 'reset' }), end(second)])
  expect(await claimPages(frontier)).toEqual([])
  const [waiting] = await frontier.waiting(crawl.id, 5)
  expect(waiting).toMatchObject({ hostKey: 'http://a.test:80', reason: 'retry' })
  expect(waiting?.dueInMs).toBeGreaterThan(3_500_000)
  // A new URL of the host does not wait for the retry.
  await frontier.seed(crawl.id, [candidate(`${A}new`)])
  expect(paths(await claimPages(frontier))).toEqual([`${A}new`])
  await world.rows(`update frontier.pending set retry_at = now()`)
  expect(await frontier.verify(crawl.id)).toEqual([])
})

test('end: what was not fetched is queued as it was, what is on its way stays leased past the visit, the host is free', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A, `${A}b`, `${A}c`])
  const visit = await onePage(frontier)
  const [a, b, c] = urlsOf(visit)
  if (a === undefined || b === undefined || c === undefined) throw new Error('three URLs were seeded')
  await frontier.settle([end(visit, { unfetched: [c.id] })])
  expect(await frontier.counts(crawl.id)).toMatchObject({ leased: 2, queued: 1, visits: 0 })
  const next = await onePage(frontier)
  expect(urlsOf(next)).toEqual([{ ...c, attempt: 1 }])
  await frontier.settle([settled(visit, a, done()), settled(visit, b, { kind: 'failed', code: 'reset', detail: '' })])
  expect(await frontier.counts(crawl.id)).toMatchObject({ leased: 1, done: 1, failed: 1 })
  expect(await frontier.verify(crawl.id)).toEqual([])
})

test('expire: crashes are counted apart from attempts, suspects are claimed alone, the third crash alone fails the URL', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A, `${A}b`, `${A}c`])
  expect(urlsOf(await onePage(frontier))).toHaveLength(3)
  await lapse()
  expect(await frontier.expire()).toBe(3)
  const attempts: number[] = []
  for (let claimed = 0; claimed < 3 * 3; claimed++) {
    const visit = await onePage(frontier)
    expect(urlsOf(visit)).toHaveLength(1)
    attempts.push(visit.url.attempt)
    if (claimed % 2 === 0) {
      await lapse()
      expect(await frontier.expire()).toBe(1)
    } else await frontier.settle([end(visit, { ending: 'abandoned', answered: false })])
  }
  expect(new Set(attempts)).toEqual(new Set([1]))
  expect(await frontier.counts(crawl.id)).toMatchObject({ failed: 3, queued: 0, leased: 0 })
  expect((await frontier.results(crawl.id)).failures).toEqual({ crashed: 3 })
  expect(await frontier.verify(crawl.id)).toEqual([])
})

test('release: as if the visit had never been claimed', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A, `${A}b`])
  const visit = await onePage(frontier)
  await frontier.release(visit.visitId)
  await frontier.release(visit.visitId)
  expect(await frontier.counts(crawl.id)).toMatchObject({ queued: 2, leased: 0, visits: 0 })
  const again = await onePage(frontier)
  expect(urlsOf(again)).toEqual(urlsOf(visit))
  expect(await frontier.verify(crawl.id)).toEqual([])
})

test('refill: more URLs under the same lease, never beyond the page budget, nothing for a lease that has ended', async () => {
  const { frontier } = world
  const seeds = Array.from({ length: 6 }, (_, index) => `${A}${index}`)
  const crawl = await startCrawl(frontier, seeds, { maxPages: 4 })
  const visit = await onePage(frontier, { urls: 2 })
  expect(urlsOf(visit)).toHaveLength(2)
  expect(await frontier.refill(visit.visitId, 10)).toHaveLength(2)
  expect(await frontier.refill(visit.visitId, 10)).toEqual([])
  expect(await frontier.counts(crawl.id)).toMatchObject({ leased: 4, queued: 2 })
  await frontier.settle([end(visit)])
  expect(await frontier.refill(visit.visitId, 10)).toEqual([])
  expect(await frontier.verify(crawl.id)).toEqual([])
})

test('endAllLeases: everything is queued again without counting a crash, hosts under a visit move by its delay', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A, 'http://b.test/'], { delayMs: 5_000 })
  // Robots visits first: each moves its host, so they are made due by hand.
  await claimPages(frontier)
  await world.rows(`update frontier.queues set due_at = now(); update frontier.hosts set next_at = now()`)
  await claimPages(frontier)
  await world.rows('update frontier.leases set crashes = 1')
  expect(await frontier.endAllLeases()).toBe(2)
  const counts = await frontier.counts(crawl.id)
  expect(counts).toMatchObject({ queued: 2, leased: 0, visits: 0 })
  expect(await frontier.claim(LEASE)).toEqual([])
  const waiting = await frontier.waiting(crawl.id, 5)
  expect(waiting.filter(({ dueInMs }) => dueInMs > 3_000 && dueInMs <= 5_000)).toHaveLength(2)
  expect(await world.rows('select crashes from frontier.pending')).toEqual([{ crashes: 1 }, { crashes: 1 }])
  expect(await frontier.verify(crawl.id)).toEqual([])
})
