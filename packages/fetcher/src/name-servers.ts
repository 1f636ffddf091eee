import { Resolver, lookup as systemLookup } from 'node:dns/promises'
import { attempt, type BreakerStep, CircuitBreaker, CircuitOpenError, type Clock, codeOf, withTimeout } from '@warren/async'

export interface Found {
  readonly addresses: readonly string[]
  readonly ttlMs: number
}
/** Finds the addresses of a name, IPv4 first. Errors: as node:dns, with `code`. */
export type Lookup = (name: string) => Promise<Found>

export interface NameServersOptions {
  /** `address:port` of each. Default: those of the system. */
  readonly servers?: readonly string[]
  /** How long an answer is waited for, the first time; each is asked twice. Default 2 s. */
  readonly timeoutMs?: number
  /** Who is asked when they do not know. Default: getaddrinfo. */
  readonly system?: Lookup
  /** They are no longer asked, are tried, or are asked again. */
  readonly onChange?: (step: BreakerStep) => void
  readonly clock?: Clock
  readonly random?: () => number
}

const MINUTE_MS = 60_000
const LOOPBACK_TTL_MS = 60 * MINUTE_MS
/** getaddrinfo tells no TTL. */
const SYSTEM_TTL_MS = 5 * MINUTE_MS
/** Source: RFC 8305, 3. */
const RESOLUTION_DELAY_MS = 50
/** A name server that is away costs each name 4 s and more, so that one name a minute is enough to see whether it is back. */
const BREAKER = { window: 20, failureShare: 0.5, openMs: 5_000, maxOpenMs: MINUTE_MS }
/** What speaks against a name server. That a name does not exist is an answer. */
const SERVER_FAILURES: ReadonlySet<unknown> = new Set(['ETIMEOUT', 'ECONNREFUSED', 'EREFUSED', 'ESERVFAIL'])

/**
 * Asks the name servers (which tell the TTL and cost no thread), then, for what they do not know, the system with its hosts file and
 * search domains. While half of what they are asked fails, the system alone is asked, without the wait for them.
 * Source: RFC 6761: `localhost` names are the loopback, `invalid` names do not exist; neither is asked for.
 */
export function nameLookup(options: NameServersOptions = {}): Lookup {
  const { servers, timeoutMs = 2_000, system = askSystem, onChange, clock, random } = options
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 })
  if (servers !== undefined) resolver.setServers(servers)
  const breaker = new CircuitBreaker({ ...BREAKER, isFailure: (error) => SERVER_FAILURES.has(codeOf(error)), clock, random })
  if (onChange !== undefined) breaker.onChange(onChange)
  return async (name) => {
    if (isIn(name, 'localhost')) return { addresses: ['127.0.0.1', '::1'], ttlMs: LOOPBACK_TTL_MS }
    if (isIn(name, 'invalid')) throw notFound(name)
    const found = await attempt(() => breaker.run(() => askServers(resolver, name)), asFailure)
    return found.ok ? found.value : system(name)
  }
}

/** What a lookup says of a name that has no address. */
export const notFound = (name: string): Error => Object.assign(new Error(`Cannot resolve ${name}: no such name`), { code: 'ENOTFOUND' })

async function askServers(resolver: Resolver, name: string): Promise<Found> {
  const v6 = resolver.resolve6(name, { ttl: true }).catch(() => [])
  const v4 = await attempt(() => resolver.resolve4(name, { ttl: true }), asFailure)
  // Many name servers answer for IPv6 late or never; with an IPv4 address at hand it is not worth waiting for.
  const second = v4.ok ? await withTimeout(RESOLUTION_DELAY_MS, () => v6).catch(() => []) : await v6
  const records = v4.ok ? [...v4.value, ...second] : second
  if (records.length === 0) throw v4.ok ? notFound(name) : v4.error
  return { addresses: records.map((record) => record.address), ttlMs: Math.min(...records.map((record) => record.ttl)) * 1_000 }
}

async function askSystem(name: string): Promise<Found> {
  const found = await systemLookup(name, { all: true, order: 'ipv4first' })
  return { addresses: found.map((record) => record.address), ttlMs: SYSTEM_TTL_MS }
}

/** A resolver's errors have a code; anything else is a bug. */
const asFailure = (error: unknown): Error | undefined =>
  error instanceof Error && (error instanceof CircuitOpenError || codeOf(error) !== undefined) ? error : undefined

const isIn = (name: string, zone: string): boolean => name === zone || name.endsWith(`.${zone}`)
