import { addressGroup } from '@warren/web'
import { describe, expect, test } from 'vitest'

describe('addressGroup', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1/32'],
    ['0.0.0.0', '0.0.0.0/32'],
    ['::ffff:192.0.2.1', '192.0.2.1/32'], // RFC 4291 2.5.5.2
    ['::FFFF:c000:201', '192.0.2.1/32'],
    ['64:ff9b::192.0.2.1', '192.0.2.1/32'], // RFC 6052 2.1
    ['2002:c000:201::1', '192.0.2.1/32'], // RFC 3056 2
    ['::ffff:192.0.2.1%eth0', '192.0.2.1/32'],
  ])('%s is one server: %s', (address, group) => {
    expect(addressGroup(address)).toBe(group)
  })

  test.each([
    ['2001:db8:0:7::1', '2001:db8:0:7::/64'],
    ['2001:db8:0:7:ffff:ffff:ffff:ffff', '2001:db8:0:7::/64'],
    ['2001:0DB8::1', '2001:db8::/64'],
    ['2001:0:0:1::', '2001:0:0:1::/64'], // RFC 5952 4.2.3: the longest run is the one that is shortened
    ['0:0:0:1::1', '0:0:0:1::/64'],
    ['2001:0:0:0:1::', '2001::/64'],
    ['10::1', '10::/64'], // a group that ends in 0 is none of zeros
    ['::1', '::/64'],
    ['fe80::1%eth0', 'fe80::/64'], // RFC 4007 11
    ['64:ff9b:1::192.0.2.1', '64:ff9b:1::/64'], // RFC 8215: a network of its own translates it, to what is unknown
    ['2001:0:c000:201::1', '2001:0:c000:201::/64'], // RFC 4380: behind a Teredo server are many hosts
  ])('%s is in the network of one link: %s', (address, group) => {
    expect(addressGroup(address)).toBe(group)
  })

  test.each(['', 'localhost', '192.0.2', '192.0.2.1/32', '192.0.2.256', '2001:db8::/64', '[::1]', '%eth0'])('%j is no address', (text) => {
    expect(() => addressGroup(text)).toThrow(RangeError)
    expect(() => addressGroup(text)).toThrow(JSON.stringify(text))
  })
})
