import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Crawl, type Frontier, migrate, openFrontier } from '@warren/frontier'
import { type CrawlConfig, defaultCrawlConfig } from '@warren/protocol'
import { measureTurns, testDatabase } from '@warren/testkit'
import type { CanonicalUrl } from '@warren/web'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { admitSeeds } from '../src/admit-seeds.ts'
import { openSeeds } from '../src/seeds.ts'

let scope: AsyncDisposableStack
let frontier: Frontier
let crawl: Crawl
beforeEach(async () => {
  scope = new AsyncDisposableStack()
  const database = scope.use(await testDatabase({ template: { name: 'cli', prepare: migrate } }))
  frontier = scope.use(await openFrontier({ databaseUrl: database.url }))
  crawl = await frontier.createCrawl({ name: 'test', config: { ...defaultCrawlConfig('Test/1'), delayMs: 0 } })
})
afterEach(async () => {
  expect(await frontier.verify(crawl.id)).toEqual([])
  await scope.disposeAsync()
})

async function seedFile(count: number) {
  const dir = scope.use(await mkdtempDisposable(join(tmpdir(), 'warren-seeds-')))
  const file = join(dir.path, 'seeds.txt')
  await writeFile(file, Array.from({ length: count }, (_, i) => `http://h${i % 500}.example/some/path/of/page/${i}?query=${i}`).join('\n'))
  return await openSeeds([], [file])
}

test('admitSeeds: 200 000 seeds hold the event loop for less than 10 ms, and all are in', { retry: 2, timeout: 180_000 }, async () => {
  const seeds = await seedFile(200_000)
  await admitSeeds(frontier, crawl, await seedFile(2_000)) // compiling is none of its work
  const { result, busyMs } = await measureTurns(() => admitSeeds(frontier, crawl, seeds))
  expect(result).toMatchObject({ admitted: 198_000, known: 2_000, excludedCount: 0 })
  expect(await frontier.counts(crawl.id)).toMatchObject({ discovered: 200_000, queued: 200_000 })
  expect((await frontier.roots(crawl.id)).size).toBe(500)
  expect(busyMs[5] ?? 0).toBeLessThan(10) // of 400 commits; five are left to the machine, which is busy with the database as well
})

test("admitSeeds: seeds are spelled by the crawl's canonical rules", async () => {
  const config: CrawlConfig = { ...crawl.config, canonical: ['https', 'no-tracking'], scope: 'prefix' }
  const seeds = await openSeeds(['http://a.example/docs/?utm_source=x', 'https://a.example/docs/', 'http://a.example/docs/?gclid=y'], [])
  expect(await admitSeeds(frontier, { ...crawl, config }, seeds)).toMatchObject({ admitted: 1 })
  expect(await frontier.explain(crawl.id, 'https://a.example/docs/' as CanonicalUrl)).toMatchObject({ url: { state: 'queued' } })
})

test('admitSeeds: a cancellation comes between two batches; those before are in, and the next import goes on', async () => {
  const seeds = await seedFile(10_000)
  const stop = new AbortController()
  let admitted = 0
  const onBatch = (report: { admitted: number }) => {
    admitted = report.admitted
    if (admitted === 3_000) stop.abort('stop')
  }
  await expect(admitSeeds(frontier, crawl, seeds, { signal: stop.signal, onBatch })).rejects.toBe('stop')
  expect(admitted).toBe(3_000)
  expect(await frontier.counts(crawl.id)).toMatchObject({ discovered: 3_000 })
  expect(await admitSeeds(frontier, crawl, seeds)).toMatchObject({ admitted: 7_000, known: 3_000 })
})

test('admitSeeds: the reader is a few batches ahead, not more', async () => {
  const seeds = await seedFile(20_000)
  let read = 0
  const counted = {
    async *batches(size: number) {
      for await (const batch of seeds.batches(size)) {
        read += batch.length
        yield batch
      }
    },
  }
  let furthest = 0
  let done = 0
  await admitSeeds(frontier, crawl, counted, {
    onBatch: ({ admitted }) => {
      furthest = Math.max(furthest, read - done)
      done = admitted
    },
  })
  expect(furthest).toBeLessThanOrEqual(2_000) // one admitted, two that wait, one in the reader's hand
})
