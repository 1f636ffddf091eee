import { zstdCompressSync } from 'node:zlib'
import {
  type Control,
  CrawlError,
  decode,
  defaultCrawlConfig,
  encode,
  errorCodes,
  type Message,
  type Page,
  type RobotsOutcome,
  type UrlOutcome,
  type Visit,
  type VisitEnd,
} from '@warren/protocol'
import { describe, expect, test } from 'vitest'

const envelope = { v: 1, crawlId: 1, hostId: 2, visitId: '11111111-1111-4111-8111-111111111111' } as const
const url = { id: 3, url: 'https://example.org/', depth: 0, chain: 0, attempt: 1, pass: 1 }

const visit: Visit = {
  ...envelope,
  type: 'visit',
  hostKey: 'https://example.org:443',
  work: { kind: 'pages', urls: [url] },
  pace: { delayMs: 1_000, width: 1 },
  addressGroup: null,
  runMs: 10_000,
  policy: defaultCrawlConfig('Warren/0.1').fetch,
}

const pageOf = (body: Uint8Array): Page => ({
  ...envelope,
  type: 'page',
  url,
  userAgent: 'Warren/0.1',
  result: {
    kind: 'answer',
    status: 200,
    contentType: 'text/html',
    location: null,
    retryAfterMs: null,
    robotsTags: [],
    linkHeaders: [],
    contentUsage: null,
    etag: null,
    lastModified: null,
    maxAgeMs: null,
    bodyBytes: body.byteLength,
    wireBytes: 10,
    digest: null,
    truncated: null,
    fetchedAt: '2026-11-23T12:00:00.000Z',
    firstByteMs: 1,
    totalMs: 2,
  },
  body,
})

/** The JSON of an encoded message, changed, in front of a body. */
function rewritten(message: Message, change: (json: Record<string, unknown>) => void, rest?: Uint8Array): Buffer {
  const bytes = encode(message)
  const end = 4 + bytes.readUInt32BE(0)
  const json = JSON.parse(bytes.toString('utf8', 4, end))
  change(json)
  const text = Buffer.from(JSON.stringify(json))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text, rest ?? bytes.subarray(end)])
}

const codeOf = (bytes: Buffer): string => {
  try {
    decode(bytes)
    return 'decoded'
  } catch (error) {
    return error instanceof CrawlError ? error.code : String(error)
  }
}

describe('decode refuses', () => {
  test.each([0, 2, 99, '1', null, undefined])('version %j, saying which and which it reads', (v) => {
    const bytes = rewritten(visit, (json) => Object.assign(json, { v }))
    expect(codeOf(bytes)).toBe('ERR_MESSAGE_VERSION')
    expect(() => decode(bytes)).toThrow(`version ${JSON.stringify(v) ?? 'undefined'}, this build reads 1`)
  })

  test.each(['pages', '', 'constructor', '__proto__', 'toString', null, undefined, 1, ['visit']])('type %j', (type) => {
    expect(codeOf(rewritten(visit, (json) => Object.assign(json, { type })))).toBe('ERR_MESSAGE_INVALID')
  })

  test('bytes that are shorter than their header says', () => {
    const bytes = encode(visit)
    for (const length of [0, 3, 4, bytes.length - 1]) expect(codeOf(bytes.subarray(0, length))).toBe('ERR_MESSAGE_INVALID')
    expect(codeOf(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7b]))).toBe('ERR_MESSAGE_INVALID')
  })

  test('a field out of its bounds, naming it', () => {
    const bytes = rewritten(visit, (json) => Object.assign(json, { runMs: 0 }))
    expect(() => decode(bytes)).toThrow('runMs')
    expect(codeOf(rewritten(visit, (json) => Object.assign(json, { visitId: 'x' })))).toBe('ERR_MESSAGE_INVALID')
    const urls = Array.from({ length: 501 }, () => url)
    expect(codeOf(rewritten(visit, (json) => Object.assign(json, { work: { kind: 'pages', urls } })))).toBe('ERR_MESSAGE_INVALID')
  })

  test('and its message shows at most 80 characters of what came in', () => {
    const type = 'x'.repeat(1_000)
    const bytes = rewritten(visit, (json) => Object.assign(json, { type }))
    expect(() => decode(bytes)).toThrow(/^Cannot decode message: unknown type "x{79}$/)
  })
})

describe('the body of a page', () => {
  const text = new Uint8Array(Buffer.from('<p>warren</p>'.repeat(400)))

  test('travels as bytes, compressed when that is worth it, never as JSON', () => {
    const small = encode(pageOf(text.subarray(0, 13)))
    expect(small.subarray(-13).toString()).toBe('<p>warren</p>')
    const large = encode(pageOf(text))
    expect(large.byteLength).toBeLessThan(1_500)
    expect(large.includes('warren</p>"')).toBe(false)
  })

  test('may be empty', () => {
    const received = decode(encode(pageOf(new Uint8Array())))
    expect(received.type === 'page' && received.body.byteLength).toBe(0)
  })

  test('must have the length its header says, packed or not', () => {
    for (const body of [text, text.subarray(0, 100)]) {
      for (const bodyBytes of [0, 1, body.byteLength - 1, body.byteLength + 1]) {
        const bytes = rewritten(pageOf(body), (json) => Object.assign(Object(json['result']), { bodyBytes }))
        expect(codeOf(bytes), `${bodyBytes} for ${body.byteLength}`).toBe('ERR_MESSAGE_INVALID')
      }
    }
  })

  test('unpacks to no more than its header says: a bomb costs what it claims', () => {
    const bomb = zstdCompressSync(Buffer.alloc(256 * 1024 * 1024))
    const bytes = rewritten(pageOf(text), (json) => Object.assign(Object(json['result']), { bodyBytes: 1_000 }), bomb)
    const before = process.memoryUsage().arrayBuffers
    expect(codeOf(bytes)).toBe('ERR_MESSAGE_INVALID')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024)
  })

  test('that claims more bytes than memory can hold is refused', () => {
    for (const bodyBytes of [Number.MAX_SAFE_INTEGER, 2 ** 40]) {
      const bytes = rewritten(pageOf(text), (json) => Object.assign(Object(json['result']), { bodyBytes }))
      expect(codeOf(bytes)).toBe('ERR_MESSAGE_INVALID')
    }
  })

  test('that is no zstd frame although it says so is refused', () => {
    expect(codeOf(rewritten(pageOf(text), () => undefined, new Uint8Array(50)))).toBe('ERR_MESSAGE_INVALID')
  })
})

test('unknown fields are dropped, so that a newer minor shape can be read', () => {
  const received = decode(rewritten(visit, (json) => Object.assign(json, { later: true })))
  expect(received).toEqual(visit)
})

describe('what an older role wrote lacks the newer fields, and is read with their defaults', () => {
  const report = { requests: 1, meanExchangeMs: 2, throttled: null, unreachable: null, answered: true, addressGroup: null }
  const end: VisitEnd = { ...envelope, type: 'outcome', of: 'visit', ending: 'finished', unfetched: [3], report }
  const { result } = pageOf(new Uint8Array())
  const outcome: UrlOutcome = { ...envelope, type: 'outcome', of: 'url', url, result, facts: null, links: [] }
  const robots: RobotsOutcome = { ...envelope, type: 'outcome', of: 'robots', askingHostId: 2, hop: 0, result, body: null, report }
  const control: Control = { v: 1, type: 'control', crawls: [{ id: 1, state: 'running' }], recalled: [] }

  const NEWER = ['pass', 'addressGroup', 'contentUsage', 'recalled']
  /** Deletes them wherever they are; returns how many there were. */
  function dropNewer(value: unknown): number {
    if (typeof value !== 'object' || value === null) return 0
    return Object.entries(value)
      .map(([key, inner]) => (NEWER.includes(key) && Reflect.deleteProperty(value, key) ? 1 : dropNewer(inner)))
      .reduce((sum, count) => sum + count, 0)
  }

  test.each([
    ['visit', visit, 2],
    ['page', pageOf(Buffer.of()), 2],
    ['outcome of a URL', outcome, 2],
    ['end of a visit', end, 1],
    ['robots.txt', robots, 2],
    ['control', control, 1],
  ])('%s', (_, message, fields) => {
    let dropped = 0
    const received = decode(
      rewritten(message, (json) => {
        dropped = dropNewer(json)
      }),
    )
    expect(dropped).toBe(fields)
    expect(received).toEqual(message)
  })
})

test('error codes are sorted and read alike', () => {
  expect([...errorCodes]).toEqual([...errorCodes].sort())
  for (const code of errorCodes) {
    expect(code).toMatch(/^ERR_[A-Z]+(_[A-Z]+)+$/)
    expect(['retry', 'dead-letter', 'shutdown']).toContain(new CrawlError(code, 'x').disposition)
  }
})
