import { isIP } from 'node:net'
import {
  type CanonicalRule,
  type CrawlConfig,
  CrawlError,
  canonicalRule,
  defaultCrawlConfig,
  type ScopeKind,
  scopeKind,
} from '@warren/protocol'
import { compileAddressGuard, compileFilter, compilePriorities } from '@warren/web'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseBytes, parseCount, parseDuration } from './units.ts'

/** What the options of a crawl came to; undefined: not given, so that a resumed crawl keeps what it has. */
export interface CrawlOptions {
  readonly seeds: string[]
  readonly maxPages?: number
  readonly maxDepth?: number
  readonly depthOrder?: 'level' | 'loose'
  readonly maxTime?: number
  readonly maxBytes?: number
  readonly maxBody?: number
  readonly maxPagesPerHost?: number
  readonly maxBytesPerHost?: number
  readonly maxTimePerHost?: number
  readonly priority: CrawlConfig['priorities']
  readonly scope?: ScopeKind
  readonly include: string[]
  readonly exclude: string[]
  readonly canonical: CanonicalRule[]
  readonly delay?: number
  readonly hostConcurrency?: number
  readonly addressSlots?: number
  readonly addressSpacing?: number
  readonly recrawlEvery?: Interval
  readonly keepPasses?: number
  readonly allowAddress: string[]
  readonly resolve: Record<string, string>
  readonly contact?: string
  readonly giveUp?: number
  readonly userAgent?: string
}

/** Options of crawls that share a cluster. */
export interface ClusterOptions extends CrawlOptions {
  readonly weight?: number
  readonly retention?: number | 'never'
  readonly seedPriority?: number
}

/** How soon a URL may be asked for again, and how late it must be. */
interface Interval {
  readonly minMs: number
  readonly maxMs: number
}

/** Turns a parser that throws RangeError into one that commander reports with the option and the value. */
export const argument =
  <T>(parse: (text: string) => T) =>
  (text: string): T => {
    try {
      return parse(text)
    } catch (error) {
      if (error instanceof Error) throw new InvalidArgumentError(error.message)
      throw error
    }
  }

const collect =
  (parse: (text: string) => string) =>
  (text: string, held: string[]): string[] => [...held, argument(parse)(text)]

/** Adds the options that describe a crawl; `crawl` and `seed` share them. */
export function withCrawlOptions(command: Command): Command {
  return command
    .configureHelp({ optionDescription: ({ description }) => description }) // which names the default and the choices where there are any
    .optionsGroup('What to crawl:')
    .option('--seeds <FILE>', 'read seeds from FILE, one URL a line; - reads standard input; repeatable', collect(String), [])
    .addOption(
      new Option(
        '--scope <SCOPE>',
        'follow links on the same host, registrable domain, folder (prefix), or any (default host, that of each seed)',
      ).choices(scopeKind.options),
    )
    .option('--include <RE>', 'only URLs in which the RE2 expression RE is found; repeatable', collect(expression), [])
    .option('--exclude <RE>', 'no URL in which RE is found, seeds too; wins over --include; repeatable', collect(expression), [])
    .option(
      '--canonical <RULE>',
      `take URLs for one that differ by what RULE is about: ${canonicalRule.options.join(', ')}; repeatable`,
      canonicalRules,
      [],
    )
    .option(
      '--priority <RE=N>',
      'fetch URLs in which RE is found sooner: N from -100 to 100, 0 is usual; the first that matches; repeatable',
      priorities,
      [],
    )
    .optionsGroup('Limits:')
    .option('--max-pages <N>', 'exactly N URLs with an answer, if there are as many', argument(parseCount(1)))
    .option('--max-depth <N>', 'at most N links away from a seed (default 20)', argument(parseCount(0, 100_000)))
    .addOption(
      new Option(
        '--depth-order <ORDER>',
        'level: a depth waits for the one above it; loose: it does not (default level with --max-depth)',
      ).choices(['level', 'loose']),
    )
    .option('--max-time <D>', 'fetch for at most D: 30s, 10m, 2h', argument(positiveDuration))
    .option('--max-bytes <N>', 'stop taking URLs after N bytes of bodies: 500MB, 2GB', argument(parseBytes))
    .option('--max-pages-per-host <N>', 'at most N URLs with an answer of each host', argument(parseCount(1)))
    .option('--max-bytes-per-host <N>', 'stop taking URLs of a host after N bytes of bodies', argument(parseBytes))
    .option('--max-time-per-host <D>', 'visit each host for at most D', argument(positiveDuration))
    .option('--max-body <N>', 'cut a body after N bytes, decoded (default 10MiB)', argument(parseBytes))
    .optionsGroup('How politely:')
    .option('--delay <D>', 'least time between two requests to a host: 1s, 100ms, 0 (default 1s)', argument(parseDuration))
    .option('--host-concurrency <N>', 'requests in flight to one host (default 1)', argument(parseCount(1, 256)))
    .option(
      '--address-slots <N>',
      'hosts on one address that are visited at once, 0: any number (default 4; 0 with --delay 0)',
      argument(parseCount(0, 1_000)),
    )
    .option(
      '--address-spacing <D>',
      'time between two requests to one address, on average (default 250ms, or --delay where that is less)',
      argument(parseDuration),
    )
    .option('--contact <URL|MAIL>', 'how site owners reach you; sent with every request, needed for public addresses', argument(contact))
    .option('--user-agent <NAME/VERSION>', 'product to name instead of Warren; the contact is added', argument(product))
    .option('--give-up <D>', 'give up a host that gave no usable answer for D, and for some tries', argument(parseDuration))
    .optionsGroup('Passing again:')
    .option(
      '--recrawl-every <MIN..MAX>',
      'a later pass asks for a URL again after MIN if it changes, MAX if it does not, or D always (default 1h..30d)',
      argument(interval),
    )
    .option('--keep-passes <N>', 'keep the answers of the last N passes (default all)', argument(parseCount(1)))
    .optionsGroup('Network:')
    .option(
      '--allow-address <CIDR>',
      'also dial these addresses, which are not public: 127.0.0.1/32, 10.0.0.0/8; repeatable',
      collect(cidr),
      [],
    )
    .option('--resolve <HOST:ADDR>', 'dial ADDR for HOST instead of asking DNS; repeatable', resolution, {})
    .optionsGroup('Options:')
}

/** Adds the options that only crawls in a cluster have. */
export function withClusterOptions(command: Command): Command {
  return command
    .optionsGroup('In the cluster:')
    .option('--seed-priority <N>', 'priority of these seeds, from -100 to 100, whatever --priority says', argument(priority))
    .option('--weight <N>', 'share of the cluster among crawls that run: 2 gets twice as much as 1 (default 1)', argument(weight))
    .option(
      '--retention <D>',
      'delete the crawl so long after its end, unless it has a schedule; never keeps it (default never)',
      argument(retention),
    )
    .optionsGroup('Options:')
}

function canonicalRules(text: string, held: CanonicalRule[]): CanonicalRule[] {
  const rule = canonicalRule.options.find((name) => name === text)
  if (rule === undefined) throw new InvalidArgumentError(`choose of ${canonicalRule.options.join(', ')}; docs/urls.md has examples`)
  return [...held, rule]
}

/** A whole number from -100 to 100. Errors: RangeError. */
function priority(text: string): number {
  const n = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN
  if (!(n >= -100 && n <= 100)) throw new RangeError('write a whole number from -100 to 100')
  return n
}

/** `RE=N`; RE may hold `=` as well. */
function priorities(text: string, held: CrawlConfig['priorities']): CrawlConfig['priorities'] {
  return [
    ...held,
    argument((text) => {
      const at = text.lastIndexOf('=')
      if (at < 1) throw new RangeError("write an expression, = and a number: '/news/=10'")
      const rule = { match: text.slice(0, at), priority: priority(text.slice(at + 1)) }
      try {
        compilePriorities([rule])
      } catch (error) {
        throw new RangeError(`not an RE2 expression: ${error instanceof Error ? error.message : error}`)
      }
      return rule
    })(text),
  ]
}

function weight(text: string): number {
  const n = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (!(n >= 0.01 && n <= 100)) throw new RangeError('write a number from 0.01 to 100')
  return n
}

const retention = (text: string): number | 'never' => (text === 'never' ? text : positiveDuration(text))

function positiveDuration(text: string): number {
  const ms = parseDuration(text)
  if (ms === 0) throw new RangeError('write a time above 0: 30s, 10m, 2h')
  return ms
}

/** `1h..30d`, or one time for both. */
function interval(text: string): Interval {
  const [min = '', max = min, ...more] = text.split('..')
  const [minMs, maxMs] = [positiveDuration(min), positiveDuration(max)]
  if (more.length > 0 || minMs > maxMs) throw new RangeError('write the shortest and the longest time: 1h..30d, or one time: 1d')
  return { minMs, maxMs }
}

function expression(text: string): string {
  try {
    compileFilter({ include: [text], exclude: [] })
    return text
  } catch (error) {
    throw new RangeError(`not an RE2 expression: ${error instanceof Error ? error.message : error}`)
  }
}

function cidr(text: string): string {
  try {
    compileAddressGuard({ allow: [text], contact: false })
    return text
  } catch {
    throw new RangeError('write an address block: 127.0.0.1/32, 10.0.0.0/8, ::1/128')
  }
}

function resolution(text: string, held: Record<string, string>): Record<string, string> {
  const colon = text.indexOf(':')
  const host = text.slice(0, colon).toLowerCase()
  const address = text.slice(colon + 1).replace(/^\[|\]$/g, '')
  if (colon < 1 || isIP(address) === 0) throw new InvalidArgumentError('write a host name and an IP address: staging.example:127.0.0.1')
  return { ...held, [host]: address }
}

/** Errors: RangeError. */
export function contact(text: string): string {
  const trimmed = text.trim()
  if (/^[^\s@<>()]+@[^\s@<>()]+\.[^\s@<>()]+$/.test(trimmed) || /^https?:\/\/[^\s<>()]+$/.test(trimmed)) return trimmed
  throw new RangeError('write a mail address or a URL: you@example.org, https://example.org/bot')
}

function product(text: string): string {
  if (/^[A-Za-z_-]+\/[\w.+-]+$/.test(text)) return text
  throw new RangeError('write a name of letters, a slash and a version: MyBot/1.0')
}

/** The configuration of a crawl: `base` with the options that were given. */
export function applyOptions(base: CrawlConfig, options: ClusterOptions): CrawlConfig {
  const given = <K extends string, T>(key: K, value: T | undefined) => (value === undefined ? {} : ({ [key]: value } as Record<K, T>))
  const { recrawlEvery } = options
  return {
    ...base,
    ...given('scope', options.scope),
    ...(options.include.length > 0 ? { include: options.include } : {}),
    ...(options.exclude.length > 0 ? { exclude: options.exclude } : {}),
    ...(options.canonical.length > 0 ? { canonical: options.canonical } : {}),
    ...given('maxPages', options.maxPages),
    ...given('maxDepth', options.maxDepth),
    ...(options.maxDepth !== undefined || options.depthOrder !== undefined
      ? { depthByLevel: (options.depthOrder ?? 'level') === 'level' }
      : {}),
    ...given('maxTimeMs', options.maxTime),
    ...given('maxBytes', options.maxBytes),
    ...given('maxPagesPerHost', options.maxPagesPerHost),
    ...given('maxBytesPerHost', options.maxBytesPerHost),
    ...given('maxTimePerHostMs', options.maxTimePerHost),
    ...(options.priority.length > 0 ? { priorities: options.priority } : {}),
    ...given('weight', options.weight),
    ...given('delayMs', options.delay),
    ...given('hostConcurrency', options.hostConcurrency),
    ...addressLimits(base, options),
    ...(recrawlEvery === undefined ? {} : { recrawl: { ...base.recrawl, ...intervals(recrawlEvery, base.recrawl.firstIntervalMs) } }),
    ...given('keepPasses', options.keepPasses),
    ...given('retentionMs', options.retention === 'never' ? null : options.retention),
    ...(options.giveUp === undefined
      ? {}
      : {
          giveUp: {
            unreachable: { ...base.giveUp.unreachable, ms: options.giveUp },
            refusing: { ...base.giveUp.refusing, ms: options.giveUp },
          },
        }),
    fetch: {
      ...base.fetch,
      ...given('maxBodyBytes', options.maxBody),
      ...(options.allowAddress.length > 0 ? { allowAddresses: options.allowAddress } : {}),
      ...(Object.keys(options.resolve).length > 0 ? { resolve: options.resolve } : {}),
      ...(options.contact === undefined && options.userAgent === undefined
        ? {}
        : identity(options.contact ?? base.fetch.contact, options.userAgent ?? productOf(base.fetch.userAgent))),
    },
  }
}

const intervals = ({ minMs, maxMs }: Interval, firstMs: number) => ({
  firstIntervalMs: Math.min(maxMs, Math.max(minMs, firstMs)),
  minIntervalMs: minMs,
  maxIntervalMs: maxMs,
})

/**
 * A delay says how fast a host may be asked, and with it the address that it is alone on: one below the usual spacing of an address is the
 * spacing too, and 0 takes the limits off, unless they are given. A later delay brings them back.
 */
function addressLimits(base: CrawlConfig, { delay, addressSlots, addressSpacing }: CrawlOptions): Partial<CrawlConfig> {
  const usual = defaultCrawlConfig('')
  const byDelay =
    delay === undefined
      ? {}
      : delay === 0
        ? addressSpacing === undefined
          ? { addressSlots: 0 }
          : {}
        : {
            addressSlots: base.addressSlots === 0 ? usual.addressSlots : base.addressSlots,
            addressSpacingMs: Math.min(usual.addressSpacingMs, delay),
          }
  return {
    ...byDelay,
    ...(addressSlots === undefined ? {} : { addressSlots }),
    ...(addressSpacing === undefined ? {} : { addressSpacingMs: addressSpacing }),
  }
}

const identity = (contact: string | null, product: string) => ({
  contact,
  userAgent: contact === null ? product : `${product} (+${contact})`,
})
const productOf = (userAgent: string): string => userAgent.split(' ')[0] ?? userAgent

/** Defaults of a crawl by this build of Warren. */
export const baseConfig = (version: string): CrawlConfig => defaultCrawlConfig(`Warren/${version}`)

/** A changed scope, filter or spelling would make half of the crawl follow other rules than the rest. Errors: ERR_CRAWL_CONFLICT with both values. */
export function refuseChangedScope(
  held: { readonly [K in 'scope' | 'include' | 'exclude' | 'canonical']: Readonly<CrawlConfig[K]> },
  options: CrawlOptions,
  where: string,
  remedy = 'use another --out, or --again to crawl anew',
): void {
  const changed = (name: string, before: unknown, now: unknown) => {
    if (JSON.stringify(before) !== JSON.stringify(now))
      throw new CrawlError(
        'ERR_CRAWL_CONFLICT',
        `Cannot resume the crawl in ${where} with another ${name}: it has ${JSON.stringify(before)}, you asked for ${JSON.stringify(now)}; ${remedy}`,
      )
  }
  if (options.scope !== undefined) changed('--scope', held.scope, options.scope)
  if (options.include.length > 0) changed('--include', held.include, options.include)
  if (options.exclude.length > 0) changed('--exclude', held.exclude, options.exclude)
  if (options.canonical.length > 0) changed('--canonical', held.canonical, options.canonical)
}
