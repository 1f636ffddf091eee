import type { WebGraph } from './graph.ts'

/** The right answer of a crawl, as sets of URLs. */
export interface Expected {
  /** 200 and HTML. */
  readonly pages: ReadonlySet<string>
  /** 200 and not HTML. */
  readonly assets: ReadonlySet<string>
  readonly redirects: ReadonlySet<string>
  /** 404 and 410. */
  readonly missing: ReadonlySet<string>
  /** All of the above: every URL that has a final answer. */
  readonly answered: ReadonlySet<string>
  /** Linked, and forbidden by robots.txt. */
  readonly disallowed: ReadonlySet<string>
  /** Linked, and never answering. */
  readonly failed: ReadonlySet<string>
  /** Known to the web and not to be requested: hidden behind nofollow, in a comment or a script, or beyond the redirect limit. */
  readonly never: ReadonlySet<string>
}

export interface ExpectedOptions {
  /** Default: the root of the first host, which reaches everything. */
  readonly seeds?: readonly string[]
  /** Default: every host of this web. */
  readonly inScope?: (url: string) => boolean
  readonly maxDepth?: number
  readonly maxRedirects?: number
}

interface Arrival {
  readonly url: string
  readonly depth: number
  readonly chain: number
}

/** Walks the graph breadth first, redirects at no depth of their own. Cost: O(pages + links); 100 000 pages take about 10 s. */
export function expectedOf(graph: WebGraph, options: ExpectedOptions = {}): Expected {
  const { seeds = graph.roots.slice(0, 1), inScope = () => true, maxDepth = 1_000, maxRedirects = 10 } = options
  const sets = { pages: new Set<string>(), assets: new Set<string>(), redirects: new Set<string>(), missing: new Set<string>() }
  const disallowed = new Set<string>()
  const failed = new Set<string>()
  const refused = new Set<string>()
  const seen = new Set<string>()
  let level: Arrival[] = seeds.map((url) => ({ url, depth: 0, chain: 0 }))
  let deeper: Arrival[] = []

  const visit = ({ url, depth, chain }: Arrival): void => {
    const node = graph.at(url)
    if (node === undefined) return
    if (graph.isDisallowed(new URL(url).pathname)) {
      disallowed.add(url)
      return
    }
    switch (node.kind) {
      case 'asset':
        sets.assets.add(url)
        return
      case 'missing':
        sets.missing.add(url)
        return
      case 'redirect':
        sets.redirects.add(url)
        if (chain + 1 > maxRedirects) refused.add(node.to)
        else level.push({ url: node.to, depth, chain: chain + 1 })
        return
      case 'page': {
        if (node.fault === 'dead') {
          failed.add(url)
          return
        }
        sets.pages.add(url)
        for (const decoy of node.decoys ?? []) refused.add(decoy)
        const targets = node.links.map((link) => ({ url: link.url, follow: !link.nofollow && node.nofollow === undefined }))
        if (node.refresh !== undefined) targets.push({ url: node.refresh, follow: node.nofollow === undefined })
        for (const target of targets) {
          if (!target.follow) refused.add(target.url)
          else if (depth < maxDepth) deeper.push({ url: target.url, depth: depth + 1, chain: 0 })
        }
        return
      }
      default:
        node satisfies never
    }
  }

  while (level.length > 0) {
    for (let i = 0; i < level.length; i++) {
      const arrival = level[i]
      if (arrival === undefined || seen.has(arrival.url) || !inScope(arrival.url)) continue
      seen.add(arrival.url)
      visit(arrival)
    }
    level = deeper
    deeper = []
  }
  return {
    ...sets,
    answered: new Set([...sets.pages, ...sets.assets, ...sets.redirects, ...sets.missing]),
    disallowed,
    failed,
    never: new Set([...refused].filter((url) => !seen.has(url))),
  }
}
