/**
 * Seen failing on these mutants of src/wire.ts:
 * - a type is looked up without Object.hasOwn (`constructor` is no message); JSON.parse stands outside of its try; the stated length is not
 *   compared with the bytes there are; the length of the JSON is counted in characters
 * - a body of exactly 1 024 bytes is compressed but not marked; the version is not looked at
 * and wire.test.ts on: the length of a body is not compared with the header's; it unpacks without a limit
 */
import { CrawlError, decode, encode, type Message } from '@warren/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { message, page } from './messages.ts'

/** As it comes back: JSON knows no -0 and keeps no undefined; a body is some Uint8Array. */
function plain(message: Message): unknown {
  if (message.type !== 'page') return JSON.parse(JSON.stringify(message))
  const { body, ...header } = message
  return { ...JSON.parse(JSON.stringify(header)), body: Buffer.from(body).toString('hex') }
}

/** What decode makes of the bytes: a message or a CrawlError that dead-letters; anything else fails the test. */
function outcomeOf(bytes: Buffer): Message | CrawlError {
  try {
    return decode(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(CrawlError)
    if (!(error instanceof CrawlError)) throw error
    expect(['ERR_MESSAGE_INVALID', 'ERR_MESSAGE_VERSION']).toContain(error.code)
    expect(error.disposition).toBe('dead-letter')
    return error
  }
}

test('decode(encode(m)) is m, for every kind of message', () => {
  fc.assert(
    fc.property(message, (sent) => {
      expect(plain(decode(encode(sent)))).toEqual(plain(sent))
    }),
    { numRuns: 300 },
  )
})

test('a body comes back byte by byte, on both sides of the size from which it is compressed', () => {
  fc.assert(
    fc.property(page, fc.integer({ min: 1_020, max: 1_030 }), fc.nat(255), (sent, bytes, fill) => {
      const body = new Uint8Array(bytes).fill(fill)
      const received = decode(encode({ ...sent, body, result: { ...sent.result, bodyBytes: bytes } }))
      expect(received.type === 'page' && Buffer.from(received.body).equals(body)).toBe(true)
    }),
    { numRuns: 100 },
  )
})

test('mutated, cut and lengthened bytes give a message or a dead letter, never another error', () => {
  const mutation = fc.record({
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    byte: fc.nat(255),
    kind: fc.constantFrom('set', 'cut', 'insert'),
  })
  fc.assert(
    fc.property(message, fc.array(mutation, { minLength: 1, maxLength: 6 }), (sent, mutations) => {
      let bytes: Buffer = encode(sent)
      for (const { at, byte, kind } of mutations) {
        const index = Math.floor(at * bytes.length)
        if (kind === 'set' && bytes.length > 0) bytes[index] = byte
        else if (kind === 'cut') bytes = bytes.subarray(0, index)
        else bytes = Buffer.concat([bytes.subarray(0, index), Buffer.of(byte), bytes.subarray(index)])
      }
      outcomeOf(bytes)
    }),
    { numRuns: 1_000 },
  )
})

test('a message with one field of its JSON replaced gives a message or a dead letter', () => {
  const odd = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom('constructor', '__proto__', 'toString', 'visit', 'page', -1, 0, 2, 1e300, 2 ** 53, null, [], {}),
  )
  fc.assert(
    fc.property(message, fc.nat(), odd, (sent, pick, value) => {
      const bytes = encode(sent)
      const end = 4 + bytes.readUInt32BE(0)
      const json = JSON.parse(bytes.toString('utf8', 4, end))
      const paths = pathsOf(json)
      replace(json, paths[pick % paths.length] ?? [], value)
      outcomeOf(framed(JSON.stringify(json), bytes.subarray(end)))
    }),
    { numRuns: 1_000 },
  )
})

test('any bytes and any JSON give a dead letter', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        fc.json().map((json) => framed(json)),
      ),
      (bytes) => {
        expect(outcomeOf(bytes)).toBeInstanceOf(CrawlError)
      },
    ),
    { numRuns: 1_000 },
  )
})

test('a length that its bytes do not have is refused, even when the JSON is whole', () => {
  fc.assert(
    fc.property(message, fc.nat({ max: 0xffffffff }), (sent, more) => {
      const bytes = encode(sent)
      const length = bytes.readUInt32BE(0)
      const claimed = Math.min(0xffffffff, bytes.length - 4 + 1 + more)
      bytes.writeUInt32BE(claimed, 0)
      expect([length, outcomeOf(bytes)]).toEqual([length, expect.any(CrawlError)])
    }),
    { numRuns: 200 },
  )
})

test('every message with another version is refused as such', () => {
  fc.assert(
    fc.property(message, fc.oneof(fc.integer(), fc.string(), fc.constant(null)), (sent, version) => {
      fc.pre(version !== 1)
      const bytes = encode(sent)
      const end = 4 + bytes.readUInt32BE(0)
      const json = { ...JSON.parse(bytes.toString('utf8', 4, end)), v: version }
      expect(outcomeOf(framed(JSON.stringify(json), bytes.subarray(end)))).toMatchObject({ code: 'ERR_MESSAGE_VERSION' })
    }),
    { numRuns: 300 },
  )
})

function framed(json: string, rest: Buffer = Buffer.alloc(0)): Buffer {
  const text = Buffer.from(json)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text, rest])
}

/** Every place in a JSON value, as the keys that lead there. */
function pathsOf(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [[...path, key], ...pathsOf(inner, [...path, key])])
}

function replace(root: unknown, path: readonly string[], value: unknown): void {
  const parent = path.slice(0, -1).reduce<unknown>((at, key) => Reflect.get(Object(at), key), root)
  const last = path.at(-1)
  if (last !== undefined) Reflect.set(Object(parent), last, value)
}
