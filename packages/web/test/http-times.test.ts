import { parseMaxAge, parseRetryAfter } from '@warren/web'
import { describe, expect, test } from 'vitest'

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0)
const YEAR_MS = 365 * 86_400_000

describe('Retry-After, RFC 9110 10.2.3', () => {
  test.each([
    ['120', 120_000],
    ['0', 0],
    [' 7 ', 7_000],
    ['99999999999999999999', YEAR_MS],
  ])('delay-seconds: %j is %s ms', (header, expected) => {
    expect(parseRetryAfter(header, NOW)).toBe(expected)
  })

  test.each([
    ['Mon, 23 Nov 2026 12:01:00 GMT', 60_000], // IMF-fixdate
    ['Monday, 23-Nov-26 12:01:00 GMT', 60_000], // RFC 850
    ['Mon Nov 23 12:01:00 2026', 60_000], // asctime, in UTC wherever we are
    ['Wed Dec  2 12:00:00 2026', 9 * 86_400_000],
    ['mon, 23 nov 2026 12:01:00 gmt', 60_000],
    ['Mon, 23 Nov 2026 11:59:59 GMT', 0], // in the past
    ['Sunday, 06-Nov-94 08:49:37 GMT', 0], // "more than 50 years in the future ... the most recent year in the past"
    ['Sunday, 06-Nov-76 08:49:37 GMT', YEAR_MS], // 50 years ahead: not yet
    ['Fri, 01 Jan 2100 00:00:00 GMT', YEAR_MS],
  ])('HTTP-date: %j is %s ms from now', (header, expected) => {
    expect(parseRetryAfter(header, NOW)).toBe(expected)
  })

  test.each([
    '',
    '-1',
    '1.5',
    '1e3',
    '0x10',
    'soon',
    '2026-11-23T12:01:00Z',
    'Mon, 23 Foo 2026 12:01:00 GMT',
    'Mon, 23 Nov 2026 25:01:00 GMT',
    'Mon, 00 Nov 2026 12:01:00 GMT',
    'Mon, 23 Nov 2026 12:01:00 +0100',
    '120, 120',
    'Infinity',
  ])('%j is none', (header) => {
    expect(parseRetryAfter(header, NOW)).toBeUndefined()
  })
})

describe('max-age, RFC 9111 5.2.2.1', () => {
  test.each([
    ['max-age=3600', 3_600_000],
    ['public, MAX-AGE = 60 , must-revalidate', 60_000],
    ['max-age="60"', 60_000],
    ['max-age=0', 0],
    ['max-age=60, max-age=120', 60_000], // 4.2.1: the first of several
    ['max-age=99999999999999', YEAR_MS],
    [',, max-age=60', 60_000], // RFC 9110 5.6.1.2: empty elements
    ['private="set-cookie, max-age=5", max-age=60', 60_000], // RFC 9111 5.2.2.7: a quoted list of names
    ['x="\\", max-age=5", max-age=60', 60_000],
    ['x="max-age=5, max-age=60', undefined], // the string never ends
    ['max-age=60=1', undefined],
    ['s-maxage=60', undefined],
    ['no-store', undefined],
    ['max-age', undefined],
    ['max-age=', undefined],
    ['max-age=-1', undefined],
    ['max-age=1.5', undefined],
    ['x-max-age=60', undefined],
    ['', undefined],
  ])('%j is %s ms', (header, expected) => {
    expect(parseMaxAge(header)).toBe(expected)
  })
})
