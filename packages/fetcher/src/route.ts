import { isIP } from 'node:net'
import type { FetchPolicy, FetchResult } from '@warren/protocol'
import { compileAddressGuard, addressGroup as groupOf } from '@warren/web'
import { type Failure, failureOf } from './failure.ts'
import type { NameCache } from './name-cache.ts'

type Unanswered = Exclude<FetchResult, { kind: 'answer' }>

/** No connection, with the outcome that says why. Never has a code of undici's, which would make undici try again. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError'
  readonly result: Unanswered
  /** False: the failure table lacks what was met. */
  readonly known: boolean

  constructor(result: Unanswered, known = true, options?: ErrorOptions) {
    super(result.kind === 'denied' ? `Cannot dial ${result.address}: ${result.by}` : result.detail, options)
    this.result = result
    this.known = known
  }
}

/** No connection, and no word on the URL: the host's name leads to no address of the group whose slot the visit holds. */
export class ElsewhereError extends Error {
  override readonly name = 'ElsewhereError'
}

/** Where a host's name leads a visit. */
export interface Route {
  /** Those that may be dialled, one to four, IPv4 first. */
  readonly addresses: readonly string[]
  /** Another group that may be tried when none of them can be connected to; undefined: there is none. */
  readonly otherGroup: string | undefined
}

export interface RouteOptions {
  readonly policy: Pick<FetchPolicy, 'allowAddresses' | 'contact' | 'resolve' | 'connectMs'>
  readonly names: NameCache
  /** The only one that may be dialled; null: any may. */
  readonly addressGroup: string | null
  /** Hears where the name leads: the group of the first address that may be dialled, else of the first that the guard passes, else of the first. */
  readonly onGroup: (addressGroup: string) => void
  /** Whether a whole host waits. */
  readonly isUrgent: () => boolean
  /** Aborts when nobody wants a connection any more. */
  readonly signal: AbortSignal
}

/** Addresses of one name that are tried, at most. */
const MAX_ADDRESSES = 4

/**
 * Finds the addresses of a host that a visit may dial: from the policy's map, the URL itself or the name cache, past the guard, in the
 * visit's address group. The guard comes first: where it refuses all addresses, the group does not matter.
 * Errors: ConnectError; ElsewhereError.
 */
export function routeUnder({ policy, names, addressGroup, onGroup, isUrgent, signal }: RouteOptions) {
  const guard = compileAddressGuard({ allow: policy.allowAddresses, contact: policy.contact !== null })
  const fixed = fixedAddresses(policy.resolve)

  /** `limit` aborts when the time to connect is over, or with `signal`. */
  async function route(hostname: string, limit: AbortSignal): Promise<Route> {
    const found = await addressesOf(plain(hostname), limit)
    const passed = found.filter((address) => guard(address) === 'allowed')
    const usable = addressGroup === null ? passed : passed.filter((address) => groupOf(address) === addressGroup)
    const first = usable[0] ?? passed[0] ?? found[0] ?? ''
    if (isIP(first) !== 0) onGroup(groupOf(first))
    if (usable.length > 0) return { addresses: usable.slice(0, MAX_ADDRESSES), otherGroup: after(usable, passed) }
    const verdict = guard(first)
    throw verdict === 'allowed' ? new ElsewhereError() : new ConnectError({ kind: 'denied', by: verdict, address: first })
  }

  async function addressesOf(name: string, limit: AbortSignal): Promise<readonly string[]> {
    const address = fixed.get(name)
    if (address !== undefined) {
      if (isIP(address) === 0) throw unresolved(`resolve gives ${name} the address ${address}, which is none`)
      return [address]
    }
    if (isIP(name) !== 0) return [name]
    try {
      return await names.addressesOf(name, { signal: limit, urgent: isUrgent() })
    } catch (error) {
      if (signal.aborted) throw givenUp()
      throw limit.aborted ? unresolved(`no answer within ${policy.connectMs} ms`) : failed(failureOf(error, 'resolve'), error)
    }
  }

  return { guard, route }
}

/** The group of the first address behind those of one group, in a circle, so that in time every group has its turn. */
function after(usable: readonly string[], passed: readonly string[]): string | undefined {
  const at = passed.indexOf(usable[0] ?? '')
  const other = [...passed.slice(at), ...passed.slice(0, at)].find((address) => !usable.includes(address))
  return other === undefined ? undefined : groupOf(other)
}

/** A host name as it is looked up: lower case, without the dot at its end and the brackets of an IPv6 address. */
export const plain = (hostname: string): string =>
  hostname
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.+$/, '')
    .toLowerCase()

/** `{ 'staging.example': '127.0.0.1' }` however the operator spelled the names. */
const fixedAddresses = (resolve: Readonly<Record<string, string>>): ReadonlyMap<string, string> =>
  new Map(Object.entries(resolve).map(([name, address]) => [plain(name), address.replace(/^\[(.*)\]$/, '$1')]))

export const failed = ({ code, detail, known }: Failure, cause?: unknown): ConnectError =>
  new ConnectError({ kind: 'unreachable', code, detail }, known, { cause })
export const givenUp = (): ConnectError => failed({ code: 'connect-failed', detail: 'given up', known: true })
const unresolved = (detail: string): ConnectError => failed({ code: 'dns-failed', detail, known: true })
