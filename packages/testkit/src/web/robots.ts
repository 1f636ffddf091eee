import type { WebGraph } from './graph.ts'

/** What a host answers for its robots.txt. */
export type RobotsAnswer =
  | { readonly status: 200; readonly body: string }
  | { readonly status: 404 | 500 }
  | { readonly status: 302; readonly location: string }

const hasErrors = (host: number): boolean => host % 4 === 3
const isElsewhere = (host: number): boolean => host % 4 === 2
const hasDelay = (host: number): boolean => host % 3 === 1

/** The answer to the n-th request (from 1) of /robots.txt. */
export function robotsAnswer(graph: WebGraph, host: number, request: number): RobotsAnswer {
  const { robots } = graph.spec
  if (!robots.rules) return { status: 404 }
  if (hasErrors(host) && request <= robots.errors) return { status: 500 }
  if (isElsewhere(host) && robots.redirects) return { status: 302, location: graph.url(host + 1, `/robots-of-${host}.txt`) }
  return { status: 200, body: robotsText(graph, host) }
}

/** The Crawl-delay that a host asks for, in milliseconds. */
export function crawlDelayMs(graph: WebGraph, host: number): number {
  const { robots } = graph.spec
  return robots.rules && robots.crawlDelaySeconds !== null && hasDelay(host) ? robots.crawlDelaySeconds * 1_000 : 0
}

/** The rules that WebGraph.isDisallowed answers by. */
export function robotsText(graph: WebGraph, host: number): string {
  const delayMs = crawlDelayMs(graph, host)
  return [
    '# rules of a synthetic host',
    'User-agent: some-other-bot',
    'Disallow: /',
    '',
    'User-agent: *',
    'Disallow: /private/',
    'Allow: /private/open-',
    ...(delayMs > 0 ? [`Crawl-delay: ${delayMs / 1_000}`] : []),
    '',
  ].join('\n')
}
