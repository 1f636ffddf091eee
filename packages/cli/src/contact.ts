import { lookup } from 'node:dns/promises'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { CancelScope, mapAll, type Waiting, withTimeout } from '@warren/async'
import { CrawlError } from '@warren/protocol'
import { isGlobalAddress } from '@warren/web'
import envPaths from 'env-paths'
import { contact } from './crawl-options.ts'
import { SEED_HOSTS_CHECKED } from './seeds.ts'

/** A resolver that does not answer by then is taken for one without an answer. */
const LOOKUP_MS = 10_000
const QUESTION = 'Site owners should be able to reach you. Your mail address or a URL, sent with every request: '

export interface SeedAddresses {
  /** Host names without any address. */
  readonly unresolved: readonly string[]
  /** The first host that is public, or cannot be proven not to be. */
  readonly publicHost: string | undefined
}

/** Where the hosts of seeds are: `resolve` first, then literals, then DNS. All are asked for at once, for a dead resolver takes its time. */
export async function addressesOfSeeds(
  hosts: readonly string[],
  resolve: Readonly<Record<string, string>>,
  { signal }: Waiting = {},
): Promise<SeedAddresses> {
  const lookUp = async (host: string, signal: AbortSignal) => {
    const fixed = resolve[host] ?? (isIP(host) > 0 ? host : undefined)
    return { host, addresses: fixed === undefined ? await addressesOf(host, signal) : [fixed] }
  }
  const checked = await mapAll(hosts.slice(0, SEED_HOSTS_CHECKED), SEED_HOSTS_CHECKED, lookUp, { signal })
  return {
    unresolved: checked.filter(({ addresses }) => addresses.length === 0).map(({ host }) => host),
    publicHost:
      hosts.length > SEED_HOSTS_CHECKED
        ? hosts[SEED_HOSTS_CHECKED]
        : checked.find(({ addresses }) => addresses.length === 0 || addresses.some(isGlobalAddress))?.host,
  }
}

/** The addresses of a name; none when there are none, or the resolver does not say. A lookup cannot be cancelled, only left behind. */
async function addressesOf(host: string, signal: AbortSignal): Promise<string[]> {
  try {
    const all = await withTimeout(LOOKUP_MS, () => lookup(host, { all: true }), { signal })
    return all.map((entry) => entry.address)
  } catch {
    signal.throwIfAborted()
    return []
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
 * The contact for a crawl that may dial `publicHost`: remembered, or asked for once on a terminal and remembered.
 * Errors: ERR_CONTACT_MISSING where nobody can be asked, or nobody answers (Ctrl-C, Ctrl-D).
 */
export async function needContact(publicHost: string, { signal }: Waiting = {}): Promise<string> {
  const held = await remembered()
  if (held !== undefined) return held
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw missing(publicHost)
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  using asking = new CancelScope({ signal })
  terminal.once('close', () => asking.cancel())
  try {
    for (;;) {
      const answer = await terminal.question(QUESTION, { signal: asking.signal })
      try {
        const value = contact(answer)
        await remember(value)
        return value
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
        process.stderr.write(`Not usable: ${error.message}\n`)
      }
    }
  } catch (cause) {
    signal?.throwIfAborted()
    if (!(cause instanceof Error && cause.name === 'AbortError')) throw cause
    process.stderr.write('\n') // the question's line is not ended
    throw missing(publicHost, cause)
  } finally {
    terminal.close()
  }
}

const missing = (publicHost: string, cause?: unknown): CrawlError =>
  new CrawlError(
    'ERR_CONTACT_MISSING',
    `Cannot crawl ${publicHost} without a contact; add --contact you@example.org (or a URL), which site owners see in the User-Agent`,
    { cause },
  )

/** A home that cannot be written costs the memory, not the crawl. */
async function remember(value: string): Promise<void> {
  const file = settingsFile()
  try {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, `${JSON.stringify({ contact: value }, null, 2)}\n`, { mode: 0o600 })
    process.stderr.write(`Remembered in ${file}\n`)
  } catch (error) {
    process.stderr.write(`Not remembered: ${error instanceof Error ? error.message : error}\n`)
  }
}
