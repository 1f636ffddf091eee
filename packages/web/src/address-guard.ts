import { addressBytes, inPrefix, isGlobalAddress, parsePrefix } from './address.ts'

/** What the guard says of an address that is about to be dialled. */
export type AddressVerdict = 'allowed' | 'private-address' | 'no-contact'

/**
 * The test that stands between a resolved address and the socket: an address of the allow list may be dialled whatever it is, one that is
 * not globally reachable is never, and a global one only by a crawl that names a contact. What is no address is `private-address`.
 * An IPv4 block holds the v4-mapped form of its addresses too, but not those that NAT64, 6to4 or Teredo wrap.
 * Errors: RangeError for an allow entry that is no CIDR block.
 */
export function compileAddressGuard(options: { allow: readonly string[]; contact: boolean }): (address: string) => AddressVerdict {
  const allowed = options.allow.map(parsePrefix)
  return (address) => {
    const bytes = addressBytes(address)
    if (bytes !== undefined && allowed.some((prefix) => inPrefix(bytes, prefix))) return 'allowed'
    if (!isGlobalAddress(address)) return 'private-address'
    return options.contact ? 'allowed' : 'no-contact'
  }
}
