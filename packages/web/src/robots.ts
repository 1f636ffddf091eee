import { type RobotsLine, robotsLines, trim } from './robots-lines.ts'
import { compileRobotsPattern, type RobotsPath, type RobotsPattern, robotsPath } from './robots-pattern.ts'
import { combineUsage, parseContentUsage, type UsagePreferences } from './usage.ts'

/** What the rules say of one URL; `rule` and `line` (from 1) name the line that decided, absent when none matched. */
export interface RobotsVerdict {
  readonly allowed: boolean
  readonly rule?: string
  readonly line?: number
}

/** A parsed robots.txt. Immutable; what it works out for a product token it keeps. */
export interface Robots {
  /**
   * Whether the crawler named `productToken` (any case; a version behind `/` is ignored) may fetch `url` (absolute, or a path).
   * /robots.txt itself always may. Cost: O(rules of the group x URL) at worst, and never more than CHECK_LIMIT_CHARS.
   */
  check(productToken: string, url: string): RobotsVerdict
  /**
   * What the Content-Usage lines prefer to be done with the content of `url`; undefined when none of them is about it, or when it may not be
   * fetched at all. Cost: that of a check, twice. Source: draft-ietf-aipref-attach-05 3.
   */
  usage(productToken: string, url: string): UsagePreferences | undefined
  /** The longest Crawl-delay of the groups that apply, at most a day; undefined without one. Not in RFC 9309. */
  crawlDelayMs(productToken: string): number | undefined
  /** Values of Sitemap lines as written, each once, in order; they belong to no group. */
  readonly sitemaps: readonly string[]
}

/**
 * "ours": one look at a URL reads at most so many characters of paths, then it takes the strictest answer. Only wildcard rules read more than
 * their own length: 1 024 of them can be tried on the longest URL, all that a file has room for on one of 160 characters. That takes 0.2 s.
 */
const CHECK_LIMIT_CHARS = 8_388_608
const MAX_CRAWL_DELAY_MS = 86_400_000
const ALLOWED: RobotsVerdict = { allowed: true }
const TOO_COSTLY: RobotsVerdict = { allowed: false, rule: 'more wildcard rules than we are willing to try' }
/** That of a Content-Usage line without a path: shorter than any other. */
const EVERY_PATH: RobotsPattern = { octets: 0, wildcard: false, matches: () => true }

/** What a line says of the paths that its pattern matches. */
interface Rule<Meaning> {
  readonly pattern: RobotsPattern
  readonly meaning: Meaning
}

/** User-agent lines and the rules under them. A Crawl-delay holds for the names above it: the first `names` of the group. */
interface Group {
  names: number
  readonly rules: Rule<RobotsVerdict>[]
  readonly usages: Rule<UsagePreferences>[]
  readonly delays: { readonly names: number; readonly delayMs: number }[]
}

/** Where a name is first in a group, and at which place among the names there. */
interface Mention {
  readonly group: Group
  readonly place: number
}

/** All that applies to one name: its groups combined (RFC 9309 2.2.1), the rules in the order in which the first match decides. */
interface Policy {
  readonly rules: readonly Rule<RobotsVerdict>[]
  readonly usages: readonly Rule<UsagePreferences>[]
  readonly crawlDelayMs: number | undefined
}

/** Never throws: any bytes are a robots.txt, lines that cannot be read are ignored. Cost: linear in the bytes. Source: RFC 9309. */
export function parseRobots(bytes: Uint8Array): Robots {
  const mentions = new Map<string, Mention[]>()
  const sitemaps = new Set<string>()
  let group = emptyGroup() // rules before the first user-agent line are in a group that names nobody (RFC 9309 2.2.2)
  let ruled = false // the group has rules: the next user-agent line starts another one
  for (const line of robotsLines(bytes)) {
    switch (line.field) {
      case 'user-agent':
        if (ruled) group = emptyGroup()
        ruled = false
        mention(mentions, agentName(line.value), group)
        break
      case 'allow':
      case 'disallow': {
        ruled = true
        const rule = parseRule(line)
        if (rule !== undefined) group.rules.push(rule)
        break
      }
      case 'content-usage': {
        ruled = true
        const usage = parseUsageRule(line.value)
        if (usage !== undefined) group.usages.push(usage)
        break
      }
      case 'crawl-delay': {
        const delayMs = parseDelay(line.value)
        if (delayMs !== undefined) group.delays.push({ names: group.names, delayMs })
        break
      }
      case 'sitemap':
        if (line.value !== '') sitemaps.add(utf8(line.value))
        break
      default:
        line.field satisfies never
    }
  }
  return robotsOf(mentions, [...sitemaps])
}

function robotsOf(mentions: ReadonlyMap<string, readonly Mention[]>, sitemaps: readonly string[]): Robots {
  const policies = new Map<string, Policy>()
  const policyOf = (productToken: string): Policy => {
    const own = agentName(productToken)
    const name = mentions.has(own) ? own : '*' // RFC 9309 2.2.1: the group of that very name, else that of `*`, else no rules
    const policy = policies.get(name) ?? combine(mentions.get(name) ?? [])
    policies.set(name, policy)
    return policy
  }
  return {
    sitemaps,
    check: (productToken, url) => verdictOf(policyOf(productToken).rules, robotsPath(url)),
    usage(productToken, url) {
      const { rules, usages } = policyOf(productToken)
      const path = robotsPath(url)
      return usages.length > 0 && verdictOf(rules, path).allowed ? usageOf(usages, path) : undefined
    },
    crawlDelayMs: (productToken) => policyOf(productToken).crawlDelayMs,
  }
}

function verdictOf(rules: Policy['rules'], path: RobotsPath): RobotsVerdict {
  if (path.bare === '/robots.txt') return ALLOWED // RFC 9309 2.2.2
  for (const rule of matching(rules, path)) return rule?.meaning ?? TOO_COSTLY
  return ALLOWED
}

/** Of rules that are as specific as each other all count, unlike with allow (draft-ietf-aipref-attach-05 3.1). */
function usageOf(usages: Policy['usages'], path: RobotsPath): UsagePreferences | undefined {
  let found: Rule<UsagePreferences> | undefined
  for (const rule of matching(usages, path)) {
    if (rule === undefined) return usages.map(({ meaning }) => meaning).reduce(combineUsage)
    if (found !== undefined && rule.pattern.octets < found.pattern.octets) break
    found = { pattern: rule.pattern, meaning: combineUsage(found?.meaning ?? {}, rule.meaning) }
  }
  return found?.meaning
}

/** The rules that match `path`, in their order; undefined when it would cost too much to find the next. */
function* matching<Meaning>(rules: readonly Rule<Meaning>[], path: RobotsPath): Generator<Rule<Meaning> | undefined> {
  let budget = CHECK_LIMIT_CHARS
  for (const rule of rules) {
    if (rule.pattern.matches(path)) yield rule
    if (!rule.pattern.wildcard) continue
    budget -= path.bare.length
    if (budget < 0) return yield undefined
  }
}

/** RFC 9309 2.2.2: the match with the most octets decides, and allow among equals. */
function combine(mentions: readonly Mention[]): Policy {
  const rules = mentions.flatMap(({ group }) => group.rules)
  rules.sort((a, b) => b.pattern.octets - a.pattern.octets || Number(b.meaning.allowed) - Number(a.meaning.allowed))
  const usages = mentions.flatMap(({ group }) => group.usages)
  usages.sort((a, b) => b.pattern.octets - a.pattern.octets)
  let crawlDelayMs: number | undefined
  for (const { group, place } of mentions) {
    for (const { names, delayMs } of group.delays) if (place < names) crawlDelayMs = Math.max(delayMs, crawlDelayMs ?? 0)
  }
  return { rules, usages, crawlDelayMs }
}

const emptyGroup = (): Group => ({ names: 0, rules: [], usages: [], delays: [] })

function mention(mentions: Map<string, Mention[]>, name: string, group: Group): void {
  const place = group.names++
  if (name === '') return // a line that names nobody
  const known = mentions.get(name)
  if (known === undefined) mentions.set(name, [{ group, place }])
  else if (known.at(-1)?.group !== group) known.push({ group, place })
}

/** Undefined when it can match nothing; an empty pattern is such a rule: `Disallow:` allows everything (RFC 9309 2.2). */
function parseRule({ field, value, text, number }: RobotsLine): Rule<RobotsVerdict> | undefined {
  const pattern = compileRobotsPattern(value)
  return pattern && { pattern, meaning: { allowed: field === 'allow', rule: utf8(text), line: number } }
}

/** `[path] preferences`. What starts with `/` is a path and ends at the first white space (draft-ietf-aipref-attach-05 3.2). */
function parseUsageRule(value: string): Rule<UsagePreferences> | undefined {
  if (!value.startsWith('/')) return { pattern: EVERY_PATH, meaning: parseContentUsage(value) }
  const path = /^[^ \t]*/.exec(value)?.[0] ?? ''
  const pattern = compileRobotsPattern(path)
  return pattern && { pattern, meaning: parseContentUsage(trim(value.slice(path.length))) }
}

/**
 * The name a user-agent line or a crawler gives itself, in lower case: what stands before the first character that no name has.
 * "ours": RFC 9309 knows letters, `-` and `_` only; digits and dots are part of a name here, so that `MJ12bot` is not `MJ`.
 */
function agentName(value: string): string {
  if (/^\*(\s|$)/.test(value)) return '*'
  return /^[\w.-]*/.exec(value)?.[0].toLowerCase() ?? ''
}

/** Seconds, perhaps with a fraction; a unit behind the number is ignored, two dots make it none. */
function parseDelay(value: string): number | undefined {
  const seconds = Number(/^(\d+(\.\d*)?|\.\d+)(?![\d.])/.exec(value)?.[0])
  return Number.isNaN(seconds) ? undefined : Math.min(Math.ceil(seconds * 1_000), MAX_CRAWL_DELAY_MS)
}

const utf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8')
