import { type CrawlConfig, CrawlError } from '@warren/protocol'
import type { CanonicalUrl } from '@warren/web'
import { addressesOfSeeds, needContact } from './contact.ts'
import { applyOptions } from './crawl-options.ts'

/**
 * What can be known of the seeds before anything is fetched: names without an address, and whether a contact is needed, which is asked for.
 * Returns `config` with the contact.
 * Errors: ERR_CONTACT_MISSING, ERR_SEEDS_UNREACHABLE when no seed has an address. Cost: a DNS query per seed host, bounded.
 */
export async function checkSeeds(
  seeds: readonly CanonicalUrl[],
  config: CrawlConfig,
  options: { readonly warn: (line: string) => void; readonly signal?: AbortSignal },
): Promise<CrawlConfig> {
  const { unresolved, publicHost, hosts } = await addressesOfSeeds(seeds, config.fetch.resolve, options)
  // A name without an address now may be public in a moment, so the contact comes first.
  const contact = publicHost === undefined || config.fetch.contact !== null ? undefined : await needContact(publicHost, options)
  if (hosts > 0 && unresolved.length === hosts)
    throw new CrawlError(
      'ERR_SEEDS_UNREACHABLE',
      `Cannot fetch any seed: ${someOf(unresolved)} has no address; check the name, or give one with --resolve HOST:ADDR`,
    )
  if (unresolved.length > 0) options.warn(`No address now: ${someOf(unresolved)}; tried again during the crawl`)
  if (contact === undefined) return config
  return applyOptions(config, { seeds: [], include: [], exclude: [], allowAddress: [], resolve: {}, contact })
}

const someOf = (names: readonly string[]): string =>
  `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`
