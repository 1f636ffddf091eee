import { compileRobotsPattern, type RobotsPath, type RobotsPattern, robotsPath } from './robots-pattern.ts'

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
  /** The longest Crawl-delay of the groups that apply, at most a day; undefined without one. Not in RFC 9309. */
  crawlDelayMs(productToken: string): number | undefined
  /** Values of Sitemap lines as written, each once, in order; they belong to no group. */
  readonly sitemaps: readonly string[]
}

/** RFC 9309 2.5 asks for at least 500 KiB (512 000 bytes). What is behind is ignored, and so is a line that the limit cuts. */
export const ROBOTS_LIMIT_BYTES = 524_288

/**
 * "ours": a check reads at most so many characters of paths, then it says no. Only wildcard rules read more than their own length; a file of
 * 46 000 of them, made for the purpose, costs 1.5 s a URL without this and about 0.1 s with it; for a URL of 200 characters it is 160 000 rules.
 */
const CHECK_LIMIT_CHARS = 33_554_432
const MAX_CRAWL_DELAY_MS = 86_400_000
const ALLOWED: RobotsVerdict = { allowed: true }
const TOO_COSTLY: RobotsVerdict = { allowed: false, rule: 'more wildcard rules than we are willing to try' }

interface Rule {
  readonly pattern: RobotsPattern
  readonly verdict: RobotsVerdict
}

/** User-agent lines and the rules under them. A Crawl-delay holds for the names above it: the first `names` of the group. */
interface Group {
  names: number
  readonly rules: Rule[]
  readonly delays: { readonly names: number; readonly delayMs: number }[]
}

/** Where a name is first in a group, and at which place among the names there. */
interface Mention {
  readonly group: Group
  readonly place: number
}

/** All that applies to one name: its groups combined (RFC 9309 2.2.1), the rules in the order in which the first match decides. */
interface Policy {
  readonly rules: readonly Rule[]
  readonly crawlDelayMs: number | undefined
}

type Field = 'user-agent' | 'allow' | 'disallow' | 'crawl-delay' | 'sitemap'

/** The lines we know, with common misspellings: "ours" for the rules; for other records RFC 9309 2.2.4 suggests it. */
const FIELDS: Readonly<Record<string, Field>> = {
  'user-agent': 'user-agent',
  useragent: 'user-agent',
  'user agent': 'user-agent',
  allow: 'allow',
  disallow: 'disallow',
  dissallow: 'disallow',
  dissalow: 'disallow',
  disalow: 'disallow',
  diasllow: 'disallow',
  disallaw: 'disallow',
  'crawl-delay': 'crawl-delay',
  crawldelay: 'crawl-delay',
  'crawl delay': 'crawl-delay',
  sitemap: 'sitemap',
  'site-map': 'sitemap',
}

/** Never throws: any bytes are a robots.txt, lines that cannot be read are ignored. Cost: linear in the bytes. Source: RFC 9309. */
export function parseRobots(bytes: Uint8Array): Robots {
  const mentions = new Map<string, Mention[]>()
  const sitemaps = new Set<string>()
  let group = emptyGroup() // rules before the first user-agent line are in a group that names nobody (RFC 9309 2.2.2)
  let ruled = false // the group has rules: the next user-agent line starts another one
  let number = 0
  for (const text of lines(bytes)) {
    number++
    const line = parseLine(text)
    if (line === undefined) continue
    switch (line.field) {
      case 'user-agent':
        if (ruled) group = emptyGroup()
        ruled = false
        mention(mentions, agentName(line.value), group)
        break
      case 'allow':
      case 'disallow': {
        ruled = true
        const rule = parseRule(line.field, line.value, text, number)
        if (rule !== undefined) group.rules.push(rule)
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
    check(productToken, url) {
      const path = robotsPath(url)
      return path.bare === '/robots.txt' ? ALLOWED : verdictOf(policyOf(productToken).rules, path)
    },
    crawlDelayMs: (productToken) => policyOf(productToken).crawlDelayMs,
  }
}

function verdictOf(rules: readonly Rule[], path: RobotsPath): RobotsVerdict {
  let budget = CHECK_LIMIT_CHARS
  for (const { pattern, verdict } of rules) {
    if (pattern.matches(path)) return verdict
    if (!pattern.wildcard) continue
    budget -= path.bare.length + path.escaped.length
    if (budget < 0) return TOO_COSTLY
  }
  return ALLOWED
}

/** RFC 9309 2.2.2: the match with the most octets decides, and allow among equals. */
function combine(mentions: readonly Mention[]): Policy {
  const rules = mentions.flatMap(({ group }) => group.rules)
  rules.sort((a, b) => b.pattern.octets - a.pattern.octets || Number(b.verdict.allowed) - Number(a.verdict.allowed))
  let crawlDelayMs: number | undefined
  for (const { group, place } of mentions) {
    for (const { names, delayMs } of group.delays) if (place < names) crawlDelayMs = Math.max(delayMs, crawlDelayMs ?? 0)
  }
  return { rules, crawlDelayMs }
}

const emptyGroup = (): Group => ({ names: 0, rules: [], delays: [] })

function mention(mentions: Map<string, Mention[]>, name: string, group: Group): void {
  const place = group.names++
  const known = mentions.get(name)
  if (known === undefined) mentions.set(name, [{ group, place }])
  else if (known.at(-1)?.group !== group) known.push({ group, place })
}

/** Latin-1 text of each line, without its end: CR, LF or CRLF. A byte order mark is no part of the first. */
function* lines(bytes: Uint8Array): Generator<string> {
  const bom = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, ROBOTS_LIMIT_BYTES)).toString('latin1', bom)
  const end = /\r\n|\r|\n/g
  let start = 0
  for (let match = end.exec(text); match !== null; match = end.exec(text)) {
    yield text.slice(start, match.index)
    start = end.lastIndex
  }
  if (start < text.length && bytes.byteLength < ROBOTS_LIMIT_BYTES) yield text.slice(start)
}

/** `field: value # comment`. "ours": a known field may lack its colon, because `Disallow /private` is clear enough. */
function parseLine(text: string): { field: Field; value: string } | undefined {
  const hash = text.indexOf('#')
  const content = trim(hash === -1 ? text : text.slice(0, hash))
  const colon = content.indexOf(':')
  const known = colon === -1 ? undefined : fieldOf(content.slice(0, colon))
  if (known !== undefined) return { field: known, value: trim(content.slice(colon + 1)) }
  const space = content.search(/[ \t]/)
  const field = space === -1 ? undefined : fieldOf(content.slice(0, space))
  return field && { field, value: trim(content.slice(space)) }
}

function fieldOf(key: string): Field | undefined {
  if (key.length > 64) return undefined
  const name = trim(key).toLowerCase()
  return Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined
}

/** Undefined when it can match nothing; an empty pattern is such a rule: `Disallow:` allows everything (RFC 9309 2.2). */
function parseRule(field: 'allow' | 'disallow', value: string, text: string, line: number): Rule | undefined {
  const pattern = compileRobotsPattern(value)
  return pattern && { pattern, verdict: { allowed: field === 'allow', rule: utf8(trim(text)), line } }
}

/**
 * The name a user-agent line or a crawler gives itself: up to white space, `/`, `;`, `,`, `(` or a `*` behind other characters, in lower case.
 * "ours": RFC 9309 knows letters, `-` and `_` only; digits and dots are part of a name here, so that `MJ12bot` is not `MJ`.
 */
function agentName(value: string): string {
  if (/^\*(\s|$)/.test(value)) return '*'
  return /^[^\s/;,(*]*/.exec(value)?.[0].toLowerCase() ?? ''
}

/** Seconds, perhaps with a fraction; a unit behind the number is ignored, two dots make it none. */
function parseDelay(value: string): number | undefined {
  const seconds = Number(/^(\d+(\.\d*)?|\.\d+)(?![\d.])/.exec(value)?.[0])
  return Number.isNaN(seconds) ? undefined : Math.min(Math.ceil(seconds * 1_000), MAX_CRAWL_DELAY_MS)
}

/** Without the white space of RFC 9309 2.2 around it. Loops: a regular expression for the end would be quadratic in inner spaces. */
function trim(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09
const utf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8')
