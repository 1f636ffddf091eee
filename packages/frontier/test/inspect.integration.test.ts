import type { DueUrls } from '@warren/frontier'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { crawlAll, done, end, onePage, settled, startCrawl, urlsOf, World } from './support.ts'

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(() => world[Symbol.asyncDispose]())

const A = 'http://a.test/'
async function dueOf(crawlId: number, batch: number): Promise<DueUrls> {
  const seen = await Array.fromAsync(world.frontier.due(crawlId, batch))
  return seen.at(-1) as DueUrls
}

test('due: what another pass would ask for, in whichever batches it is counted', async () => {
  const { frontier } = world
  const crawl = await startCrawl(
    frontier,
    [...Array(7).keys()].map((i) => `${A}${i}`),
  )
  expect(await dueOf(crawl.id, 3)).toMatchObject({ answered: 0, due: 0, firstAt: null })
  await crawlAll(frontier)
  const dayMs = 86_400_000
  for (const batch of [1, 3, 7, 100]) {
    const { answered, due, firstAt, now } = await dueOf(crawl.id, batch)
    expect({ answered, due }).toEqual({ answered: 7, due: 0 })
    expect((firstAt?.getTime() ?? 0) - now.getTime()).toBeGreaterThan(dayMs - 60_000)
  }
  await world.rows(`update frontier.catalog set recrawl_at = now() - interval '1 h' where id % 2 = 0`)
  for (const batch of [1, 3, 7, 100]) expect((await dueOf(crawl.id, batch)).due).toBeGreaterThanOrEqual(3)
})

test('due: of several answers the newest says when; what has failed since is not counted', async () => {
  const { frontier } = world
  const crawl = await startCrawl(frontier, [A, `${A}2`])
  await crawlAll(frontier)
  await world.rows(`update frontier.catalog set recrawl_at = now() - interval '1 h'`)
  expect(await dueOf(crawl.id, 10)).toMatchObject({ answered: 2, due: 2 })
  await frontier.startPass(crawl.id, { all: false })
  await frontier.advance()
  const visit = await onePage(frontier)
  const [first, second] = urlsOf(visit)
  if (first === undefined || second === undefined) throw new Error('two were due')
  const failed = { kind: 'failed', code: 'reset', detail: '' } as const
  await frontier.settle([settled(visit, first, done()), settled(visit, second, failed), end(visit)])
  expect(await dueOf(crawl.id, 1)).toMatchObject({ answered: 1, due: 0 })
})

test("size: that of the crawl's partitions, which go when it is deleted", async () => {
  const { frontier } = world
  const [small, large] = [
    await startCrawl(frontier, [A]),
    await startCrawl(
      frontier,
      [...Array(3_000).keys()].map((i) => `${A}${i}`),
    ),
  ]
  const before = await frontier.size(large.id)
  expect(before).toBeGreaterThan(500_000)
  expect(await frontier.size(small.id)).toBeLessThan(before / 2)
  await frontier.transition(large.id, 'cancel')
  await crawlAll(frontier)
  await frontier.deleteCrawl(large.id)
  expect(await frontier.size(large.id)).toBe(0)
})
