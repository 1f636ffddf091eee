/** A block of the registries below and whether what is in it is one place of the public Internet. */
type Block = readonly [cidr: string, global: boolean]

/**
 * IANA IPv4 Special-Purpose Address Registry, column "Globally Reachable" (RFC 6890, RFC 8190), and multicast (RFC 5771).
 * 192.88.99.0/24 has no value there (deprecated 6to4 relays, RFC 7526): taken as not global.
 */
const IPV4_BLOCKS: readonly Block[] = [
  ['0.0.0.0/8', false], // this network
  ['10.0.0.0/8', false], // private use
  ['100.64.0.0/10', false], // shared address space, carrier NAT
  ['127.0.0.0/8', false], // loopback
  ['169.254.0.0/16', false], // link local, the metadata services of clouds among them
  ['172.16.0.0/12', false], // private use
  ['192.0.0.0/24', false], // IETF protocol assignments
  ['192.0.0.9/32', true], // port control protocol anycast
  ['192.0.0.10/32', true], // TURN anycast
  ['192.0.2.0/24', false], // documentation
  ['192.31.196.0/24', true], // AS112
  ['192.52.193.0/24', true], // AMT
  ['192.88.99.0/24', false], // 6to4 relays
  ['192.168.0.0/16', false], // private use
  ['192.175.48.0/24', true], // AS112
  ['198.18.0.0/15', false], // benchmarking
  ['198.51.100.0/24', false], // documentation
  ['203.0.113.0/24', false], // documentation
  ['224.0.0.0/4', false], // multicast
  ['240.0.0.0/4', false], // reserved, limited broadcast
]

/**
 * IANA IPv6 Special-Purpose Address Registry, and only 2000::/3 of the address space: nothing else is allocated as global unicast
 * (loopback, unique local, link local, site local, multicast, v4-compatible, SRv6, discard are all outside of it).
 * Blocks that embed an IPv4 address are judged before this table.
 */
const IPV6_BLOCKS: readonly Block[] = [
  ['::/0', false],
  ['2000::/3', true],
  ['2001::/23', false], // IETF protocol assignments, Teredo and benchmarking among them
  ['2001:1::1/128', true], // port control protocol anycast
  ['2001:1::2/128', true], // TURN anycast
  ['2001:1::3/128', true], // DNS-SD service registration anycast
  ['2001:3::/32', true], // AMT
  ['2001:4:112::/48', true], // AS112
  ['2001:20::/28', true], // ORCHIDv2
  ['2001:30::/28', true], // drone remote id
  ['2001:db8::/32', false], // documentation
  ['3fff::/20', false], // documentation
]

const OCTET = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4 = new RegExp(`^${OCTET}\\.${OCTET}\\.${OCTET}\\.${OCTET}$`)
const IPV6_CHARS = /^[0-9a-f:.]{2,45}$/i
/** A zone id names an interface of this machine: RFC 4007 11. */
const ZONE = /%.+$/

/** Bytes of a block's network and the length of its prefix in bits. */
interface Prefix {
  readonly bytes: readonly number[]
  readonly bits: number
}

/** The most specific block first, so that the first match decides. */
const compiled = (blocks: readonly Block[]) =>
  blocks.map(([cidr, global]) => ({ prefix: parsePrefix(cidr), global })).sort((a, b) => b.prefix.bits - a.prefix.bits)

const V4_MAPPED: Prefix = { bytes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0], bits: 96 } // RFC 4291 2.5.5.2
const IPV4_TABLE = compiled(IPV4_BLOCKS)
const IPV6_TABLE = compiled(IPV6_BLOCKS)
const NAT64 = parsePrefix('64:ff9b::/96')
const SIX_TO_FOUR = parsePrefix('2002::/16')
const TEREDO = parsePrefix('2001::/32')

/**
 * Whether `address` is globally reachable unicast, so that dialling it leaves the networks that are nobody's business of ours.
 * Takes what a socket reports: dotted IPv4, any IPv6 spelling, v4-mapped, with a zone id (`fe80::1%eth0`). NAT64 (64:ff9b::/96), 6to4 and
 * Teredo are as global as every IPv4 address in them; 64:ff9b:1::/48 is local by definition (RFC 8215). Anything that is not an address in
 * one of these forms is not global: short, octal and hexadecimal IPv4 mean different things to different readers.
 * Source: the IANA special-purpose address registries of 2025.
 */
export function isGlobalAddress(address: string): boolean {
  const bytes = addressBytes(address)
  return bytes !== undefined && isGlobal(bytes)
}

/** The 4 or 16 bytes of an address; a v4-mapped one gives its 4. Undefined for anything else. */
export function addressBytes(address: string): readonly number[] | undefined {
  const dotted = IPV4.exec(address)
  if (dotted !== null) return dotted.slice(1).map(Number)
  const bytes = ipv6Bytes(address.replace(ZONE, ''))
  return bytes !== undefined && inPrefix(bytes, V4_MAPPED) ? bytes.slice(12) : bytes
}

/** The URL parser reads every spelling and writes one: groups in hex, the longest run of zeros as `::`. */
function ipv6Bytes(address: string): readonly number[] | undefined {
  if (!IPV6_CHARS.test(address)) return undefined
  const canonical = URL.parse(`http://[${address}]/`)?.hostname.slice(1, -1)
  if (canonical === undefined) return undefined
  const [head, tail] = canonical.split('::', 2).map((part) => (part === '' ? [] : part.split(':')))
  const zeros = new Array<string>(8 - (head?.length ?? 0) - (tail?.length ?? 0)).fill('0')
  return [...(head ?? []), ...zeros, ...(tail ?? [])]
    .map((group) => Number.parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 0xff])
}

/** A CIDR block, or one address as the block of itself; a v4-mapped block becomes the IPv4 one. Errors: RangeError with the value. */
export function parsePrefix(cidr: string): Prefix {
  const [address = '', length, ...more] = cidr.split('/')
  const bytes = addressBytes(address)
  const mapped = bytes?.length === 4 && address.includes(':')
  if (bytes !== undefined && more.length === 0 && !address.includes('%')) {
    if (length === undefined) return { bytes, bits: bytes.length * 8 }
    const bits = Number(length) - (mapped ? 96 : 0)
    if (/^\d{1,3}$/.test(length) && bits >= 0 && bits <= bytes.length * 8) return { bytes, bits }
  }
  throw new RangeError(`Cannot read address block: ${JSON.stringify(cidr)}; write it like 10.0.0.0/8 or fd00::/8`)
}

/** Whether the first `prefix.bits` bits agree. IPv4 and IPv6 never agree. */
export function inPrefix(bytes: readonly number[], prefix: Prefix): boolean {
  if (bytes.length !== prefix.bytes.length) return false
  for (let bit = 0, at = 0; bit < prefix.bits; bit += 8, at++) {
    const mask = prefix.bits - bit >= 8 ? 0xff : (0xff00 >> (prefix.bits - bit)) & 0xff
    if (((bytes[at] ?? 0) ^ (prefix.bytes[at] ?? 0)) & mask) return false
  }
  return true
}

/** The 4 bytes that an address of `addressBytes` is or wraps, so that dialling it ends there: NAT64 and 6to4. Undefined for other IPv6. */
export function embeddedIpv4(bytes: readonly number[]): readonly number[] | undefined {
  if (bytes.length === 4) return bytes
  if (inPrefix(bytes, NAT64)) return bytes.slice(12) // RFC 6052 2.2
  if (inPrefix(bytes, SIX_TO_FOUR)) return bytes.slice(2, 6) // RFC 3056 2
  return undefined
}

function isGlobal(bytes: readonly number[]): boolean {
  // RFC 4380 4: the server as it is, the client with all bits flipped
  if (inPrefix(bytes, TEREDO)) return isGlobal(bytes.slice(4, 8)) && isGlobal(bytes.slice(12).map((byte) => byte ^ 0xff))
  const ipv4 = embeddedIpv4(bytes)
  const table = ipv4 === undefined ? IPV6_TABLE : IPV4_TABLE
  return table.find(({ prefix }) => inPrefix(ipv4 ?? bytes, prefix))?.global ?? true
}
