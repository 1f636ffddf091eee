/*
 * Mutants that these tests kill:
 * - seeds.ts: a piece of a file is parsed without a look at the clock
 *     `for (const line of lines) {` => `for (const line of lines) { const yieldIfDue = (_: unknown) => undefined`
 * - admit-seeds.ts: seeds are prepared without a look at the clock
 *     `const isAllowed = compileFilter({ include: [], exclude: config.exclude })` => `const isAllowed = compileFilter({ include: [], exclude: config.exclude }); const yieldIfDue = (_: unknown) => undefined`
 */
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Crawl, Frontier } from '@warren/frontier'
import { defaultCrawlConfig } from '@warren/protocol'
import { measureTurns } from '@warren/testkit'
import { afterEach, expect, test, vi } from 'vitest'
import { admitSeeds } from '../src/admit-seeds.ts'
import { openSeeds, surveySeeds } from '../src/seeds.ts'

afterEach(() => vi.restoreAllMocks())

const SEEDS = 200_000
const crawl = { id: 1, config: { ...defaultCrawlConfig('Test/1'), exclude: ['/page/7'] } } as Crawl
const lines = (count: number) => Array.from({ length: count }, (_, i) => `http://h${i % 500}.example/some/path/of/page/${i}?query=${i}`)

async function seedFile(count: number) {
  const dir = await mkdtempDisposable(join(tmpdir(), 'warren-seeds-'))
  const file = join(dir.path, 'seeds.txt')
  await writeFile(file, lines(count).join('\n'))
  return { file, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() }
}

/** A frontier that takes everything in no time. */
const fakeFrontier = {
  addRoots: async () => {},
  seed: async (_: number, candidates: readonly unknown[]) => ({ admitted: candidates.length, known: 0 }),
} as unknown as Frontier

test('seeds: a turn of the event loop ends after the line that used it up', async () => {
  await using seeds = await seedFile(3_000)
  const source = await openSeeds([], [seeds.file])
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now++) // each look at the clock takes a millisecond
  const survey = await measureTurns(() => surveySeeds(source))
  expect(survey.result.count).toBe(3_000)
  expect(survey.count).toBeGreaterThan(6_000 / 6) // parsed, then looked at
  const admitted = await measureTurns(() => admitSeeds(fakeFrontier, crawl, source))
  expect(admitted.result.admitted + admitted.result.excludedCount).toBe(3_000)
  expect(admitted.count).toBeGreaterThan(6_000 / 6)
})

test(`seeds: reading and preparing ${SEEDS} holds the event loop for less than 10 ms`, { retry: 2, timeout: 120_000 }, async () => {
  await using seeds = await seedFile(SEEDS)
  const source = await openSeeds([], [seeds.file])
  await surveySeeds(await openSeeds(lines(5_000), [])) // compiling is none of its work
  const survey = await measureTurns(() => surveySeeds(source))
  expect(survey.result).toMatchObject({ count: SEEDS, allowedCount: SEEDS })
  const admitted = await measureTurns(() => admitSeeds(fakeFrontier, crawl, source))
  expect(admitted.result.admitted + admitted.result.excludedCount).toBe(SEEDS)
  expect(survey.longestMs).toBeLessThan(10)
  expect(admitted.longestMs).toBeLessThan(10)
})
