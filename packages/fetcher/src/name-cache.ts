import { Resolver, lookup as systemLookup } from 'node:dns/promises'
import { type Clock, sleep, systemClock } from '@warren/async'

export interface Found {
  readonly addresses: readonly string[]
  readonly ttlMs: number
}
/** Finds the addresses of a name, IPv4 first. Errors: as node:dns, with `code`. */
export type Lookup = (name: string) => Promise<Found>

export interface NameCacheStats {
  hits: number
  misses: number
  /** Hits on a name that is known not to exist. */
  negative: number
}

const MINUTE_MS = 60_000
const MIN_TTL_MS = MINUTE_MS
const MAX_TTL_MS = 60 * MINUTE_MS
const NEGATIVE_MS = MINUTE_MS
const NOT_FOUND: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME'])

type Entry = { readonly addresses: readonly string[]; readonly until: number } | { readonly error: Error; readonly until: number }

/**
 * Addresses of names, remembered for their TTL within 1 to 60 minutes; a name that does not exist, for one minute. A resolver that
 * failed is asked again. Bounded: the name used longest ago goes first. Several who ask for one name at once share one lookup.
 */
export class NameCache {
  readonly stats: NameCacheStats = { hits: 0, misses: 0, negative: 0 }
  readonly #lookup: Lookup
  readonly #maxNames: number
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry>()
  readonly #asking = new Map<string, Promise<readonly string[]>>()

  constructor({ maxNames, lookup = lookupName, clock = systemClock }: { maxNames: number; lookup?: Lookup; clock?: Clock }) {
    this.#maxNames = maxNames
    this.#lookup = lookup
    this.#clock = clock
  }

  get names(): number {
    return this.#entries.size
  }

  /** Errors: the lookup's, with `code`. Cancel safety: none needed; a lookup that nobody waits for any more fills the cache. */
  async addressesOf(name: string): Promise<readonly string[]> {
    const entry = this.#entries.get(name)
    if (entry !== undefined) {
      this.#entries.delete(name) // to the end: used last
      if (entry.until > this.#clock.now()) {
        this.#entries.set(name, entry)
        if ('error' in entry) {
          this.stats.negative++
          throw entry.error
        }
        this.stats.hits++
        return entry.addresses
      }
    }
    let asking = this.#asking.get(name)
    if (asking === undefined) {
      this.stats.misses++
      asking = this.#ask(name).finally(() => this.#asking.delete(name))
      this.#asking.set(name, asking)
    }
    return asking
  }

  async #ask(name: string): Promise<readonly string[]> {
    try {
      const { addresses, ttlMs } = await this.#lookup(name)
      if (addresses.length === 0) throw notFound(name)
      this.#keep(name, { addresses, until: this.#clock.now() + Math.min(MAX_TTL_MS, Math.max(MIN_TTL_MS, ttlMs)) })
      return addresses
    } catch (error) {
      if (error instanceof Error && 'code' in error && NOT_FOUND.has(error.code))
        this.#keep(name, { error, until: this.#clock.now() + NEGATIVE_MS })
      throw error
    }
  }

  #keep(name: string, entry: Entry): void {
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    if (this.#entries.size <= this.#maxNames) return
    const oldest = this.#entries.keys().next()
    if (!oldest.done) this.#entries.delete(oldest.value)
  }
}

/** getaddrinfo tells no TTL. */
const SYSTEM_TTL_MS = 5 * MINUTE_MS
/** Source: RFC 8305, 3. */
const RESOLUTION_DELAY_MS = 50

/**
 * Asks the name servers (which tell the TTL and cost no thread), then, for what they do not know, the system with its hosts file and
 * search domains. Source: RFC 6761: `localhost` names are the loopback, `invalid` names do not exist; neither is asked for.
 */
export async function lookupName(name: string): Promise<Found> {
  if (isIn(name, 'localhost')) return { addresses: ['127.0.0.1', '::1'], ttlMs: MAX_TTL_MS }
  if (isIn(name, 'invalid')) throw notFound(name)
  nameServers ??= new Resolver({ timeout: 2_000, tries: 2 })
  const v6 = nameServers.resolve6(name, { ttl: true }).catch(() => [])
  const v4 = await nameServers.resolve4(name, { ttl: true }).catch(() => [])
  // Many name servers answer for IPv6 late or never; with an IPv4 address at hand it is not worth waiting for.
  const records = [...v4, ...(v4.length === 0 ? await v6 : await Promise.race([v6, sleep(RESOLUTION_DELAY_MS).then(() => [])]))]
  if (records.length > 0)
    return { addresses: records.map((record) => record.address), ttlMs: Math.min(...records.map((record) => record.ttl)) * 1_000 }
  const found = await systemLookup(name, { all: true, order: 'ipv4first' })
  return { addresses: found.map((record) => record.address), ttlMs: SYSTEM_TTL_MS }
}
let nameServers: Resolver | undefined

const isIn = (name: string, zone: string): boolean => name === zone || name.endsWith(`.${zone}`)

const notFound = (name: string): Error => Object.assign(new Error(`Cannot resolve ${name}: no such name`), { code: 'ENOTFOUND' })
