import { lookup } from 'node:dns/promises'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { CrawlError } from '@warren/protocol'
import { type CanonicalUrl, isGlobalAddress } from '@warren/web'
import envPaths from 'env-paths'
import { contact } from './crawl-options.ts'

/** Names looked up at once before a crawl; the guard at connect judges the rest. */
const SEED_HOSTS_CHECKED = 64

export interface SeedAddresses {
  /** Host names without any address. */
  readonly unresolved: readonly string[]
  /** The first host that is public, or cannot be proven not to be. */
  readonly publicHost: string | undefined
}

/** Where the seeds lead: `resolve` first, then literals, then DNS. */
export async function addressesOfSeeds(seeds: readonly CanonicalUrl[], resolve: Readonly<Record<string, string>>): Promise<SeedAddresses> {
  const hosts = [...new Set(seeds.map((seed) => new URL(seed).hostname.replace(/^\[|\]$/g, '')))]
  const checked = await Promise.all(
    hosts.slice(0, SEED_HOSTS_CHECKED).map(async (host) => {
      const fixed = resolve[host] ?? (isIP(host) > 0 ? host : undefined)
      const addresses =
        fixed !== undefined
          ? [fixed]
          : await lookup(host, { all: true }).then(
              (all) => all.map((entry) => entry.address),
              () => [],
            )
      return { host, addresses }
    }),
  )
  return {
    unresolved: checked.filter(({ addresses }) => addresses.length === 0).map(({ host }) => host),
    publicHost:
      hosts.length > SEED_HOSTS_CHECKED
        ? hosts[SEED_HOSTS_CHECKED]
        : checked.find(({ addresses }) => addresses.length === 0 || addresses.some(isGlobalAddress))?.host,
  }
}

const settingsFile = (): string => join(envPaths('warren', { suffix: '' }).config, 'settings.json')

async function remembered(): Promise<string | undefined> {
  try {
    const settings: unknown = JSON.parse(await readFile(settingsFile(), 'utf8'))
    return typeof settings === 'object' && settings !== null && 'contact' in settings && typeof settings.contact === 'string'
      ? contact(settings.contact)
      : undefined
  } catch {
    return undefined // none yet, or not readable: it is asked for again
  }
}

/**
 * The contact for a crawl that may dial `publicHost`: given, remembered, or asked for once on a terminal and remembered.
 * Errors: ERR_CONTACT_MISSING where nobody can be asked.
 */
export async function needContact(given: string | undefined, publicHost: string): Promise<string> {
  const held = given ?? (await remembered())
  if (held !== undefined) return held
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new CrawlError(
      'ERR_CONTACT_MISSING',
      `Cannot crawl ${publicHost} without a contact; add --contact you@example.org (or a URL), which site owners see in the User-Agent`,
    )
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    for (;;) {
      const answer = await terminal.question(
        `Site owners should be able to reach you. Your mail address or a URL, sent with every request: `,
      )
      try {
        const value = contact(answer)
        await mkdir(join(settingsFile(), '..'), { recursive: true })
        await writeFile(settingsFile(), `${JSON.stringify({ contact: value }, null, 2)}\n`, { mode: 0o600 })
        process.stderr.write(`Remembered in ${settingsFile()}.\n`)
        return value
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
        process.stderr.write(`Not usable: ${error.message}\n`)
      }
    }
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'AbortError')
      throw new CrawlError('ERR_CONTACT_MISSING', `Cannot crawl ${publicHost} without a contact`, { cause })
    throw cause
  } finally {
    terminal.close()
  }
}
