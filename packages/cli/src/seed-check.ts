import type { Waiting } from '@warren/async'
import { type CrawlConfig, CrawlError } from '@warren/protocol'
import { addressesOfSeeds, needContact } from './contact.ts'
import { applyOptions } from './crawl-options.ts'

/**
 * What can be known of the hosts of seeds before anything is fetched: names without an address, and whether a contact is needed, which is asked for.
 * Returns `config` with the contact.
 * Errors: ERR_CONTACT_MISSING, ERR_SEEDS_UNREACHABLE when no seed has an address. Cost: a DNS query per seed host, bounded.
 */
export async function checkSeeds(
  hosts: readonly string[],
  config: CrawlConfig,
  options: Waiting & { readonly warn: (line: string) => void },
): Promise<CrawlConfig> {
  const { unresolved, publicHost } = await addressesOfSeeds(hosts, config.fetch.resolve, options)
  // A name without an address now may be public in a moment, so the contact comes first.
  const contact = publicHost === undefined || config.fetch.contact !== null ? undefined : await needContact(publicHost, options)
  if (hosts.length > 0 && unresolved.length === hosts.length)
    throw new CrawlError(
      'ERR_SEEDS_UNREACHABLE',
      `Cannot fetch any seed: ${someOf(unresolved)} has no address; check the name, or give one with --resolve HOST:ADDR`,
    )
  if (unresolved.length > 0) options.warn(`No address now: ${someOf(unresolved)}; tried again during the crawl`)
  if (contact === undefined) return config
  return applyOptions(config, { seeds: [], include: [], exclude: [], canonical: [], priority: [], allowAddress: [], resolve: {}, contact })
}

const someOf = (names: readonly string[]): string =>
  `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`
