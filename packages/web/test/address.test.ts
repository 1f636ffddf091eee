import { compileAddressGuard, isGlobalAddress } from '@warren/web'
import { describe, expect, test } from 'vitest'

describe('IANA IPv4 Special-Purpose Address Registry', () => {
  test.each([
    ['0.0.0.0', '0.255.255.255', 'this network, RFC 791'],
    ['10.0.0.0', '10.255.255.255', 'private use, RFC 1918'],
    ['100.64.0.0', '100.127.255.255', 'shared address space, RFC 6598'],
    ['127.0.0.0', '127.255.255.255', 'loopback, RFC 1122'],
    ['169.254.0.0', '169.254.255.255', 'link local, RFC 3927'],
    ['172.16.0.0', '172.31.255.255', 'private use, RFC 1918'],
    ['192.0.0.0', '192.0.0.8', 'IETF protocol assignments, RFC 6890'],
    ['192.0.0.11', '192.0.0.255', 'IETF protocol assignments, RFC 6890'],
    ['192.0.2.0', '192.0.2.255', 'documentation, RFC 5737'],
    ['192.88.99.0', '192.88.99.255', '6to4 relay anycast, RFC 7526'],
    ['192.168.0.0', '192.168.255.255', 'private use, RFC 1918'],
    ['198.18.0.0', '198.19.255.255', 'benchmarking, RFC 2544'],
    ['198.51.100.0', '198.51.100.255', 'documentation, RFC 5737'],
    ['203.0.113.0', '203.0.113.255', 'documentation, RFC 5737'],
    ['224.0.0.0', '239.255.255.255', 'multicast, RFC 5771'],
    ['240.0.0.0', '255.255.255.255', 'reserved and limited broadcast, RFC 1112, RFC 8190'],
  ])('%s to %s are not global: %s', (first, last) => {
    expect([isGlobalAddress(first), isGlobalAddress(last)]).toEqual([false, false])
    const before = neighbour(first, -1)
    const behind = neighbour(last, 1)
    for (const address of [before, behind]) {
      if (address !== undefined && !['192.0.0.10', '223.255.255.255', '239.255.255.255', '240.0.0.0'].includes(address))
        expect(isGlobalAddress(address), address).toBe(true)
    }
  })

  test.each(['192.0.0.9', '192.0.0.10', '192.31.196.1', '192.52.193.1', '192.175.48.1', '8.8.8.8', '1.1.1.1', '223.255.255.255'])(
    '%s is global',
    (address) => {
      expect(isGlobalAddress(address)).toBe(true)
    },
  )

  test('the metadata service of clouds is not', () => {
    expect(isGlobalAddress('169.254.169.254')).toBe(false)
    expect(isGlobalAddress('fd00:ec2::254')).toBe(false)
  })
})

describe('IANA IPv6 Special-Purpose Address Registry', () => {
  test.each([
    ['::', 'unspecified, RFC 4291'],
    ['::1', 'loopback, RFC 4291'],
    ['::8.8.8.8', 'v4-compatible, deprecated by RFC 4291'],
    ['::ffff:0:8.8.8.8', 'v4-translated, RFC 2765'],
    ['64:ff9b:1::8.8.8.8', 'local-use translation, RFC 8215: not global whatever it embeds'],
    ['64:ff9b:1:a00:1::', 'local-use translation, RFC 8215'],
    ['64:ff9b:0:1::1', 'beside the translation prefix'],
    ['100::1', 'discard-only, RFC 6666'],
    ['100:0:0:1::1', 'dummy prefix, RFC 9780'],
    ['2001:2::1', 'benchmarking, RFC 5180'],
    ['2001:10::1', 'ORCHID, deprecated'],
    ['2001:1::4', 'IETF protocol assignments, RFC 2928'],
    ['2001:1ff::1', 'IETF protocol assignments, RFC 2928'],
    ['2001:db8::1', 'documentation, RFC 3849'],
    ['3fff:fff::1', 'documentation, RFC 9637'],
    ['4000::1', 'not allocated'],
    ['5f00::1', 'segment routing, RFC 9602'],
    ['fc00::1', 'unique local, RFC 4193'],
    ['fdff::1', 'unique local, RFC 4193'],
    ['fe80::1', 'link local, RFC 4291'],
    ['fe80::1%eth0', 'link local with its zone, RFC 4007'],
    ['febf::1', 'link local, RFC 4291'],
    ['fec0::1', 'site local, deprecated by RFC 3879'],
    ['ff02::1', 'multicast, RFC 4291'],
    ['ff0e::1', 'multicast with global scope: still no place to crawl'],
  ])('%s is not global: %s', (address) => {
    expect(isGlobalAddress(address)).toBe(false)
  })

  test.each([
    ['2606:4700:4700::1111', 'global unicast'],
    ['2606:4700:4700::1111%2', 'the same with a zone'],
    ['2606:4700:4700:0:0:0:0:1111', 'not compressed'],
    ['2606:4700:4700:0:0:0:17.17.17.17', 'with a dotted end'],
    ['2001:1::1', 'port control protocol anycast, RFC 7723'],
    ['2001:1::2', 'TURN anycast, RFC 8155'],
    ['2001:1::3', 'DNS-SD service registration anycast, RFC 9665'],
    ['2001:3::1', 'AMT, RFC 7450'],
    ['2001:4:112::1', 'AS112, RFC 7535'],
    ['2001:20::1', 'ORCHIDv2, RFC 7343'],
    ['2001:3f:ffff::1', 'drone remote id, RFC 9374'],
    ['2001:200::1', 'behind the protocol assignments'],
    ['2620:4f:8000::1', 'AS112, RFC 7534'],
    ['3ffe:ffff::1', 'before the documentation block'],
  ])('%s is global: %s', (address) => {
    expect(isGlobalAddress(address)).toBe(true)
  })
})

describe('an IPv4 address inside an IPv6 one is judged as itself', () => {
  test.each([
    ['::ffff:127.0.0.1', '::ffff:8.8.8.8', 'v4-mapped, RFC 4291'],
    ['::ffff:7f00:1', '::ffff:808:808', 'v4-mapped in hex'],
    ['0:0:0:0:0:FFFF:A9FE:A9FE', '0:0:0:0:0:FFFF:0808:0808', 'v4-mapped, not compressed'],
    ['64:ff9b::10.0.0.1', '64:ff9b::8.8.8.8', 'NAT64, RFC 6052'],
    ['2002:7f00:1::', '2002:808:808::1', '6to4, RFC 3056'],
    ['2002:c0a8:101::1', '2002:101:101::1', '6to4'],
    ['2001:0:808:808::f5ff:fffe', '2001:0:808:808::f7f7:f7f7', 'Teredo client, RFC 4380'],
    ['2001:0:a00:1::f7f7:f7f7', '2001:0:0808:0808:0:0:f7f7:f7f7', 'Teredo server'],
  ])('%s is not global, %s is: %s', (local, global) => {
    expect([isGlobalAddress(local), local]).toEqual([false, local])
    expect(isGlobalAddress(global)).toBe(true)
  })
})

test.each([
  '',
  ' ',
  'localhost',
  '8.8.8',
  '8',
  '134744072',
  '0x8.8.8.8',
  '010.8.8.8',
  '08.8.8.8',
  '8.8.8.8.',
  '8.8.8.8 ',
  '256.8.8.8',
  '[2606::1]',
  '2606::1::2',
  '2606::12345',
  '2606:1',
  '::ffff:8.8.8.8.8',
  '::ffff:010.8.8.8',
  '%eth0',
  '8.8.8.8%eth0',
  '2606::1/64',
])('%j is no address, so it is not global', (text) => {
  expect(isGlobalAddress(text)).toBe(false)
})

describe('address guard', () => {
  test('global addresses need a contact, others an entry in the allow list', () => {
    const [anonymous, named] = [compileAddressGuard({ allow: [], contact: false }), compileAddressGuard({ allow: [], contact: true })]
    expect([anonymous('8.8.8.8'), named('8.8.8.8')]).toEqual(['no-contact', 'allowed'])
    expect([anonymous('127.0.0.1'), named('127.0.0.1')]).toEqual(['private-address', 'private-address'])
    expect([anonymous('nonsense'), named('nonsense')]).toEqual(['private-address', 'private-address'])
  })

  test('the allow list goes first, with every spelling of its addresses', () => {
    const guard = compileAddressGuard({ allow: ['127.0.0.0/8', '::1', 'fd00:a::/32', '8.8.8.0/24'], contact: false })
    for (const address of [
      '127.0.0.1',
      '127.255.0.3',
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '::1',
      '0:0:0:0:0:0:0:1',
      'fd00:a:1::2',
      'FD00:A::',
      '8.8.8.8',
    ])
      expect([address, guard(address)]).toEqual([address, 'allowed'])
    for (const address of ['128.0.0.1', '10.0.0.1', '::2', 'fd00:b::1', '64:ff9b::127.0.0.1', '2002:7f00:1::'])
      expect(guard(address), address).not.toBe('allowed')
    expect(guard('8.8.9.1')).toBe('no-contact')
  })

  test('blocks may be of any length, and IPv4 ones may be written v4-mapped', () => {
    const guard = (block: string) => compileAddressGuard({ allow: [block], contact: false })
    expect(guard('0.0.0.0/0')('8.8.8.8')).toBe('allowed')
    expect(guard('0.0.0.0/0')('2606::1')).toBe('no-contact')
    expect(guard('::/0')('::1')).toBe('allowed')
    expect(guard('::/0')('127.0.0.1')).toBe('private-address')
    expect([guard('10.1.2.128/25')('10.1.2.127'), guard('10.1.2.128/25')('10.1.2.128')]).toEqual(['private-address', 'allowed'])
    expect([guard('::ffff:10.0.0.0/104')('10.9.9.9'), guard('::ffff:10.0.0.0/104')('11.0.0.1')]).toEqual(['allowed', 'no-contact'])
  })

  test.each([
    '',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10/8',
    '::/129',
    'localhost',
    'fe80::1%eth0/64',
    '::ffff:10.0.0.0/8',
    '10.0.0.0/8.5',
  ])('RangeError names the entry %j', (block) => {
    expect(() => compileAddressGuard({ allow: [block], contact: true })).toThrow(RangeError)
    expect(() => compileAddressGuard({ allow: [block], contact: true })).toThrow(JSON.stringify(block))
  })
})

/** The address `step` behind a dotted one; undefined beyond the ends. */
function neighbour(address: string, step: number): string | undefined {
  const value = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) + step
  if (value < 0 || value > 0xffffffff) return undefined
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')
}
