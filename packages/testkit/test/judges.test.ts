import {
  checkConcurrency,
  checkDelays,
  checkRetryAfter,
  checkRobotsFetches,
  checkRobotsFirst,
  checkSpacing,
  disallowed,
  duplicates,
  type RequestRecord,
} from '@warren/testkit'
import { expect, test } from 'vitest'

const record = (startMs: number, endMs: number, more: Partial<RequestRecord> = {}): RequestRecord => ({
  host: 'http://a:1',
  address: '127.0.0.1',
  path: `/${startMs}`,
  method: 'GET',
  startMs,
  lagMs: 0,
  endMs,
  status: 200,
  retryAfterMs: 0,
  conditional: false,
  userAgent: 'test',
  connection: 1,
  disallowed: false,
  ...more,
})

test('checkDelays: a gap below the delay, less the tolerance and the lag of the first, is a violation; hosts do not mix', () => {
  expect(checkDelays([record(0, 1), record(990, 991)], 1_000)).toEqual([])
  expect(checkDelays([record(0, 1), record(960, 961)], 1_000)).toMatchObject([{ gapMs: 960 }])
  expect(checkDelays([record(0, 1, { lagMs: 20 }), record(960, 961)], 1_000)).toEqual([])
  expect(checkDelays([record(0, 1), record(960, 961, { lagMs: 20 })], 1_000)).toHaveLength(1) // a late second only widens the gap
  expect(checkDelays([record(0, 1), record(1, 2, { host: 'http://b:1' })], 1_000)).toEqual([])
  expect(checkDelays([record(960, 961), record(0, 1)], 1_000)).toHaveLength(1) // the log is in the order of ends
})

test('checkConcurrency: an end and a start at the same moment do not overlap', () => {
  expect(checkConcurrency([record(0, 10), record(10, 20)], 1)).toEqual([])
  expect(checkConcurrency([record(0, 10), record(9, 20), record(9, 12)], 1)).toEqual([{ of: 'http://a:1', most: 3 }])
  expect(checkConcurrency([record(0, 10), record(9, 20)], 2)).toEqual([])
})

const b = { host: 'http://b:2' }
const elsewhere = { host: 'http://c:3', address: '127.0.0.2' }

test('checkConcurrency of an address: what its hosts have in flight adds up, other addresses do not', () => {
  expect(checkConcurrency([record(0, 10), record(1, 10, b), record(2, 10, elsewhere)], 1)).toEqual([])
  const log = [record(0, 10), record(1, 10, b), record(2, 10, elsewhere)]
  expect(checkConcurrency(log, 2, { of: 'address' })).toEqual([])
  expect(checkConcurrency(log, 1, { of: 'address' })).toEqual([{ of: '127.0.0.1', most: 2 }])
})

/** A request of some host every so many milliseconds. */
const every = (ms: number, count: number, from = 0, more: Partial<RequestRecord> = {}): RequestRecord[] =>
  Array.from({ length: count }, (_, i) => record(from + i * ms, from + i * ms + 1, { host: `http://h${i}:1`, ...more }))

test('checkSpacing: an even spacing passes for ever, one request more than the burst in any window does not', () => {
  expect(checkSpacing(every(250, 100), 250, { burst: 1 })).toEqual([])
  expect(checkSpacing(every(0, 4), 250, { burst: 4 })).toEqual([])
  expect(checkSpacing(every(0, 5), 250, { burst: 4 })).toMatchObject([{ address: '127.0.0.1', count: 5 }])
  expect(checkSpacing(every(0, 5), 250, { burst: 4, toleranceMs: 250 })).toEqual([]) // one more fits into the tolerance
  expect(checkSpacing([...every(0, 4), ...every(250, 8, 250)], 250, { burst: 4 })).toEqual([]) // the burst is spent, then evenly on
  expect(checkSpacing([...every(0, 4), ...every(125, 8, 125)], 250, { burst: 4 })).toHaveLength(1)
})

test('checkSpacing: a crowd is found in the middle of a quiet log, and named by its first and last', () => {
  const crowd = every(100, 20, 60_000)
  const log = [...every(1_000, 60), ...crowd, ...every(1_000, 60, 70_000)]
  const [found] = checkSpacing(log, 250, { burst: 4 })
  expect(found).toMatchObject({ first: { startMs: 60_000 }, last: { startMs: 61_900 }, count: 20 })
})

test('checkSpacing: addresses do not mix; a first that was seen late makes its window longer; the log is in the order of ends', () => {
  expect(checkSpacing([...every(250, 10), ...every(250, 10, 0, { address: '127.0.0.2' })], 250, { burst: 1 })).toEqual([])
  expect(checkSpacing([record(0, 1), record(150, 151, b)], 250, { burst: 1 })).toHaveLength(1)
  expect(checkSpacing([record(0, 1, { lagMs: 80 }), record(150, 151, b)], 250, { burst: 1 })).toEqual([])
  expect(checkSpacing([record(0, 1), record(150, 151, { ...b, lagMs: 80 })], 250, { burst: 1 })).toHaveLength(1)
  const late = [record(0, 1, { lagMs: 300 }), record(240, 241, b), record(340, 341)]
  expect(checkSpacing(late, 250, { burst: 1 })).toMatchObject([{ first: { startMs: 240 } }]) // the late one hides no window but its own
  expect(checkSpacing(every(250, 10).reverse(), 250, { burst: 1 })).toEqual([])
})

const robots = (startMs: number, endMs: number, more: Partial<RequestRecord> = {}): RequestRecord =>
  record(startMs, endMs, { path: '/robots.txt', ...more })

test('checkRobotsFirst: a page before the end of the first answer that tells the rules, for each host and port', () => {
  expect(checkRobotsFirst([robots(0, 10), record(10, 20)])).toEqual([])
  expect(checkRobotsFirst([record(10, 20)])).toHaveLength(1)
  expect(checkRobotsFirst([robots(0, 10), record(9, 20)])).toHaveLength(1)
  expect(checkRobotsFirst([robots(0, 10), record(10, 20, b)])).toMatchObject([b])
  expect(checkRobotsFirst([robots(0, 10, { status: 404 }), record(10, 20)])).toEqual([])
  for (const status of [500, 503, 429, 0])
    expect(checkRobotsFirst([robots(0, 10, { status }), record(10, 20), robots(30, 40), record(50, 60)])).toMatchObject([{ startMs: 10 }])
})

test("checkRobotsFirst: another host's rules, fetched through a redirect, are no page of this one", () => {
  const hop = record(11, 12, { ...b, path: '/robots-of-2.txt' })
  expect(checkRobotsFirst([robots(0, 10, { status: 302 }), hop, robots(20, 30, b), record(40, 50), record(40, 50, b)])).toEqual([])
})

test('checkRobotsFetches: again within the time that the last answer holds; an answer that told no rules holds for none', () => {
  expect(checkRobotsFetches([robots(0, 10), robots(1_010, 1_020)], 1_000)).toEqual([])
  expect(checkRobotsFetches([robots(0, 10), robots(1_009, 1_020)], 1_000)).toMatchObject([{ gapMs: 999 }])
  expect(checkRobotsFetches([robots(0, 10), robots(5, 20)], 1_000)).toHaveLength(1) // both at once
  expect(checkRobotsFetches([robots(0, 10), robots(20, 30, b), record(30, 40), record(50, 60)], 1_000)).toEqual([])
  for (const status of [500, 429, 0]) expect(checkRobotsFetches([robots(0, 10, { status }), robots(20, 30)], 1_000)).toEqual([])
  const failed = robots(20, 30, { status: 500 })
  expect(checkRobotsFetches([robots(0, 10), failed, robots(40, 50)], 1_000)).toHaveLength(2) // the first answer still held
})

test('checkRetryAfter: the next request before the time, unless it was on its way', () => {
  const busy = record(0, 10, { status: 503, retryAfterMs: 1_000 })
  expect(checkRetryAfter([busy, record(990, 995)])).toEqual([])
  expect(checkRetryAfter([busy, record(960, 970)])).toMatchObject([{ gapMs: 950 }])
  expect(checkRetryAfter([busy, record(500, 510, b)])).toEqual([])
  expect(checkRetryAfter([busy, record(20, 30)])).toEqual([])
  expect(checkRetryAfter([busy, record(20, 30), record(500, 510)])).toMatchObject([{ second: { startMs: 500 } }])
  expect(checkRetryAfter([record(0, 10, { status: 503 }), record(20, 30), record(500, 510)])).toEqual([])
})

test('duplicates: faults are retried, robots.txt is read again, an answer is taken once', () => {
  const page = { path: '/p' }
  expect(duplicates([record(0, 1, { ...page, status: 503 }), record(1, 2, { ...page, status: 0 }), record(2, 3, page)])).toEqual([])
  expect(duplicates([record(0, 1, { path: '/robots.txt' }), record(1, 2, { path: '/robots.txt' })])).toEqual([])
  expect(duplicates([record(0, 1, page), record(1, 2, { ...page, status: 404 })])).toEqual([{ url: 'http://a:1/p', count: 2 }])
})

test('disallowed: what the server marked', () => {
  expect(disallowed([record(0, 1), record(1, 2, { disallowed: true })])).toHaveLength(1)
})
