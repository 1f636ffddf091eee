/*
 * Mutants that these tests kill:
 * - address.ts: the last partial byte of a prefix is not compared
 *     `const mask = prefix.bits - bit >= 8 ? 0xff : (0xff00 >> (prefix.bits - bit)) & 0xff` => `const mask = prefix.bits - bit >= 8 ? 0xff : 0`
 * - address.ts: the least specific block decides
 *     `.sort((a, b) => b.prefix.bits - a.prefix.bits)` => `.sort((a, b) => a.prefix.bits - b.prefix.bits)`
 * - address.ts: a Teredo client is taken without its bits flipped
 *     `(byte) => byte ^ 0xff` => `(byte) => byte`
 * - address.ts: NAT64 is global whatever it embeds
 *     `  const table = ipv4 === undefined ?` => `  if (inPrefix(bytes, NAT64)) return true; const table = ipv4 === undefined ?`
 * - address.ts: v4-mapped stays IPv6
 *     `inPrefix(bytes, V4_MAPPED) ? bytes.slice(12) : bytes` => `inPrefix(bytes, V4_MAPPED) ? bytes : bytes`
 * - address.ts: 172.16.0.0/12 is a /16
 *     `'172.16.0.0/12'` => `'172.16.0.0/16'`
 * - address.ts: a zone is part of the address
 *     `ipv6Bytes(address.replace(ZONE, ''))` => `ipv6Bytes(address)`
 */
import { compileAddressGuard, isGlobalAddress } from '@warren/web'
import fc from 'fast-check'
import { expect, test } from 'vitest'

/** Start and end of what is not global, as numbers; from the registry, read a second time. */
const NOT_GLOBAL: readonly [string, string][] = [
  ['0.0.0.0', '0.255.255.255'],
  ['10.0.0.0', '10.255.255.255'],
  ['100.64.0.0', '100.127.255.255'],
  ['127.0.0.0', '127.255.255.255'],
  ['169.254.0.0', '169.254.255.255'],
  ['172.16.0.0', '172.31.255.255'],
  ['192.0.0.0', '192.0.0.8'],
  ['192.0.0.11', '192.0.0.255'],
  ['192.0.2.0', '192.0.2.255'],
  ['192.88.99.0', '192.88.99.255'],
  ['192.168.0.0', '192.168.255.255'],
  ['198.18.0.0', '198.19.255.255'],
  ['198.51.100.0', '198.51.100.255'],
  ['203.0.113.0', '203.0.113.255'],
  ['224.0.0.0', '255.255.255.255'],
]
const number = (dotted: string): number => dotted.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
const dotted = (n: number): string => [24, 16, 8, 0].map((shift) => Math.floor(n / 2 ** shift) % 256).join('.')
const words = (n: number): string => `${Math.floor(n / 65_536).toString(16)}:${(n % 65_536).toString(16)}`
const expected = (n: number): boolean => !NOT_GLOBAL.some(([first, last]) => number(first) <= n && n <= number(last))

/** Anywhere, but often near an edge of a block. */
const edges = NOT_GLOBAL.flatMap(([first, last]) => [number(first), number(last)])
const ipv4 = fc.oneof(
  fc.nat(0xffffffff),
  fc
    .tuple(fc.constantFrom(...edges), fc.integer({ min: -2, max: 2 }))
    .map(([edge, step]) => Math.min(0xffffffff, Math.max(0, edge + step))),
)

test('IPv4 addresses are global exactly outside of the registry', () => {
  fc.assert(
    fc.property(ipv4, (n) => {
      expect([dotted(n), isGlobalAddress(dotted(n))]).toEqual([dotted(n), expected(n)])
    }),
    { numRuns: 2_000 },
  )
})

test('the same address behind v4-mapped, NAT64, 6to4 and Teredo is as global as itself', () => {
  fc.assert(
    fc.property(ipv4, (n) => {
      const flipped = 0xffffffff - n
      const forms = [
        `::ffff:${dotted(n)}`,
        `::FFFF:${words(n)}`,
        `64:ff9b::${dotted(n)}`,
        `2002:${words(n)}::1`,
        `2001:0:${words(n)}:0:0:f7f7:f7f7`,
        `2001:0:808:808:0:0:${words(flipped)}`,
      ]
      for (const form of forms) expect([form, isGlobalAddress(form)]).toEqual([form, expected(n)])
    }),
    { numRuns: 1_000 },
  )
})

test('a guard allows exactly the addresses of its block', () => {
  fc.assert(
    fc.property(ipv4, fc.integer({ min: 0, max: 32 }), fc.nat(0xffffffff), (base, bits, other) => {
      const size = 2 ** (32 - bits)
      const near = Math.floor(base / size) * size + (other % size)
      const guard = compileAddressGuard({ allow: [`${dotted(base)}/${bits}`], contact: false })
      for (const n of [near, other, (base ^ 1) >>> 0, base])
        expect(guard(dotted(n)) === 'allowed').toBe(Math.floor(n / size) === Math.floor(base / size))
    }),
    { numRuns: 1_000 },
  )
})

test('all spellings of an IPv6 address are one address', () => {
  const group = fc.oneof(fc.constant(0), fc.nat(0xffff))
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), fc.nat(7), fc.nat(7), (groups, from, count) => {
      const hex = groups.map((n) => n.toString(16))
      const padded = hex
        .map((n) => n.padStart(4, '0'))
        .join(':')
        .toUpperCase()
      const last = (groups[6] ?? 0) * 65_536 + (groups[7] ?? 0)
      const spellings = [padded, hex.join(':'), `${hex.slice(0, 6).join(':')}:${dotted(last)}`, `${hex.join(':')}%eth0`]
      const zeros = groups.map((n, i) => (i >= from && i <= from + count ? 0 : n))
      const short = `${zeros
        .slice(0, from)
        .map((n) => n.toString(16))
        .join(':')}::${zeros
        .slice(from + count + 1)
        .map((n) => n.toString(16))
        .join(':')}`
      const isIt = compileAddressGuard({ allow: [hex.join(':')], contact: false })
      for (const spelling of spellings) expect([spelling, isIt(spelling)]).toEqual([spelling, 'allowed'])
      const isShort = compileAddressGuard({ allow: [short], contact: false })
      expect(isShort(zeros.map((n) => n.toString(16)).join(':'))).toBe('allowed')
      const other = groups.map((n, i) => (i === from ? n ^ 1 : n).toString(16)).join(':')
      expect(isIt(other)).not.toBe('allowed')
    }),
    { numRuns: 1_000 },
  )
})

test('any string is judged without an error', () => {
  const soup = fc.array(fc.constantFrom('0', '1', '255', 'f', '.', ':', '::', '%', '/', 'x', '0x', ' ')).map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(fc.string(), soup, fc.ipV6()), (text) => {
      expect(typeof isGlobalAddress(text)).toBe('boolean')
    }),
    { numRuns: 2_000 },
  )
})
