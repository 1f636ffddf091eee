import { isIP } from 'node:net'
import { type CrawlConfig, CrawlError, defaultCrawlConfig, type ScopeKind, scopeKind } from '@warren/protocol'
import { compileAddressGuard, compileFilter } from '@warren/web'
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
  readonly scope?: ScopeKind
  readonly include: string[]
  readonly exclude: string[]
  readonly delay?: number
  readonly hostConcurrency?: number
  readonly allowAddress: string[]
  readonly resolve: Record<string, string>
  readonly contact?: string
  readonly giveUp?: number
  readonly userAgent?: string
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
    .optionsGroup('Limits:')
    .option('--max-pages <N>', 'exactly N URLs with an answer, if there are as many', argument(parseCount(1)))
    .option('--max-depth <N>', 'at most N links away from a seed (default 20)', argument(parseCount(0, 100_000)))
    .addOption(
      new Option(
        '--depth-order <ORDER>',
        'level: a depth waits for the one above it; loose: it does not (default level with --max-depth)',
      ).choices(['level', 'loose']),
    )
    .option('--max-time <D>', 'fetch for at most D: 30s, 10m, 2h', argument(parseDuration))
    .option('--max-bytes <N>', 'stop taking URLs after N bytes of bodies: 500MB, 2GB', argument(parseBytes))
    .option('--max-body <N>', 'cut a body after N bytes, decoded (default 10MiB)', argument(parseBytes))
    .optionsGroup('How politely:')
    .option('--delay <D>', 'least time between two requests to a host: 1s, 100ms, 0 (default 1s)', argument(parseDuration))
    .option('--host-concurrency <N>', 'requests in flight to one host (default 1)', argument(parseCount(1, 256)))
    .option('--contact <URL|MAIL>', 'how site owners reach you; sent with every request, needed for public addresses', argument(contact))
    .option('--user-agent <NAME/VERSION>', 'product to name instead of Warren; the contact is added', argument(product))
    .option('--give-up <D>', 'give up a host that gave no usable answer for D, and for some tries', argument(parseDuration))
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
export function applyOptions(base: CrawlConfig, options: CrawlOptions): CrawlConfig {
  const given = <K extends string, T>(key: K, value: T | undefined) => (value === undefined ? {} : ({ [key]: value } as Record<K, T>))
  return {
    ...base,
    ...given('scope', options.scope),
    ...(options.include.length > 0 ? { include: options.include } : {}),
    ...(options.exclude.length > 0 ? { exclude: options.exclude } : {}),
    ...given('maxPages', options.maxPages),
    ...given('maxDepth', options.maxDepth),
    ...(options.maxDepth !== undefined || options.depthOrder !== undefined
      ? { depthByLevel: (options.depthOrder ?? 'level') === 'level' }
      : {}),
    ...given('maxTimeMs', options.maxTime),
    ...given('maxBytes', options.maxBytes),
    ...given('delayMs', options.delay),
    ...given('hostConcurrency', options.hostConcurrency),
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

const identity = (contact: string | null, product: string) => ({
  contact,
  userAgent: contact === null ? product : `${product} (+${contact})`,
})
const productOf = (userAgent: string): string => userAgent.split(' ')[0] ?? userAgent

/** Defaults of a crawl by this build of Warren. */
export const baseConfig = (version: string): CrawlConfig => defaultCrawlConfig(`Warren/${version}`)

/** A changed scope or filter would make half of the crawl follow other rules than the rest. Errors: ERR_CRAWL_CONFLICT with both values. */
export function refuseChangedScope(
  held: Pick<CrawlConfig, 'scope' | 'include' | 'exclude'>,
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
}
