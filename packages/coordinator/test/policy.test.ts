import type { FetchResult, HostReport, RobotsOutcome } from '@warren/protocol'
import { testAnswer } from '@warren/testkit'
import { describe, expect, test } from 'vitest'
import { fateOf, nextAfterRobotsMs, nextInMs, redirectTarget, robotsVerdict, troubleOf } from '../src/policy.ts'

const options = (attempt = 1) => ({ attempt, maxAttempts: 4, retryBaseMs: 5_000, retryMaxMs: 600_000, random: () => 0.5 })
const fate = (result: FetchResult, attempt = 1) => fateOf(result, null, options(attempt))

describe('fateOf', () => {
  test.each([200, 204, 301, 304, 400, 401, 403, 404, 410])('status %i is a final answer', (status) => {
    expect(fate(testAnswer({ status }))).toMatchObject({ kind: 'done' })
  })
  test.each([429, 503])('status %i moves the host and keeps the attempts', (status) => {
    expect(fate(testAnswer({ status }), 4)).toEqual({ kind: 'release' })
  })
  test.each([500, 502, 504, 599, 408, 425])('status %i is retried, and ends as failed after the last attempt', (status) => {
    expect(fate(testAnswer({ status }), 3)).toMatchObject({ kind: 'retry', code: `http-${status}` })
    expect(fate(testAnswer({ status }), 4)).toMatchObject({ kind: 'failed', code: `http-${status}` })
  })
  test('a body that the site broke off is fetched again, and kept as it is after the last attempt', () => {
    expect(fate(testAnswer({ truncated: 'reset' }))).toMatchObject({ kind: 'retry', code: 'truncated-reset' })
    expect(fate(testAnswer({ truncated: 'reset' }), 4)).toMatchObject({ kind: 'done' })
  })
  test('a body cut by a limit of ours is final', () => {
    expect(fate(testAnswer({ truncated: 'body-limit' }))).toMatchObject({ kind: 'done' })
  })
  test('a host that cannot be reached costs its URLs no attempt', () => {
    for (const code of ['dns-not-found', 'dns-failed', 'connect-refused', 'connect-timeout', 'connect-failed', 'tls'] as const)
      expect(fate({ kind: 'unreachable', code, detail: '' }, 4)).toEqual({ kind: 'release' })
  })
  test('an exchange that broke costs its URL an attempt', () => {
    for (const code of ['headers-timeout', 'exchange-timeout', 'reset', 'protocol', 'decode'] as const) {
      expect(fate({ kind: 'unreachable', code, detail: 'x' })).toMatchObject({ kind: 'retry', code })
      expect(fate({ kind: 'unreachable', code, detail: 'x' }, 4)).toEqual({ kind: 'failed', code, detail: 'x' })
    }
  })
  test('an address that the guard refused is excluded with its rule', () => {
    expect(fate({ kind: 'denied', by: 'private-address', address: '10.0.0.1' })).toEqual({
      kind: 'excluded',
      rule: 'private-address',
      detail: '10.0.0.1',
    })
  })
  test('retries wait at random below a doubling bound', () => {
    const waits = [1, 2, 3].map((attempt) => fate(testAnswer({ status: 500 }), attempt)).map((f) => (f.kind === 'retry' ? f.afterMs : -1))
    expect(waits).toEqual([2_500, 5_000, 10_000])
  })
})

describe('redirectTarget', () => {
  test('is the canonical Location of a redirect and of nothing else', () => {
    expect(redirectTarget(testAnswer({ status: 302, location: 'http://Example.org:80/a#b' }))).toBe('http://example.org/a')
    expect(redirectTarget(testAnswer({ status: 201, location: 'http://example.org/a' }))).toBeUndefined()
    expect(redirectTarget(testAnswer({ status: 301, location: 'mailto:a@example.org' }))).toBeUndefined()
    expect(redirectTarget(testAnswer({ status: 304, location: 'http://example.org/a' }))).toBeUndefined()
  })
})

describe('troubleOf', () => {
  const backOff = (random: number) => ({
    HOST_RETRY_BASE_MS: 5_000,
    HOST_RETRY_MAX_MS: 3_600_000,
    THROTTLE_BASE_MS: 60_000,
    THROTTLE_MAX_MS: 86_400_000,
    random: () => random,
  })
  const report: HostReport = { requests: 3, meanExchangeMs: 10, throttled: null, unreachable: null, answered: true, addressGroup: null }
  test('a host that answers is in none', () => {
    expect(troubleOf(report, backOff(0))).toBeNull()
    expect(troubleOf({ ...report, requests: 0, answered: false }, backOff(0))).toBeNull()
  })
  test('Retry-After says when; without it a minute doubles', () => {
    expect(troubleOf({ ...report, throttled: { status: 429, retryAfterMs: 7_000 } }, backOff(0))).toMatchObject({
      kind: 'refusing',
      code: 'http-429',
      baseMs: 0,
      floorMs: 7_000,
    })
    expect(troubleOf({ ...report, throttled: { status: 503, retryAfterMs: null } }, backOff(1))).toMatchObject({
      baseMs: 60_000,
      maxMs: 86_400_000,
      floorMs: 0,
      jitter: 1,
    })
  })
  test('a Retry-After of a year is read as a day', () => {
    expect(troubleOf({ ...report, throttled: { status: 503, retryAfterMs: 31_536_000_000 } }, backOff(0))).toMatchObject({
      floorMs: 86_400_000,
    })
  })
  test('no usable answer among several is trouble too', () => {
    expect(troubleOf({ ...report, answered: false }, backOff(0))).toMatchObject({ kind: 'refusing', code: 'no-usable-answer' })
    expect(troubleOf({ ...report, answered: false, unreachable: 'connect-refused' }, backOff(0))).toMatchObject({
      kind: 'unreachable',
      code: 'connect-refused',
    })
  })
})

describe('robotsVerdict, RFC 9309 section 2.3.1', () => {
  const outcome = (result: FetchResult, over: Partial<RobotsOutcome> = {}): RobotsOutcome => ({
    v: 1,
    type: 'outcome',
    of: 'robots',
    crawlId: 1,
    hostId: 1,
    visitId: '00000000-0000-4000-8000-000000000000',
    askingHostId: 1,
    hop: 0,
    result,
    body: null,
    report: { requests: 1, meanExchangeMs: 1, throttled: null, unreachable: null, answered: true, addressGroup: null },
    ...over,
  })
  const verdict = (result: FetchResult, over: Partial<RobotsOutcome> = {}) => robotsVerdict(outcome(result, over), 'Warren')

  test('2.3.1.1: a successful answer gives rules, kept for at most 24 hours (2.4)', () => {
    const body = Buffer.from('user-agent: *\ncrawl-delay: 2\n').toString('base64')
    expect(verdict(testAnswer({ maxAgeMs: 3_600_000 }), { body })).toMatchObject({ kind: 'rules', ttlMs: 3_600_000, crawlDelayMs: 2_000 })
    expect(verdict(testAnswer({ maxAgeMs: 999_000_000 }), { body })).toMatchObject({ ttlMs: 86_400_000 })
  })
  test('ours: a max-age of zero is read as five minutes', () => {
    expect(verdict(testAnswer({ maxAgeMs: 0 }))).toMatchObject({ kind: 'rules', ttlMs: 300_000 })
  })
  test('2.3.1.2: five redirects are followed, across hosts; after that the file counts as unavailable', () => {
    const moved = testAnswer({ status: 301, location: 'https://other.example/r.txt' })
    expect(verdict(moved, { hop: 4 })).toEqual({
      kind: 'hop',
      url: 'https://other.example/r.txt',
      hostKey: 'https://other.example:443',
      hop: 5,
    })
    expect(verdict(moved, { hop: 5 })).toMatchObject({ kind: 'allow-all' })
  })
  test.each([400, 401, 403, 404, 410, 451])('2.3.1.3: status %i means unavailable: everything may be crawled', (status) => {
    expect(verdict(testAnswer({ status }))).toMatchObject({ kind: 'allow-all' })
  })
  test.each([500, 502, 503, 599])('2.3.1.4: status %i means unreachable: nothing may be crawled', (status) => {
    expect(verdict(testAnswer({ status }))).toMatchObject({ kind: 'unreachable' })
  })
  test('2.3.1.4: network errors mean unreachable', () => {
    expect(verdict({ kind: 'unreachable', code: 'reset', detail: '' })).toMatchObject({ kind: 'unreachable' })
  })
  test('ours: 429 waits', () => {
    expect(verdict(testAnswer({ status: 429 }))).toMatchObject({ kind: 'unreachable' })
  })
  test('ours: a rule set that was broken off is none', () => {
    expect(verdict(testAnswer({ truncated: 'reset' }))).toMatchObject({ kind: 'unreachable' })
    expect(verdict(testAnswer({ truncated: 'body-limit' }))).toMatchObject({ kind: 'rules' })
  })
})

describe('when the host is visited next', () => {
  const report: HostReport = { requests: 1, meanExchangeMs: 10, throttled: null, unreachable: null, answered: true, addressGroup: null }
  const after = (over: Partial<HostReport>, delayMs = 1_000) =>
    nextInMs({ ending: 'finished', report: { ...report, ...over } }, delayMs, 30_000)
  test('after its delay, or after as long as it takes for an answer, up to 15 s', () => {
    expect([after({}), after({ meanExchangeMs: 4_000 }), after({ meanExchangeMs: 40_000 }), after({ meanExchangeMs: null })]).toEqual([
      1_000, 4_000, 15_000, 1_000,
    ])
    expect(nextAfterRobotsMs({ ...report, meanExchangeMs: 4_000 }, 1_000)).toBe(4_000)
  })
  test('at once without a delay, or when nothing was asked', () => {
    expect([after({ meanExchangeMs: 4_000 }, 0), after({ requests: 0 })]).toEqual([0, 0])
  })
  test('after its run time too, when the visit may still be running elsewhere', () => {
    expect(nextInMs({ ending: 'abandoned', report: { ...report, requests: 0 } }, 1_000, 30_000)).toBe(31_000)
  })
})
