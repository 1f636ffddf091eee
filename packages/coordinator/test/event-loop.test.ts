/*
 * Mutants that these tests kill:
 * - admission.ts: links are judged without a look at the clock
 *     `if (due !== undefined) await due` => ``
 * - settle.ts: what a commit made known is remembered in one go
 *     `const due = yieldIfDue()` => `const due = undefined`
 */
import { watch, yieldNow } from '@warren/async'
import { createInProcessBroker } from '@warren/broker'
import { coordinatorConfig } from '@warren/coordinator'
import type { Crawl, Frontier, Settlement } from '@warren/frontier'
import { defaultCrawlConfig, type Link, type UrlOutcome } from '@warren/protocol'
import { createMetrics } from '@warren/service'
import { measureTurns } from '@warren/testkit'
import { afterEach, expect, test, vi } from 'vitest'
import { admissionOf } from '../src/admission.ts'
import { CrawlBook } from '../src/crawl-book.ts'
import { KnownUrls } from '../src/known-urls.ts'
import { coordinatorMetrics } from '../src/metrics.ts'
import { Notes } from '../src/notes.ts'
import { startSettling } from '../src/settle.ts'

afterEach(() => vi.restoreAllMocks())

const LINKS = 2_000
const PAGES = 200
const WARM_UP = 20

const crawl: Crawl = {
  id: 1,
  name: 'test',
  state: 'running',
  config: { ...defaultCrawlConfig('Test/1'), exclude: ['\\.exe$'] },
} as Crawl

/** A frontier that takes everything in no time. */
function fakeFrontier() {
  const settled: Settlement[] = []
  const whole = watch(0)
  const frontier = {
    crawl: async () => crawl,
    roots: async () => new Set(['a.test']),
    settle: async (batch: readonly Settlement[]) => {
      await yieldNow() // as every answer of a database
      settled.push(...batch)
      whole.sender.send(settled.length)
      return { admitted: 0, known: 0, refusedStale: 0 }
    },
  } as unknown as Frontier
  return { frontier, settled, settledCount: whole.receiver }
}

const linksOf = (entry: Settlement) => (entry.kind === 'url' && entry.fate.kind === 'done' ? entry.fate.candidates : [])

/** Page number `n`, with as many links of its own as a page may have. */
function page(n: number): UrlOutcome {
  const links = Array.from({ length: LINKS }, (_, i): Link => {
    const host = i % 10 === 0 ? 'b.test' : 'a.test'
    return { url: `http://${host}/some/path/of/page/${n}/link/${i}?with=a&query=${i}`, kind: 'a', nofollow: false }
  })
  return {
    v: 1,
    type: 'outcome',
    of: 'url',
    crawlId: 1,
    hostId: 1,
    visitId: '00000000-0000-4000-8000-000000000000',
    url: { id: n, url: `http://a.test/${n}`, depth: 1, chain: 0, attempt: 1 },
    result: { kind: 'answer', status: 200 },
    facts: null,
    links,
  } as unknown as UrlOutcome
}

test('admission: a turn of the event loop ends after the link that used it up', async () => {
  const { frontier } = fakeFrontier()
  const book = new CrawlBook(frontier)
  const open = await book.get(1)
  if (open === undefined) throw new Error('no crawl')
  const deps = { book, known: new KnownUrls(10_000), signal: new AbortController().signal }
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now++) // each look at the clock takes a millisecond
  const { result, count } = await measureTurns(() => admissionOf(page(1), open, deps))
  expect([result.candidates.length, result.refused.get('scope')?.count]).toEqual([LINKS * 0.9, LINKS * 0.1])
  expect(count).toBeGreaterThan(LINKS / 6)
})

test('admission: it ends at the drain that has waited long enough, also within a page', async () => {
  const { frontier } = fakeFrontier()
  const book = new CrawlBook(frontier)
  const open = await book.get(1)
  if (open === undefined) throw new Error('no crawl')
  const stop = new AbortController()
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now++)
  setImmediate(() => stop.abort('enough'))
  const deps = { book, known: new KnownUrls(10_000), signal: stop.signal }
  await expect(admissionOf(page(1), open, deps)).rejects.toBe('enough')
})

/** The settling of a coordinator with such a frontier. */
async function startedSettling(frontier: Frontier, known: KnownUrls) {
  const broker = createInProcessBroker()
  const settling = await startSettling({
    broker,
    frontier,
    config: coordinatorConfig.parse({}),
    book: new CrawlBook(frontier),
    known,
    metrics: coordinatorMetrics(createMetrics({ role: 'test' }), frontier, broker),
    notes: new Notes(frontier),
    random: () => 0.5,
    onProgress: () => {},
    signal: new AbortController().signal,
  })
  return { broker, settling }
}

test('settle: the clock is looked at for each link that is judged, and for each that is remembered', async () => {
  const { frontier, settledCount } = fakeFrontier()
  const known = new KnownUrls(10_000)
  const clock = vi.spyOn(performance, 'now')
  const looks = async (settledAfter: number) => {
    const { broker, settling } = await startedSettling(frontier, known)
    await using _broker = broker
    clock.mockClear()
    await broker.publish(page(1))
    await settledCount.waitFor((count) => count === settledAfter)
    await settling[Symbol.asyncDispose]()
    return clock.mock.calls.length
  }
  const judgedAndRemembered = await looks(1)
  const judged = await looks(2) // its links are known by now
  expect(judged).toBeGreaterThan(LINKS)
  expect(judgedAndRemembered - judged).toBeGreaterThan(LINKS * 0.8)
})

test(`settle: ${PAGES} pages of ${LINKS} links at once hold the event loop for less than 10 ms`, { retry: 2 }, async () => {
  const { frontier, settled, settledCount } = fakeFrontier()
  const { broker, settling } = await startedSettling(frontier, new KnownUrls(200_000))
  await using _broker = broker
  const pages = Array.from({ length: WARM_UP + PAGES }, (_, n) => page(n))
  for (const outcome of pages.splice(0, WARM_UP)) await broker.publish(outcome) // compiling is none of its work
  await settledCount.waitFor((count) => count === WARM_UP)
  const { busyMs } = await measureTurns(async () => {
    for (const outcome of pages) await broker.publish(outcome)
    await settledCount.waitFor((count) => count === WARM_UP + PAGES)
    await settling[Symbol.asyncDispose]()
  })
  expect(settled.flatMap(linksOf)).toHaveLength((WARM_UP + PAGES) * LINKS * 0.9)
  expect(busyMs[5] ?? 0).toBeLessThan(10) // of thousands; five are left to the machine
})
