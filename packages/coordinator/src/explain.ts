import type { Crawl, Explanation, Frontier } from '@warren/frontier'
import type { CrawlConfig } from '@warren/protocol'
import {
  applyCanonicalRules,
  type CanonicalUrl,
  canonicalize,
  compileAddressGuard,
  compileFilter,
  compilePriorities,
  hostKeyOf,
  inScope,
  parseRobots,
  robotsUrlOf,
  scopeRoot,
} from '@warren/web'
import { type LinkRule, linkRules, type PlacedLink, passes, type RuleSet } from './link-rules.ts'
import { productToken } from './policy.ts'

/** Everything that can be said of a URL in a crawl: what the database holds, and what the rules say of it now. */
export interface UrlExplanation {
  /** As it was given. */
  readonly asked: string
  readonly crawl: Pick<Crawl, 'id' | 'name' | 'state' | 'pass' | 'reason'>
  /** The spelling that names it everywhere; null: nothing that is ever crawled, and `refused` says why. */
  readonly url: CanonicalUrl | null
  readonly refused: string | null
  readonly rules: readonly RuleVerdict[]
  /** null without a URL. */
  readonly robots: RobotsAnswer | null
  readonly priority: { readonly value: number; readonly match: string | null }
  /** null without a URL. */
  readonly facts: Explanation | null
}

/** What one rule says of a link to the URL. */
export interface RuleVerdict {
  readonly rule: LinkRule | 'address'
  /** null: it depends on the page that holds the link. */
  readonly passes: boolean | null
  readonly detail: string
}

/** What the stored robots.txt of its host says. */
export interface RobotsAnswer {
  readonly url: CanonicalUrl
  /** The name that its groups are matched against. */
  readonly agent: string
  /** null: there is none to go by yet. */
  readonly allowed: boolean | null
  /** The line that decides, from 1, and its text. */
  readonly line: number | null
  readonly rule: string | null
  readonly detail: string
}

/** Scope roots that are named where a URL is outside of all of them. */
const ROOTS_TOLD = 4

/**
 * Explains a URL of a crawl, in any spelling: a bare host is read as https, and as http if only that is known.
 * Cost: a few round trips, none of which scans. Errors: those of the frontier; SyntaxError for expressions that cannot be read.
 */
export async function explainUrl(frontier: Frontier, crawl: Crawl, asked: string): Promise<UrlExplanation> {
  const { id, name, state, pass, reason, config } = crawl
  const of = { asked, crawl: { id, name, state, pass, reason } }
  const readings = readingsOf(asked)
  if (typeof readings === 'string')
    return { ...of, url: null, refused: readings, rules: [], robots: null, priority: { value: 0, match: null }, facts: null }
  const rules = new Set(config.canonical)
  // By the crawl's rules, but what a redirect led to is known as the site spelled it.
  const spellings = new Set(readings.flatMap((reading) => [reading, applyCanonicalRules(reading, rules)]))
  let url = applyCanonicalRules(readings[0], rules)
  let facts = await frontier.explain(id, url)
  for (const spelling of spellings) {
    const found = spelling === url ? facts : await frontier.explain(id, spelling)
    if (found.url === null) continue
    url = spelling
    facts = found
    break
  }
  const priority = { value: compilePriorities(config.priorities)(url), match: matchOf(config, url) }
  return {
    ...of,
    url,
    refused: null,
    rules: await verdictsOf(frontier, crawl, url, facts),
    robots: await robotsOf(frontier, config, url, facts),
    priority,
    facts,
  }
}

/** The URLs that a text may mean, or why it can mean none. */
function readingsOf(text: string): [CanonicalUrl, ...CanonicalUrl[]] | string {
  const trimmed = text.trim()
  const scheme = /^([a-z][a-z0-9+.-]*):(?!\d+(?:\/|$))/i.exec(trimmed)?.[1]?.toLowerCase()
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') return `scheme ${scheme}: only http and https are crawled`
  const given = scheme === undefined ? [`https://${trimmed}`, `http://${trimmed}`] : [trimmed]
  const [first, ...others] = given.map((href) => canonicalize(href)).filter((url) => url !== undefined)
  return first === undefined ? 'it is no URL, or one without a host, or longer than 8,192 characters' : [first, ...others]
}

async function verdictsOf(
  frontier: Frontier,
  { id, config }: Crawl,
  url: CanonicalUrl,
  { url: known, host }: Explanation,
): Promise<RuleVerdict[]> {
  const wanted = rootsThatHold(config, url)
  const roots = await frontier.rootsAmong(id, wanted, ROOTS_TOLD)
  const found = new Set(roots.found)
  const rules: RuleSet = { config, filter: compileFilter(config), isInScope: (one) => inScope(config.scope, found, one) }
  const isSeed = known !== null && known.foundOn === null
  // A place that is not known is one that every rule lets pass: what is asked of it then is told, not judged.
  const link: PlacedLink = { url, depth: known?.depth ?? 0, chain: known?.chain ?? 0, nofollow: false }
  const depends: Partial<Record<LinkRule, string>> =
    known === null
      ? {
          nofollow: 'a link that says nofollow is not followed',
          depth: `the page with the link must be less than ${config.maxDepth} links from a seed`,
          chain: `of redirects in a row at most ${config.maxRedirects} are followed`,
        }
      : {}
  const detailOf: Record<LinkRule, () => string> = {
    nofollow: () => (isSeed ? 'no link: a seed' : 'a link that may be followed led here'),
    depth: () => `${link.depth} of at most ${config.maxDepth} links from a seed`,
    chain: () => `${link.chain} of at most ${config.maxRedirects} redirects in a row`,
    length: () => `${url.length} of at most ${config.maxUrlLength} characters`,
    scope: () => scopeDetail(config, url, wanted, roots),
    filter: () => filterDetail(config, url),
  }
  const verdicts = linkRules.map((rule): RuleVerdict => {
    const waits = depends[rule]
    if (waits !== undefined) return { rule, passes: null, detail: waits }
    // A seed is in scope by definition, and needs no --include; only --exclude holds for it.
    const isExempt = isSeed && (rule === 'scope' || (rule === 'filter' && !excludes(config, url)))
    return { rule, passes: isExempt || passes(rule, link, rules), detail: isExempt ? 'a seed always passes' : detailOf[rule]() }
  })
  return [...verdicts, ...addressVerdict(config, url, host?.address?.group)]
}

/** The roots that would hold `url`, one of which must be there. */
function rootsThatHold({ scope }: CrawlConfig, url: CanonicalUrl): string[] {
  const root = scopeRoot(scope, url)
  if (scope !== 'prefix') return [root]
  return [...root.matchAll(/\//g)].map(({ index }) => root.slice(0, index + 1)).reverse()
}

const SCOPE_WORDS = { host: 'host', domain: 'domain', prefix: 'folder', any: '' } as const

function scopeDetail(
  { scope }: CrawlConfig,
  url: CanonicalUrl,
  wanted: readonly string[],
  { found, some }: { readonly found: readonly string[]; readonly some: readonly string[] },
): string {
  if (scope === 'any') return 'any: links may lead anywhere'
  const word = SCOPE_WORDS[scope]
  const holds = wanted.find((root) => found.includes(root))
  if (holds !== undefined) return `${scope}: ${holds} is the ${word} of a seed`
  const others =
    some.length === 0
      ? 'there is no seed yet'
      : `those are ${some.slice(0, ROOTS_TOLD - 1).join(', ')}${some.length === ROOTS_TOLD ? ', ...' : ''}`
  return `${scope}: ${scopeRoot(scope, url)} is the ${word} of no seed; ${others}`
}

const excludes = ({ exclude }: CrawlConfig, url: string): boolean => !compileFilter({ include: [], exclude })(url).allowed

function filterDetail({ include, exclude }: CrawlConfig, url: string): string {
  const verdict = compileFilter({ include, exclude })(url)
  if (!verdict.allowed) return verdict.rule
  const match = include.find((expression) => compileFilter({ include: [expression], exclude: [] })(url).allowed)
  if (match !== undefined) return `include: ${match}`
  return exclude.length === 0 ? 'there is no expression' : 'no exclude expression is found in it'
}

/** The expression that gives its priority. */
const matchOf = ({ priorities }: CrawlConfig, url: string): string | null =>
  priorities.find(({ match }) => !compileFilter({ include: [], exclude: [match] })(url).allowed)?.match ?? null

/** What the guard says, as far as the address is known without asking DNS; none when it is not. */
function addressVerdict({ fetch }: CrawlConfig, url: CanonicalUrl, group: string | undefined): RuleVerdict[] {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '')
  const isLiteral = /^[\d.]+$|:/.test(host)
  const address = fetch.resolve[host] ?? (isLiteral ? host : group?.replace(/\/\d+$/, ''))
  if (address === undefined) return []
  const verdict = compileAddressGuard({ allow: fetch.allowAddresses, contact: fetch.contact !== null })(address)
  const details = {
    allowed: `${address} may be dialled`,
    'private-address': `${address} is not public; --allow-address opens it`,
    'no-contact': `${address} is public, and the crawl names no contact`,
  } as const
  return [{ rule: 'address', passes: verdict === 'allowed', detail: details[verdict] }]
}

async function robotsOf(frontier: Frontier, config: CrawlConfig, url: CanonicalUrl, { host }: Explanation): Promise<RobotsAnswer> {
  const agent = productToken(config)
  const of = { url: robotsUrlOf(hostKeyOf(url)), agent, allowed: null, line: null, rule: null }
  if (host === null || host.robots.access === null) {
    const isAway = host !== null && host.robots.retryAt !== null
    return { ...of, detail: isAway ? `out of reach (${host.breaker.code}), so nothing of the host is fetched` : 'not fetched yet' }
  }
  const body = host.robots.digest === null ? undefined : await frontier.robotsText(host.robots.digest)
  if (host.robots.access === 'allow-all' || body === undefined) return { ...of, allowed: true, detail: 'there is none, which allows all' }
  const { allowed, line, rule } = parseRobots(body).check(agent, url)
  if (rule === undefined) return { ...of, allowed, detail: 'no line is about it' }
  return { ...of, allowed, line: line ?? null, rule, detail: line === undefined ? rule : `line ${line}: ${rule}` }
}
