/*
 * Mutants that these tests kill:
 * - settle-rows.ts: links become rows without a look at the clock
 *     `if (due !== undefined) await due` => ``
 * - settle.ts: a commit has the links of as many pages as there are
 *     `const LINKS_PER_COMMIT = 2_000` => `const LINKS_PER_COMMIT = 2_000_000`
 * - settle.ts: outcomes without links become rows without a look at the clock
 *     `if (due !== undefined) await due` => ``
 * - settle.ts: what does not fit a commit goes before what was there first
 *     `      yield part` => `      yield part.reverse()`
 * - frontier.ts: seeds are cut into small commits
 *     `const SEED_BATCH = 1_000` => `const SEED_BATCH = 100`
 */
import { yieldNow } from '@warren/async'
import type { Answer } from '@warren/protocol'
import { measureTurns } from '@warren/testkit'
import { afterEach, expect, test, vi } from 'vitest'
import type { Database } from '../src/database.ts'
import { Frontier } from '../src/frontier.ts'
import type { Candidate, Fate, Settlement } from '../src/settle.ts'

afterEach(() => vi.restoreAllMocks())

/** A database that takes everything in no time. */
function scene() {
  const calls: (readonly unknown[])[] = []
  const db = {
    call: async (_name: string, _text: string, values: readonly unknown[]) => {
      await yieldNow() // as every answer of a database
      calls.push(values)
      return [{ admitted: 2, known: 1, refused: 3 }]
    },
  } as unknown as Database
  return { calls, frontier: new Frontier(db, 0) }
}

const ANSWER = { kind: 'answer', status: 200, firstByteMs: 1, totalMs: 2 } as Answer

const candidate = (url: string) =>
  ({ url, hostKey: 'http://a.test', fingerprint: '0'.repeat(32), depth: 0, chain: 0, priority: 0, parentId: null }) as unknown as Candidate

const links = (count: number, of = 0): Candidate[] => Array.from({ length: count }, (_, i) => candidate(`http://a.test/${of}/${i}`))

function outcome(id: number, candidates: readonly Candidate[]): Settlement {
  const fate: Fate = { kind: 'done', result: ANSWER, facts: null, candidates }
  const url = { id, url: `http://a.test/${id}`, depth: 0, chain: 0, attempt: 1, pass: 1 }
  return { kind: 'url', crawlId: 1, hostId: 1, visitId: '00000000-0000-4000-8000-000000000000', url, fate }
}

const IDS = 2
const LINK_OF = 11
const items = (value: unknown): string[] => String(value).slice(1, -1).split(',')

test('settle: one commit for each 2 000 links, in the order of the batch; a page is not torn apart', async () => {
  const { calls, frontier } = scene()
  const sizes = [1_500, 400, 200, 0, 0, 5_000, 1, 1_999, 1]
  const batch = sizes.map((size, i) => outcome(i + 1, links(size, i)))
  expect(await frontier.settle(batch)).toEqual({ admitted: 10, known: 5, refusedStale: 15 })
  expect(calls.map((values) => items(values[IDS]))).toEqual([['1', '2'], ['3', '4', '5'], ['6'], ['7', '8'], ['9']])
  expect(items(calls[0]?.[LINK_OF])).toEqual([...Array(1_500).fill('1'), ...Array(400).fill('2')])
  expect(await frontier.settle([])).toEqual({ admitted: 0, known: 0, refusedStale: 0 })
})

test('settle and seed: a turn of the event loop ends after the row that used it up', async () => {
  const { frontier } = scene()
  const page = outcome(1, links(2_000))
  const empty = Array.from({ length: 1_000 }, (_, i) => outcome(i, []))
  const seeds = links(2_000)
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now++) // each look at the clock takes a millisecond
  expect((await measureTurns(() => frontier.settle([page]))).count).toBeGreaterThan(2_000 / 6)
  expect((await measureTurns(() => frontier.settle(empty))).count).toBeGreaterThan(1_000 / 6)
  expect((await measureTurns(() => frontier.seed(1, seeds))).count).toBeGreaterThan(2_000 / 6)
})

test('seed: a thousand in each commit, in their order', async () => {
  const { calls, frontier } = scene()
  expect(await frontier.seed(1, links(2_500))).toEqual({ admitted: 6, known: 3 })
  expect(calls.map((values) => items(values[LINK_OF]).length)).toEqual([1_000, 1_000, 500])
})
