import { withTimeout } from '@warren/async'
import type { Broker } from '@warren/broker'
import type { ClaimedVisit, Frontier } from '@warren/frontier'
import { CrawlError, type UrlRef, type Visit } from '@warren/protocol'
import type { CanonicalUrl } from '@warren/web'
import type { CoordinatorConfig } from './config.ts'
import type { CrawlBook } from './crawl-book.ts'
import type { CoordinatorMetrics } from './metrics.ts'
import { productToken } from './policy.ts'
import type { RobotsRules } from './robots-rules.ts'

export interface DispatchDeps {
  readonly broker: Broker
  readonly frontier: Frontier
  readonly config: CoordinatorConfig
  readonly book: CrawlBook
  readonly robots: RobotsRules
  readonly metrics: CoordinatorMetrics
}

/** How often one dispatch goes back for more URLs of a host whose first ones robots.txt forbids: a million of them may be queued. */
const REFILLS_MAX = 100
/** A publish that the broker has not answered by then has an unknown fate, and its lease is left to expire. */
const PUBLISH_DEADLINE_MS = 10_000

/**
 * One round: claims what is due and fits the window, drops what robots.txt forbids, publishes the rest as visits.
 * Returns how many visits it claimed; 0 means that nothing is due or the window is full.
 */
export async function dispatchRound(deps: DispatchDeps, signal: AbortSignal): Promise<number> {
  const { config, frontier } = deps
  const { openVisits, leased } = await frontier.totals()
  const hosts = Math.min(config.CLAIM_HOSTS, config.WINDOW_VISITS - openVisits)
  const urls = Math.min(config.CLAIM_URLS, config.WINDOW_URLS - leased)
  deps.metrics.window(openVisits, leased)
  if (hosts <= 0 || urls <= 0) return 0
  const stop = deps.metrics.claimSeconds.startTimer()
  const visits = await frontier.claim({
    hosts,
    urls,
    visitQueueMs: config.VISIT_QUEUE_MS,
    visitRunMs: config.VISIT_RUN_MS,
    marginMs: config.LEASE_MARGIN_MS,
  })
  stop()
  deps.metrics.claims.inc()
  await Promise.all(visits.map((visit) => dispatchVisit(visit, deps, signal)))
  return visits.length
}

async function dispatchVisit(claimed: ClaimedVisit, deps: DispatchDeps, signal: AbortSignal): Promise<void> {
  const { crawlId, hostId, visitId, hostKey } = claimed
  const open = await deps.book.get(crawlId)
  if (open === undefined) return // deleted in this moment; the lease goes with it
  const { config } = open.crawl
  const work: Visit['work'] | undefined =
    claimed.work.kind === 'robots' ? claimed.work : await allowedWork(claimed, deps, productToken(config))
  if (work === undefined) return
  const visit: Visit = {
    v: 1,
    type: 'visit',
    crawlId,
    hostId,
    visitId,
    hostKey,
    work,
    pace: { delayMs: claimed.delayMs, width: claimed.width },
    runMs: deps.config.VISIT_RUN_MS,
    policy: config.fetch,
  }
  try {
    await withTimeout(PUBLISH_DEADLINE_MS, (limit) => deps.broker.publish(visit, { signal: limit }), { signal })
    deps.metrics.visits.inc({ kind: work.kind })
  } catch (error) {
    deps.metrics.unpublished.inc()
    // Only a definite no frees the host: a visit whose confirm was lost may be on its way, and a second one must never meet it.
    const refused = error instanceof CrawlError && (error.code === 'ERR_BROKER_REFUSED' || error.code === 'ERR_BROKER_UNROUTABLE')
    if (refused) await deps.frontier.release(visitId)
    else if (!(error instanceof CrawlError) && !isTimeout(error)) throw error
  }
}

const isTimeout = (error: unknown): boolean => error instanceof DOMException && error.name === 'TimeoutError'

/** The visit's URLs that robots.txt allows, refilled while it allows none; the others are settled as excluded. undefined: the visit is over. */
async function allowedWork(claimed: ClaimedVisit, deps: DispatchDeps, agent: string): Promise<Visit['work'] | undefined> {
  const { crawlId, hostId, visitId, robots } = claimed
  let urls: readonly UrlRef[] = claimed.work.kind === 'pages' ? claimed.work.urls : []
  if (robots === null || robots.access === 'allow-all' || robots.body === null) return { kind: 'pages', urls: [...urls] }
  const rules = deps.robots.get(robots.digest, robots.body)
  for (let refills = 0; ; refills++) {
    const allowed: UrlRef[] = []
    const excluded = urls.flatMap((url) => {
      const verdict = rules.check(agent, url.url as CanonicalUrl)
      if (!verdict.allowed)
        return [
          {
            kind: 'url' as const,
            crawlId,
            hostId,
            visitId,
            url,
            fate: { kind: 'excluded' as const, rule: 'robots', detail: `line ${verdict.line}: ${verdict.rule}` },
          },
        ]
      allowed.push(url)
      return []
    })
    if (excluded.length > 0) {
      await deps.frontier.settle(excluded)
      deps.metrics.rejected.inc({ reason: 'robots' }, excluded.length)
    }
    if (allowed.length > 0) return { kind: 'pages', urls: allowed }
    urls = refills < REFILLS_MAX ? await deps.frontier.refill(visitId, deps.config.CLAIM_URLS) : []
    if (urls.length === 0) {
      await deps.frontier.release(visitId)
      return undefined
    }
  }
}
