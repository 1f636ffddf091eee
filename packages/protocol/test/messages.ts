import type { Control, Message, Page, RobotsOutcome, UrlOutcome, Visit, VisitEnd, VisitStart } from '@warren/protocol'
import fc from 'fast-check'

/** Arbitrary messages of every kind, for the tests of the wire. Numbers stay small and strings odd: both travel as JSON. */

const id = fc.integer({ min: 1 })
const count = fc.nat()
const nullable = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(of, { nil: null })
const text = fc.string({ unit: 'grapheme', maxLength: 20 })
const nullableText = nullable(text)
const hex64 = fc.stringMatching(/^[0-9a-f]{64}$/)
const status = fc.integer({ min: 100, max: 599 })
const addressGroup = fc.ipV4().map((address) => `${address}/32`)
const ms = fc.double({ min: 0, max: 1e6, noNaN: true })

const envelope = { v: fc.constant(1 as const), crawlId: id, hostId: id, visitId: fc.uuid() }
const urlRef = fc.record(
  {
    id,
    url: fc.webUrl(),
    depth: count,
    chain: count,
    attempt: id,
    pass: id,
    validators: fc.record({ etag: nullableText, lastModified: nullableText }),
    usage: text,
  },
  { requiredKeys: ['id', 'url', 'depth', 'chain', 'attempt', 'pass'] },
)

const policy = fc.record({
  userAgent: fc.string({ minLength: 1, maxLength: 20 }),
  contact: nullable(fc.string({ minLength: 1, maxLength: 20 })),
  allowAddresses: fc.array(text, { maxLength: 2 }),
  resolve: fc.dictionary(fc.domain(), fc.ipV4(), { maxKeys: 2 }),
  connectMs: id,
  headersMs: id,
  exchangeMs: id,
  maxBodyBytes: id,
  maxBodyRatio: fc.integer({ min: 1, max: 1_000 }),
  minBytesPerSecond: count,
})

const work = fc.oneof(
  fc.record({ kind: fc.constant('pages' as const), urls: fc.array(urlRef, { minLength: 1, maxLength: 4 }) }),
  fc.record({ kind: fc.constant('robots' as const), url: fc.webUrl(), askingHostId: id, hop: count }),
  fc.record({ kind: fc.constant('resolve' as const) }),
)

export const visit: fc.Arbitrary<Visit> = fc.record({
  ...envelope,
  type: fc.constant('visit' as const),
  hostKey: text,
  work,
  pace: fc.record({ delayMs: count, width: id }),
  addressGroup: nullable(addressGroup),
  runMs: id,
  policy,
})

const answerOf = (bodyBytes: fc.Arbitrary<number>) =>
  fc.record({
    kind: fc.constant('answer' as const),
    status,
    contentType: nullableText,
    location: nullableText,
    retryAfterMs: nullable(count),
    robotsTags: fc.array(text, { maxLength: 2 }),
    linkHeaders: fc.array(text, { maxLength: 2 }),
    contentUsage: nullableText,
    etag: nullableText,
    lastModified: nullableText,
    maxAgeMs: nullable(count),
    bodyBytes,
    wireBytes: count,
    digest: nullable(hex64),
    truncated: fc.constantFrom(null, 'body-limit' as const, 'ratio-limit' as const, 'reset' as const, 'decode' as const),
    fetchedAt: fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    firstByteMs: count,
    totalMs: count,
  })

const result = fc.oneof(
  answerOf(count),
  fc.record({
    kind: fc.constant('denied' as const),
    by: fc.constantFrom('private-address' as const, 'no-contact' as const),
    address: fc.ipV6(),
  }),
  fc.record({ kind: fc.constant('unreachable' as const), code: fc.constantFrom('dns-failed' as const, 'tls' as const), detail: text }),
)

/** Bodies below and above the size from which they are compressed, compressible ones and noise. */
const body = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 16 }), fc.integer({ min: 1, max: 400 })).map(([unit, times]) => {
    const bytes = new Uint8Array(unit.length * times)
    for (let i = 0; i < bytes.length; i++) bytes[i] = unit[i % unit.length] ?? 0
    return bytes
  }),
  fc.uint8Array({ minLength: 1_000, maxLength: 1_050 }),
)

export const page: fc.Arbitrary<Page> = body.chain((body) =>
  fc.record({
    ...envelope,
    type: fc.constant('page' as const),
    url: urlRef,
    result: answerOf(fc.constant(body.byteLength)),
    userAgent: text,
    body: fc.constant(body),
  }),
)

const facts = fc.record({
  encoding: nullableText,
  title: nullableText,
  lang: nullableText,
  canonical: nullableText,
  noindex: fc.boolean(),
  nofollow: fc.boolean(),
  linksDropped: count,
  parseError: fc.constantFrom(null, 'timeout' as const, 'crash' as const),
})
const link = fc.record({
  url: fc.webUrl(),
  kind: fc.constantFrom('a' as const, 'redirect' as const, 'header' as const),
  nofollow: fc.boolean(),
})

const urlOutcome: fc.Arbitrary<UrlOutcome> = fc.record({
  ...envelope,
  type: fc.constant('outcome' as const),
  of: fc.constant('url' as const),
  url: urlRef,
  result,
  facts: nullable(facts),
  links: fc.array(link, { maxLength: 4 }),
})

const report = fc.record({
  requests: count,
  meanExchangeMs: nullable(ms),
  throttled: nullable(fc.record({ status, retryAfterMs: nullable(count) })),
  unreachable: fc.constantFrom(null, 'connect-refused' as const, 'reset' as const),
  answered: fc.boolean(),
  addressGroup: nullable(addressGroup),
})

const visitStart: fc.Arbitrary<VisitStart> = fc.record({
  ...envelope,
  type: fc.constant('outcome' as const),
  of: fc.constant('start' as const),
  worker: text,
})

const visitEnd: fc.Arbitrary<VisitEnd> = fc.record({
  ...envelope,
  type: fc.constant('outcome' as const),
  of: fc.constant('visit' as const),
  ending: fc.constantFrom('finished' as const, 'stopped' as const, 'abandoned' as const),
  unfetched: fc.array(id, { maxLength: 4 }),
  report,
})

const robotsOutcome: fc.Arbitrary<RobotsOutcome> = fc.record({
  ...envelope,
  type: fc.constant('outcome' as const),
  of: fc.constant('robots' as const),
  askingHostId: id,
  hop: count,
  result,
  body: nullable(fc.base64String({ maxLength: 40 })),
  report,
})

const control: fc.Arbitrary<Control> = fc.record({
  v: fc.constant(1 as const),
  type: fc.constant('control' as const),
  crawls: fc.array(fc.record({ id, state: fc.constantFrom('running' as const, 'paused' as const, 'cancelled' as const) }), {
    maxLength: 3,
  }),
  recalled: fc.array(fc.uuid(), { maxLength: 3 }),
})

export const message: fc.Arbitrary<Message> = fc.oneof(visit, page, urlOutcome, visitStart, visitEnd, robotsOutcome, control)
