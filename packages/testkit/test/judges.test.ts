import { checkConcurrency, checkDelays, disallowed, duplicates, type RequestRecord } from '@warren/testkit'
import { expect, test } from 'vitest'

const record = (startMs: number, endMs: number, more: Partial<RequestRecord> = {}): RequestRecord => ({
  host: 'http://a:1',
  path: `/${startMs}`,
  method: 'GET',
  startMs,
  lagMs: 0,
  endMs,
  status: 200,
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
  expect(checkConcurrency([record(0, 10), record(9, 20), record(9, 12)], 1)).toEqual([{ host: 'http://a:1', most: 3 }])
  expect(checkConcurrency([record(0, 10), record(9, 20)], 2)).toEqual([])
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
