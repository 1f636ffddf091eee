import type { Answer, FetchResult, UnreachableCode } from '@warren/protocol'
import { describe, expect, test } from 'vitest'
import type { Exchanged } from '../src/exchange.ts'
import { VisitReport } from '../src/visit-report.ts'

const exchanged = (result: FetchResult, exchangeMs = 0): Exchanged => ({
  result,
  body: null,
  page: false,
  exchangeMs,
  requested: true,
  stale: false,
  unmapped: undefined,
})
const status = (status: number, totalMs = 10, retryAfterMs: number | null = null): Exchanged =>
  exchanged({ ...ANSWER, status, totalMs, retryAfterMs }, totalMs)
const failed = (code: UnreachableCode, ms = 10): Exchanged => exchanged({ kind: 'unreachable', code, detail: '' }, ms)
const ANSWER: Answer = {
  kind: 'answer',
  status: 200,
  contentType: null,
  location: null,
  retryAfterMs: null,
  robotsTags: [],
  linkHeaders: [],
  contentUsage: null,
  etag: null,
  lastModified: null,
  maxAgeMs: null,
  bodyBytes: 0,
  wireBytes: 0,
  digest: null,
  truncated: null,
  fetchedAt: '',
  firstByteMs: 0,
  totalMs: 0,
}

describe('VisitReport', () => {
  test('429 and 503 end the visit and are told with their Retry-After', () => {
    for (const code of [429, 503]) {
      const report = new VisitReport()
      expect(report.take(status(code, 10, 5_000))).toBe('throttled')
      expect(report.toReport()).toMatchObject({ throttled: { status: code, retryAfterMs: 5_000 }, answered: false })
    }
  })

  test('a host that cannot be reached ends it at the first failure', () => {
    for (const code of ['dns-not-found', 'dns-failed', 'connect-refused', 'connect-timeout', 'connect-failed', 'tls'] as const) {
      const report = new VisitReport()
      expect(report.take(failed(code))).toBe('unreachable')
      expect(report.toReport().unreachable).toBe(code)
    }
  })

  test('other failures end it when three came before any answer', () => {
    const mute = new VisitReport()
    expect([failed('reset'), failed('headers-timeout'), failed('protocol')].map((each) => mute.take(each))).toEqual([
      undefined,
      undefined,
      'unreachable',
    ])
    const answering = new VisitReport()
    answering.take(status(404))
    for (let i = 0; i < 10; i++) expect(answering.take(failed('reset'))).toBeUndefined()
    expect(answering.toReport()).toMatchObject({ unreachable: null, answered: true })
  })

  test('usable answers are all but 5xx and 429', () => {
    for (const [code, answered] of [
      [200, true],
      [301, true],
      [404, true],
      [429, false],
      [500, false],
      [503, false],
    ] as const) {
      const report = new VisitReport()
      report.take(status(code))
      expect(report.toReport().answered, String(code)).toBe(answered)
    }
  })

  test('the pace is the delay, stretched to twice the last exchange, to 30 s at most', () => {
    const report = new VisitReport()
    expect(report.intervalMs(1_000)).toBe(1_000)
    report.take(status(200, 400))
    expect(report.intervalMs(1_000)).toBe(1_000)
    report.take(status(200, 3_000))
    expect(report.intervalMs(1_000)).toBe(6_000)
    report.take(status(200, 300_000))
    expect(report.intervalMs(1_000)).toBe(30_000)
    expect(report.intervalMs(60_000)).toBe(60_000)
    expect(report.intervalMs(0)).toBe(0)
  })

  test('a fast error does not make the pace faster, a slow one makes it slower', () => {
    const report = new VisitReport()
    report.take(status(200, 3_000))
    for (const code of [403, 404, 429, 500]) report.take(status(code, 5))
    report.take(failed('reset', 5))
    expect(report.intervalMs(1_000)).toBe(6_000)
    report.take(failed('headers-timeout', 10_000))
    expect(report.intervalMs(1_000)).toBe(20_000)
  })

  test('the mean is of usable answers: no error makes it shorter, or longer', () => {
    const report = new VisitReport()
    for (const error of [status(404, 5), status(429, 5), status(503, 5), failed('reset', 5)]) report.take(error)
    expect(report.toReport().meanExchangeMs).toBeNull()
    for (const [code, ms] of [
      [200, 10],
      [301, 30],
      [304, 20],
    ] as const)
      report.take(status(code, ms))
    for (const error of [status(403, 1), status(500, 1), failed('headers-timeout', 20_000)]) report.take(error)
    expect(report.toReport().meanExchangeMs).toBe(20)
  })

  test('the last address group that is known is told', () => {
    const report = new VisitReport()
    expect(report.toReport().addressGroup).toBeNull()
    report.ledTo('192.0.2.1/32')
    report.ledTo(null)
    expect(report.toReport().addressGroup).toBe('192.0.2.1/32')
  })
})
