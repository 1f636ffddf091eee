/*
 * Mutants that these tests kill:
 * - address-group.ts: a zero group in the middle is shortened as well
 *     `(^|:)0(:0)*$/` => `(^|:)0(:0)*(?=$|:)/`
 * - address-group.ts: one zero group is dropped, not all of them
 *     `(:0)*$/` => `$/`
 * - address-group.ts: a group that ends in 0 loses it
 *     `/(^|:)0(:0)*$/` => `/:?0(:0)*$/`
 * - address-group.ts: the third group stands for the fourth
 *     `[0, 2, 4, 6]` => `[0, 2, 4, 4]`
 * - address-group.ts: the high byte of a group is lost
 *     `<< 8` => `<< 0`
 * - address.ts: NAT64 is a network like others
 *     `if (inPrefix(bytes, NAT64)) return bytes.slice(12)` => `if (bytes.length === 0) return bytes.slice(12)`
 * - address.ts: 6to4 has its address at the end
 *     `return bytes.slice(2, 6)` => `return bytes.slice(12)`
 */
import { addressGroup } from '@warren/web'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const word = fc.oneof(fc.constant(0), fc.constant(0), fc.constantFrom(1, 0x10, 0x100, 0xff00, 0xffff), fc.nat(0xffff))
const hex = (words: readonly number[]): string => words.map((n) => n.toString(16)).join(':')
/** The spelling that the URL Standard and RFC 5952 have for an IPv6 address. */
const canonical = (words: readonly number[]): string => new URL(`http://[${hex(words)}]/`).hostname.slice(1, -1)

test('an IPv6 address is in the block of its first 64 bits, in the one spelling that RFC 5952 gives it', () => {
  const network = fc.array(word, { minLength: 4, maxLength: 4 }).filter(([first, ...rest]) => {
    return first !== 0x2002 && !(first === 0x64 && rest[0] === 0xff9b) && (first !== 0 || rest.some((n) => n !== 0))
  })
  const link = fc.array(word, { minLength: 4, maxLength: 4 })
  fc.assert(
    fc.property(network, link, link, (network, one, other) => {
      const group = `${canonical([...network, 0, 0, 0, 0])}/64`
      for (const address of [
        hex([...network, ...one]),
        `${hex([...network, ...other]).toUpperCase()}%en0`,
        canonical([...network, ...one]),
      ])
        expect([address, addressGroup(address)]).toEqual([address, group])
    }),
    { numRuns: 2_000 },
  )
})

test('an IPv4 address is alone in its group, and its wrapped forms are with it', () => {
  fc.assert(
    fc.property(fc.ipV4(), word, (dotted, low) => {
      const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number)
      const words = hex([a * 256 + b, c * 256 + d])
      for (const form of [dotted, `::ffff:${dotted}`, `::ffff:${words}%en0`, `64:ff9b::${dotted}`, `2002:${words}::${low.toString(16)}`])
        expect([form, addressGroup(form)]).toEqual([form, `${dotted}/32`])
    }),
    { numRuns: 1_000 },
  )
})
