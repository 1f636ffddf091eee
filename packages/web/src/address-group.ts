import { addressBytes, embeddedIpv4 } from './address.ts'

/**
 * The group of hosts that share a server with `address`, as a CIDR block that Postgres takes and prints alike: the address itself for IPv4
 * (`192.0.2.1/32`), the /64 of one link for IPv6 (`2001:db8:0:7::/64`, RFC 4291 2.5.4). A v4-mapped, NAT64 or 6to4 address is in the group of
 * the IPv4 address that it wraps; a zone id is dropped. Equal groups are equal strings. Errors: RangeError for what is no address.
 */
export function addressGroup(address: string): string {
  const bytes = addressBytes(address)
  if (bytes === undefined) throw new RangeError(`Cannot group address: ${JSON.stringify(address)}`)
  const ipv4 = embeddedIpv4(bytes)
  if (ipv4 !== undefined) return `${ipv4.join('.')}/32`
  const groups = [0, 2, 4, 6].map((at) => (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16))
  // RFC 5952 4.2: the four groups of the interface are zero, so the run at the end is the longest whatever is before it
  return `${groups.join(':').replace(/(^|:)0(:0)*$/, '')}::/64`
}
