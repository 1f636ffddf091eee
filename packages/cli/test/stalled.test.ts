import type { Stall, Stalls } from '@warren/frontier'
import type { HostKey } from '@warren/web'
import { expect, test } from 'vitest'
import { reasonsText, reasonText, shortHost } from '../src/stalled.ts'

const now = new Date('2026-11-27T12:00:00Z')
const stall = (over: Partial<Stall>): Stall => ({
  for: 'pace',
  of: 'hosts',
  count: 1,
  code: null,
  detail: '',
  inMs: null,
  hostKey: 'http://a.test:80' as HostKey,
  ...over,
})
const text = (...reasons: Partial<Stall>[]) =>
  reasonsText({
    now,
    stalled: true,
    reasons: reasons.map(stall),
    looked: { hosts: 1, isAll: true },
    answeredAt: null,
    coordinators: { alive: 1, seenAt: now, holds: null },
  } satisfies Stalls)

test.each<[Partial<Stall>, string, string]>([
  [
    { for: 'pace', detail: "300 s between requests, robots.txt's Crawl-delay", inMs: 240_000 },
    "a.test waits for its pace (300 s between requests, robots.txt's Crawl-delay), again in 4 min",
    '3 hosts wait for their pace, the first in 4 min',
  ],
  [
    { for: 'back-off', code: 'http-503', inMs: 4_000 },
    'a.test backs off (http-503), again in 4 s',
    '3 hosts back off (http-503), the first in 4 s',
  ],
  [
    { for: 'breaker', code: 'connect-refused', inMs: 60_000 },
    'the breaker of a.test is open (connect-refused), again in 60 s',
    '3 hosts have an open breaker (connect-refused), the first in 60 s',
  ],
  [
    { for: 'robots', code: 'dns-failed', inMs: 1_000 },
    'robots.txt of a.test is out of reach (dns-failed), again in 1 s',
    'robots.txt of 3 hosts is out of reach (dns-failed), the first in 1 s',
  ],
  [{ for: 'robots' }, 'a.test waits for robots.txt', '3 hosts wait for robots.txt'],
  [
    { for: 'retry', inMs: 2_000 },
    'a.test waits for the next try of a URL, again in 2 s',
    '3 hosts wait for the next try of a URL, the first in 2 s',
  ],
  [{ for: 'visit' }, 'a.test is being visited', '3 hosts are being visited'],
  [{ for: 'address' }, 'a.test lines up for an address that others share', '3 hosts line up for an address that others share'],
  [{ for: 'blocked' }, 'a.test is blocked', '3 hosts are blocked'],
  [{ for: 'budget' }, 'the budget of a.test is handed out', 'the budget of 3 hosts is handed out'],
  [{ for: 'turn' }, 'a.test is due, and nobody claims', '3 hosts are due, and nobody claims'],
])('%o of one host, and of several', (over, one, several) => {
  expect(text(over)).toBe(one)
  expect(text({ ...over, count: 3 })).toBe(several)
})

test('reasons of the whole crawl, and of URLs', () => {
  const crawl = { of: 'crawl', hostKey: null } as const
  expect(text({ ...crawl, for: 'pause', detail: 'the crawl is paused' })).toBe('the crawl is paused')
  expect(text({ ...crawl, for: 'coordinator', detail: 'no fetcher takes visits' })).toBe('no fetcher takes visits')
  expect(text({ ...crawl, for: 'budget', detail: 'max-pages: 9 of 10 are there, 1 under way' })).toBe(
    'its budget is handed out, max-pages: 9 of 10 are there, 1 under way',
  )
  const urls = { of: 'urls', hostKey: null } as const
  expect(text({ ...urls, for: 'parser', count: 1 }, { ...urls, for: 'parser', count: 12 })).toBe(
    '1 page waits for a parser; 12 pages wait for a parser',
  )
  expect(text({ ...urls, for: 'level', count: 1_200 })).toBe('1,200 URLs wait for the depth above')
})

test('the worst three are told; when the last coordinator was seen; that not all hosts were looked at', () => {
  expect(text({ for: 'visit' }, { for: 'blocked' }, { for: 'robots' }, { for: 'pace' }, { for: 'retry' })).toBe(
    'a.test is being visited; a.test is blocked; a.test waits for robots.txt; 2 more',
  )
  const dead = { alive: 0, seenAt: new Date(now.getTime() - 180_000), holds: null }
  const reasons = [stall({ for: 'coordinator', of: 'crawl', detail: 'no coordinator runs', hostKey: null })]
  const stalls: Stalls = { now, stalled: true, reasons, looked: { hosts: 0, isAll: true }, answeredAt: null, coordinators: dead }
  expect(reasonsText(stalls)).toBe('no coordinator runs, the last one was seen 3 min ago')
  expect(reasonsText({ ...stalls, reasons: [] })).toBe('')
  expect(reasonText(stall({ for: 'pace', count: 1_000 }), false)).toBe('at least 1,000 hosts wait for their pace')
})

test('a host is told without what goes without saying', () => {
  expect(['http://a.test:80', 'https://a.test:443', 'http://a.test:8080'].map(shortHost)).toEqual(['a.test', 'a.test', 'a.test:8080'])
})
