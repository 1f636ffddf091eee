import { zstdCompressSync } from 'node:zlib'
import { CrawlError, decode, defaultCrawlConfig, encode, errorCodes, type Page, type Visit } from '@warren/protocol'
import { describe, expect, test } from 'vitest'

const envelope = { v: 1, crawlId: 1, hostId: 2, visitId: '11111111-1111-4111-8111-111111111111' } as const
const url = { id: 3, url: 'https://example.org/', depth: 0, chain: 0, attempt: 1 }

const visit: Visit = {
  ...envelope,
  type: 'visit',
  hostKey: 'https://example.org:443',
  work: { kind: 'pages', urls: [url] },
  pace: { delayMs: 1_000, width: 1 },
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
function rewritten(message: Page | Visit, change: (json: Record<string, unknown>) => void, rest?: Uint8Array): Buffer {
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

test('error codes are sorted and read alike', () => {
  expect([...errorCodes]).toEqual([...errorCodes].sort())
  for (const code of errorCodes) {
    expect(code).toMatch(/^ERR_[A-Z]+(_[A-Z]+)+$/)
    expect(['retry', 'dead-letter', 'shutdown']).toContain(new CrawlError(code, 'x').disposition)
  }
})
