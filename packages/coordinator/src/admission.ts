import { yieldIfDue } from '@warren/async'
import type { Candidate } from '@warren/frontier'
import type { Link, UrlOutcome } from '@warren/protocol'
import { applyCanonicalRules, type CanonicalUrl, fingerprint, hostKeyOf, scopeRoot } from '@warren/web'
import type { CrawlBook, OpenCrawl } from './crawl-book.ts'
import type { KnownUrls } from './known-urls.ts'
import { type LinkRule, type RuleSet, refusingRule } from './link-rules.ts'
import { redirectTarget } from './policy.ts'

/** What refuses a link; each has a counter. */
export type RefusalRule = LinkRule | 'page-limit'

export interface Admission {
  /** Links that pass every rule and are not known to be known. */
  readonly candidates: Candidate[]
  /** How many links each rule refused, and one of them. */
  readonly refused: ReadonlyMap<RefusalRule, { readonly count: number; readonly sample: string }>
  /** Links that the cache answered. */
  readonly repeated: number
}

export interface AdmissionDeps {
  readonly book: CrawlBook
  readonly known: KnownUrls
  readonly signal: AbortSignal
}

/**
 * Which links of an outcome go to the frontier. A redirect is a link too: same depth, one longer chain, its target follows every rule;
 * only the redirect of a seed widens the scope, as if the operator had given its target. The crawl's canonical rules are for other links alone:
 * a site that leads `/a` to `/a/` must not be asked for `/a` again.
 * Cost: per link one URL parse and two hashes at most; one round trip when the page proves our scope roots stale. Yields between links.
 */
export async function admissionOf(outcome: UrlOutcome, open: OpenCrawl, { book, known, signal }: AdmissionDeps): Promise<Admission> {
  const { config } = open.crawl
  const target = outcome.result.kind === 'answer' ? redirectTarget(outcome.result) : undefined
  const links: readonly Link[] = target === undefined ? outcome.links : [{ url: target, kind: 'redirect', nofollow: false }]
  if (links.length === 0) return { candidates: [], refused: new Map(), repeated: 0 }

  const isSeed = outcome.url.depth === 0
  if (target !== undefined && isSeed) await book.addRoots(open, [scopeRoot(config.scope, target)])
  else if (!book.isInScope(open, outcome.url.url as CanonicalUrl)) await book.rereadRoots(open)

  const candidates: Candidate[] = []
  const refused = new Map<RefusalRule, { count: number; sample: string }>()
  let repeated = 0
  const refuse = (rule: RefusalRule, sample: string, n = 1) => {
    const held = refused.get(rule)
    if (held === undefined) refused.set(rule, { count: n, sample })
    else held.count += n
  }
  const rules: RuleSet = { config, filter: open.filter, isInScope: (url) => book.isInScope(open, url) }

  if (outcome.facts !== null && outcome.facts.linksDropped > 0) refuse('page-limit', outcome.url.url, outcome.facts.linksDropped)
  const isRedirect = target !== undefined
  const depth = outcome.url.depth + (isRedirect ? 0 : 1)
  const chain = isRedirect ? outcome.url.chain + 1 : 0
  const waiting = { signal }
  for (const link of links.slice(0, config.maxLinksPerPage)) {
    const due = yieldIfDue(waiting)
    if (due !== undefined) await due
    const given = link.url as CanonicalUrl
    const url = isRedirect ? given : applyCanonicalRules(given, open.canonicalRules)
    const print = fingerprint(url)
    if (!link.nofollow && known.has(open.crawl.id, print, depth)) {
      repeated++
      continue
    }
    const refusal = refusingRule({ url, depth, chain, nofollow: link.nofollow }, rules)
    if (refusal !== undefined) refuse(refusal, url)
    else {
      const place = { depth, chain, priority: open.priorityOf(url), parentId: outcome.url.id }
      candidates.push({ url, hostKey: hostKeyOf(url), fingerprint: print, ...place })
    }
  }
  if (links.length > config.maxLinksPerPage) refuse('page-limit', outcome.url.url, links.length - config.maxLinksPerPage)
  return { candidates, refused, repeated }
}
