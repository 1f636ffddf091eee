import { measureTurns } from '@warren/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Settlement } from '../src/settle.ts'
import { candidate, claimPages, done, settled, startCrawl, urlsOf, World } from './support.ts'

const PAGES = 100
const LINKS = 2_000

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(() => world[Symbol.asyncDispose]())

// A processor that is taken away in the middle of a turn is told by its clock in ticks of 4 ms.
test(`settle: ${PAGES} pages of ${LINKS} links in one batch hold the event loop for less than 10 ms`, {
  timeout: 180_000,
  retry: 2,
}, async () => {
  const { frontier } = world
  const origin = 'http://a.test'
  const seeds = Array.from({ length: PAGES + 1 }, (_, i) => `${origin}/${i}`)
  await startCrawl(frontier, seeds)
  const [visit] = await claimPages(frontier)
  if (visit === undefined) throw new Error('nothing was claimed')
  const urls = urlsOf(visit)
  expect(urls).toHaveLength(PAGES + 1)
  const linksOf = (page: number) =>
    Array.from({ length: LINKS }, (_, i) => candidate(`${origin}/some/path/of/page/${page}/link/${i}?with=a&query=${i}`, 1))
  const [warmUp, ...batch] = urls.map((url, page): Settlement => settled(visit, url, done(linksOf(page))))
  await frontier.settle(warmUp === undefined ? [] : [warmUp]) // compiling is none of its work
  const { result, busyMs } = await measureTurns(() => frontier.settle(batch))
  expect(result).toEqual({ admitted: PAGES * LINKS, known: 0, refusedStale: 0 })
  expect(busyMs[5] ?? 0).toBeLessThan(10) // of a hundred commits; five are left to the machine, which is busy with the database as well
})
