import type { CrawlConfig } from '@warren/protocol'
import type { CanonicalUrl, FilterVerdict } from '@warren/web'

/** A link, and where its target would stand in the crawl. */
export interface PlacedLink {
  readonly url: CanonicalUrl
  readonly depth: number
  /** Redirects that led here. */
  readonly chain: number
  readonly nofollow: boolean
}

/** What the rules of a crawl look at. */
export interface RuleSet {
  readonly config: CrawlConfig
  readonly filter: (url: string) => FilterVerdict
  readonly isInScope: (url: CanonicalUrl) => boolean
}

/** The pure rules, in the order in which they are asked: the first that refuses a link is counted. */
const RULES = {
  nofollow: ({ nofollow }: PlacedLink) => !nofollow,
  depth: ({ depth }: PlacedLink, { config }: RuleSet) => depth <= config.maxDepth,
  chain: ({ chain }: PlacedLink, { config }: RuleSet) => chain <= config.maxRedirects,
  length: ({ url }: PlacedLink, { config }: RuleSet) => url.length <= config.maxUrlLength,
  scope: ({ url }: PlacedLink, { isInScope }: RuleSet) => isInScope(url),
  filter: ({ url }: PlacedLink, { filter }: RuleSet) => filter(url).allowed,
} as const

export type LinkRule = keyof typeof RULES
export const linkRules = Object.keys(RULES) as readonly LinkRule[]

/** Whether one rule lets a link pass. */
export const passes = (rule: LinkRule, link: PlacedLink, rules: RuleSet): boolean => RULES[rule](link, rules)

/** The rule that refuses a link; undefined: none does. */
export const refusingRule = (link: PlacedLink, rules: RuleSet): LinkRule | undefined => linkRules.find((rule) => !passes(rule, link, rules))
