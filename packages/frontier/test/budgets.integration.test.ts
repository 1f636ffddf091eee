// Mutants seen failing: claim without the room of the crawl; a late success without a reservation; advance that completes without counting
// leased; a level moved by queued alone; admit that does not lower; purge that keeps no count; a clock whose ticks are not cut, or whose first one
// is not nothing.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { candidate, claimPages, crawlAll, done, end, onePage, paths, settled, startCrawl, urlsOf, World } from './support.ts'

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(async () => {
  await world[Symbol.asyncDispose]()
})

const A = 'http://a.test/'
const many = (count: number, hosts = 5) => Array.from({ length: count }, (_, index) => `http://h${index % hosts}.test/${index}`)

test('max pages: exact under concurrent claims; what is no page gives its place back; the rest is excluded', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, many(60), { maxPages: 20 })
  await claimPages(frontier).then((visits) => Promise.all(visits.map(({ visitId }) => frontier.release(visitId))))
  const processes = [frontier, await world.open(1), await world.open(2)]
  const run = async (index: number) => {
    for (let round = 0; round < 40; round++) {
      const process = processes[index] ?? frontier
      for (const visit of await claimPages(process, { urls: 7 })) {
        const fates = urlsOf(visit).map((url, nth) =>
          settled(visit, url, nth % 3 === 2 ? { kind: 'failed', code: 'reset', detail: '' } : done()),
        )
        await process.settle([...fates, end(visit)])
      }
      const { done: pages, leased } = await process.counts(crawl.id)
      expect(pages + leased).toBeLessThanOrEqual(20)
    }
  }
  await Promise.all([run(0), run(1), run(2)])
  expect(await frontier.advance()).toMatchObject([{ to: 'finishing', reason: 'max-pages' }, { to: 'completed' }])
  const counts = await frontier.counts(crawl.id)
  expect(counts).toMatchObject({ done: 20, queued: 0, leased: 0, discovered: 60 })
  expect((await frontier.results(crawl.id)).exclusions).toEqual({ budget: counts.excluded })
  expect(await frontier.verify(crawl.id)).toEqual([])
})

test('max pages: a late success needs a place of its own', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [`${A}1`, `${A}2`], { maxPages: 1 })
  const zombie = await onePage(frontier)
  await world.lapse()
  await frontier.expire()
  const { url: other, ...visit } = await onePage(frontier)
  // The only place is taken by the lease of whichever URL was claimed: a success of the other one cannot be kept.
  const queued = (await world.rows<{ id: string }>('select id from frontier.pending'))[0]
  const late = await frontier.settle([settled(zombie, { ...other, id: Number(queued?.id) }, done())])
  expect(late.refusedStale).toBe(1)
  await frontier.settle([settled(visit, other, done()), end(visit)])
  expect(await frontier.counts(crawl.id)).toMatchObject({ done: 1, queued: 1 })
})

test('max bytes and max time: nothing more is claimed, what is leased still ends, then the rest is excluded', async () => {
  const { frontier } = world
  const heavy = await startCrawl(frontier, ['http://x.test/1', 'http://y.test/2', 'http://y.test/3'], { maxBytes: 150 })
  const visits = await claimPages(frontier, { hosts: 1 })
  const rest = await claimPages(frontier)
  const all = [...visits, ...rest]
  await frontier.settle(
    visits.flatMap((visit) => [...urlsOf(visit).map((url) => settled(visit, url, done([], { bodyBytes: 200 }))), end(visit)]),
  )
  expect(await claimPages(frontier)).toEqual([])
  await frontier.advance()
  expect((await frontier.crawl(heavy.id))?.state).toBe('finishing')
  await frontier.settle(rest.flatMap((visit) => [...urlsOf(visit).map((url) => settled(visit, url, done())), end(visit)]))
  await frontier.advance()
  expect(await frontier.crawl(heavy.id)).toMatchObject({ state: 'completed', reason: 'max-bytes' })
  expect(await frontier.counts(heavy.id)).toMatchObject({ done: all.flatMap(urlsOf).length, queued: 0 })

  const slow = await startCrawl(frontier, [A], { maxTimeMs: 5_000 })
  await frontier.advance()
  expect(await frontier.crawl(slow.id)).toMatchObject({ state: 'running', ranMs: 0 }) // starting the clock costs nothing
  await world.rows(`update frontier.crawls set ticked_at = now() - interval '1 day' where id = ${slow.id}`)
  await frontier.advance() // a tick counts 10 s at most: a day without a coordinator is no running time, but 10 s are too long here
  expect(await frontier.crawl(slow.id)).toMatchObject({ state: 'completed', reason: 'max-time', ranMs: 10_000 })
  expect((await frontier.results(slow.id)).exclusions).toEqual({ budget: 1 })
})

test('levels: nothing of depth d+1 is claimed while anything of depth d is queued or leased', async () => {
  const { frontier } = world
  // 0 -> 1 -> 2; a.test/2 is also linked from the last page of depth 1, so its level may not begin before.
  const links: Record<string, string[]> = {
    [A]: [`${A}1a`, 'http://b.test/1b'],
    [`${A}1a`]: [`${A}2a`, 'http://b.test/2b'],
    'http://b.test/1b': ['http://c.test/2c'],
    [`${A}2a`]: ['http://b.test/3b'],
  }
  const crawl = await startCrawl(frontier, [A], { depthByLevel: true })
  const order: number[] = []
  for (let round = 0; round < 40 && (await frontier.crawl(crawl.id))?.state === 'running'; round++) {
    // One host at a time, so that the other's URLs of the level stay open.
    for (const visit of await claimPages(frontier, { hosts: 1 })) {
      // What is leased holds its level.
      await frontier.advance()
      expect(await world.rows('select level from frontier.crawls')).toEqual([{ level: urlsOf(visit)[0]?.depth }])
      for (const url of urlsOf(visit)) {
        order.push(url.depth)
        const open = await world.rows(
          `select from frontier.crawl_counts where depth < ${url.depth} group by depth having sum(queued + leased) > 0`,
        )
        expect(open).toEqual([])
      }
      await frontier.settle([
        ...urlsOf(visit).map((url) => settled(visit, url, done((links[url.url] ?? []).map((to) => candidate(to, url.depth + 1, url.id))))),
        end(visit),
      ])
      expect(await frontier.verify(crawl.id)).toEqual([])
    }
    await frontier.advance()
  }
  expect(order).toEqual([0, 1, 1, 2, 2, 2, 3])
  expect((await frontier.crawl(crawl.id))?.state).toBe('completed')
})

test('admit: a shorter path lowers a queued URL, its place in the order and its referrer; a leased one keeps its own', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A])
  const seed = await onePage(frontier)
  const deep = candidate(`${A}x`, 5, null, 2)
  await frontier.settle([settled(seed, seed.url, done([deep, candidate(`${A}y`, 3, seed.url.id)])), end(seed)])
  expect(await frontier.seed(crawl.id, [candidate(`${A}x`, 1, seed.url.id)])).toEqual({ admitted: 0, known: 1 })
  expect(await frontier.verify(crawl.id)).toEqual([])
  const visit = await onePage(frontier, { urls: 1 })
  expect(visit.url).toMatchObject({ url: `${A}x`, depth: 1, chain: 0 })
  await frontier.seed(crawl.id, [candidate(`${A}x`, 0)])
  await frontier.settle([settled(visit, visit.url, done()), end(visit)])
  const { rows } = await frontier.catalog(crawl.id, null, 10)
  expect(rows.map(({ url, depth, referrer }) => [url, depth, referrer])).toEqual([
    [A, 0, null],
    [`${A}x`, 1, A],
  ])
  expect(await frontier.verify(crawl.id)).toEqual([])
})

test('cancel: queued URLs are excluded in batches, leased ones end, then the crawl is cancelled', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, many(3_000, 70))
  const visits = await claimPages(frontier, { hosts: 3 })
  await frontier.transition(crawl.id, 'cancel')
  expect(await claimPages(frontier)).toEqual([])
  for (let round = 0; round < 20 && (await frontier.counts(crawl.id)).queued > 0; round++) {
    await frontier.advance()
    expect(await frontier.verify(crawl.id)).toEqual([])
  }
  expect((await frontier.crawl(crawl.id))?.state).toBe('cancelling')
  // A retry now is queued and purged like the rest.
  await frontier.settle(
    visits.flatMap((visit) => [
      ...urlsOf(visit).map((url) => settled(visit, url, { kind: 'retry', afterMs: 60_000, code: 'reset' })),
      end(visit),
    ]),
  )
  await frontier.advance()
  expect(await frontier.crawl(crawl.id)).toMatchObject({ state: 'cancelled' })
  expect(await frontier.counts(crawl.id)).toMatchObject({ excluded: 3_000, queued: 0, leased: 0 })
  expect((await frontier.results(crawl.id)).exclusions).toEqual({ cancelled: 3_000 })
})

test('completion: by counting, in the same step in which nothing is left, and never while something is leased', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A])
  const visit = await onePage(frontier)
  expect(await frontier.advance()).toEqual([])
  await frontier.settle([end(visit)])
  expect(await frontier.advance()).toEqual([])
  await frontier.settle([settled(visit, visit.url, done([candidate(`${A}b`, 1, visit.url.id)]))])
  expect(await frontier.advance()).toEqual([])
  expect(await crawlAll(frontier)).toEqual([`${A}b`])
  expect((await frontier.crawl(crawl.id))?.state).toBe('completed')
  await expect(frontier.seed(crawl.id, [candidate(`${A}c`)])).rejects.toMatchObject({ code: 'ERR_CRAWL_CONFLICT' })
})

test('crawls: the least loaded takes the next turn', async () => {
  const { frontier } = world
  await startCrawl(frontier, many(50, 50))
  await claimPages(frontier)
  const second = await startCrawl(frontier, ['http://z1.test/', 'http://z2.test/'])
  await world.rows("update frontier.hosts set robots_expires = now() + interval '1 hour', robots_access = 'allow-all'")
  const visits = await claimPages(frontier, { hosts: 2 })
  expect(visits.map(({ crawlId }) => crawlId)).toEqual([second.id, second.id])
  expect(paths(visits)).toEqual(['http://z1.test/', 'http://z2.test/'])
})
