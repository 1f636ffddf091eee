import { impoliteness } from '@warren/coordinator'
import type { Frontier } from '@warren/frontier'
import { CrawlError } from '@warren/protocol'
import { type CanonicalUrl, type HostKey, hostKeyOf } from '@warren/web'
import { colorsOf } from './colors.ts'
import { argument, baseConfig } from './crawl-options.ts'
import { hostRows, queueRows, seconds } from './host-text.ts'
import { type Operator, type SourceOptions, warn } from './operator.ts'
import { showSections } from './sections.ts'
import { parseSeed } from './seeds.ts'
import { parseCount, parseDuration, showCount } from './units.ts'
import { version } from './version.ts'

/** URLs of a queue that are counted. */
const COUNT_LIMIT = 10_000
const HOST_FORMS = 'https://example.org, http://example.org:8080, any URL of it, or example.org for both http and https'

interface PaceOptions {
  readonly delay?: number
  readonly hostConcurrency?: number
  readonly reset?: true
}

/** The commands for single hosts, which hold for all crawls: host, pace, block, unblock, revive. */
export function addHostCommands({ add, withFrontier }: Operator): void {
  const onHost = (name: string, does: string) => add(name, does, { folder: true }).argument('<HOST>', HOST_FORMS)

  onHost('host', 'show a host: pace, breaker, robots.txt, address, and the crawls that have work for it')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExamples:\n  warren host example.org\n  warren host https://example.org/some/page --json')
    .action((text: string, options: SourceOptions & { json?: true }) =>
      withFrontier(options, async (frontier) => {
        const found = await knownHosts(frontier, text)
        if (options.json === true)
          return print(
            `${JSON.stringify(
              found.map(({ host, now, queued }) => ({ now, ...host, queued: Object.fromEntries(queued) })),
              null,
              2,
            )}\n`,
          )
        const colors = colorsOf(process.stdout)
        const sections = found.flatMap(({ host, now, queued }) => [
          { title: host.key, rows: hostRows(host, now, colors) },
          { title: 'Crawls that know it', rows: queueRows(host, queued, COUNT_LIMIT, now, colors) },
        ])
        print(showSections(sections, colors))
      }),
    )

  onHost('pace', "set the pace of a host, in place of every crawl's own")
    .option('--delay <D>', 'least time between two requests: 5s, 100ms', argument(parseDuration))
    .option('--host-concurrency <N>', 'requests in flight', argument(parseCount(1, 256)))
    .option('--reset', "back to each crawl's own")
    .addHelpText(
      'after',
      `
A longer Crawl-delay of its robots.txt still holds, and so do a crawl's limits by address. A visit under way is ended, so that the pace holds within a second.

Examples:
  warren pace example.org --delay 5s
  warren pace https://example.org --delay 200ms --host-concurrency 4
  warren pace example.org --reset`,
    )
    .action((text: string, options: SourceOptions & PaceOptions) => withFrontier(options, (frontier) => pace(frontier, text, options)))

  onHost('block', 'fetch nothing more of a host; what is queued of it is excluded')
    .requiredOption('--reason <TEXT>', 'why, for whoever asks later')
    .addHelpText('after', "\nExample:\n  warren block example.org --reason 'asked us to stop, 27 November'")
    .action((text: string, options: SourceOptions & { reason: string }) =>
      withFrontier(options, (frontier) => block(frontier, text, options.reason.trim())),
    )

  onHost('unblock', 'fetch a blocked host again; what was excluded for it is queued again in crawls that run')
    .addHelpText('after', '\nExample:\n  warren unblock example.org')
    .action((text: string, options: SourceOptions) =>
      withFrontier(options, async (frontier) => {
        for (const { host } of await knownHosts(frontier, text)) {
          const queued = await frontier.unblock(host.key)
          print(`${host.key} ${host.blocked === null ? 'was not blocked' : 'is no longer blocked'}, ${urls(queued)} queued again\n`)
        }
      }),
    )

  onHost('revive', 'forget the trouble of a host, also that crawls gave it up')
    .addHelpText(
      'after',
      `
Its breaker closes, and URLs that failed because it was given up are queued again in crawls that run.

Example:
  warren revive example.org`,
    )
    .action((text: string, options: SourceOptions) =>
      withFrontier(options, async (frontier) => {
        for (const { host } of await knownHosts(frontier, text)) {
          const queued = (await frontier.revive(host.key)) ?? 0
          const { count, code } = host.breaker
          const trouble = count === 0 ? 'had no trouble' : `starts anew after ${code}`
          print(`${host.key} ${trouble}, ${urls(queued)} queued again\n`)
        }
      }),
    )
}

const print = (text: string): void => void process.stdout.write(text)
const urls = (n: number): string => `${showCount(n)} ${n === 1 ? 'URL is' : 'URLs are'}`

/** The host keys that a text may mean: with a scheme one, without both. Errors: ERR_INPUT_INVALID. */
function hostKeysOf(text: string): HostKey[] {
  const url = parseSeed(text, 'host')
  const hasScheme = /^https?:/i.test(text.trim())
  if (hasScheme) return [hostKeyOf(url)]
  const other = `http:${url.slice('https:'.length)}` as CanonicalUrl
  return [hostKeyOf(url), hostKeyOf(other)]
}

type Known = NonNullable<Awaited<ReturnType<Frontier['host']>>>

/** Those of the hosts that anybody has met. Errors: ERR_INPUT_INVALID when there is none. */
async function knownHosts(frontier: Frontier, text: string): Promise<Known[]> {
  const keys = hostKeysOf(text)
  const found: Known[] = []
  for (const key of keys) {
    const known = await frontier.host(key, COUNT_LIMIT)
    if (known !== undefined) found.push(known)
  }
  if (found.length > 0) return found
  throw new CrawlError('ERR_INPUT_INVALID', `Cannot find host ${keys.join(' or ')}: no crawl has met it, and no operator has named it`)
}

async function pace(frontier: Frontier, text: string, { delay, hostConcurrency, reset }: PaceOptions): Promise<void> {
  const isSet = delay !== undefined || hostConcurrency !== undefined
  if (isSet === (reset === true))
    throw new CrawlError(
      'ERR_INPUT_INVALID',
      `Cannot set the pace of ${text}: give --delay or --host-concurrency or both, or --reset alone`,
    )
  for (const key of hostKeysOf(text)) {
    const held = (await frontier.host(key, 0))?.host
    const before = held?.pace ?? { delayMs: null, width: null }
    const next =
      reset === true ? { delayMs: null, width: null } : { delayMs: delay ?? before.delayMs, width: hostConcurrency ?? before.width }
    await frontier.setPace(key, next)
    const config = baseConfig(version)
    const told = { ...config, delayMs: next.delayMs ?? config.delayMs, hostConcurrency: next.width ?? config.hostConcurrency }
    for (const line of impoliteness(told)) warn(`Impolite, as asked for: ${key}: ${line}`)
    const crawlDelayMs = held?.crawlDelayMs ?? 0
    const longer = next.delayMs !== null && crawlDelayMs > next.delayMs ? `; its Crawl-delay of ${seconds(crawlDelayMs)} still holds` : ''
    print(`${key}: ${paceText(next)} (before: ${paceText(before)})${longer}\n`)
  }
}

function paceText({ delayMs, width }: { readonly delayMs: number | null; readonly width: number | null }): string {
  const parts = [...(delayMs === null ? [] : [`${seconds(delayMs)} between requests`]), ...(width === null ? [] : [`${width} at a time`])]
  return parts.length === 0 ? "each crawl's own pace" : parts.join(', ')
}

async function block(frontier: Frontier, text: string, reason: string): Promise<void> {
  if (reason === '') throw new CrawlError('ERR_INPUT_INVALID', `Cannot block ${text}: --reason is empty; say why, for whoever asks later`)
  for (const key of hostKeysOf(text)) {
    const held = await frontier.host(key, COUNT_LIMIT)
    await frontier.block(key, reason)
    const queued = [...(held?.queued.values() ?? [])].reduce((sum, n) => sum + n, 0)
    const left = queued === 0 ? 'nothing of it is queued' : `${queued >= COUNT_LIMIT ? 'at least ' : ''}${urls(queued)} excluded now`
    print(`${key} is blocked: ${left}${held?.host.visit ? '; the visit under way ends' : ''}\n`)
  }
}
