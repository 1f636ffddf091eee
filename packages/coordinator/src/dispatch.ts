import { mapAllSettled, unwrap, withTimeout, yieldIfDue } from '@warren/async'
import type { Broker } from '@warren/broker'
import type { ClaimedVisit, Frontier, Settlement } from '@warren/frontier'
import { CrawlError, type UrlRef, type Visit } from '@warren/protocol'
import { serializeUsage, type UsagePreferences } from '@warren/web'
import type { CoordinatorConfig } from './config.ts'
import type { Announcer } from './control.ts'
import type { CrawlBook } from './crawl-book.ts'
import type { Demand } from './demand.ts'
import type { CoordinatorMetrics } from './metrics.ts'
import { productToken } from './policy.ts'
import type { RobotsRules } from './robots-rules.ts'
import { isWorthWaiting, untilStored } from './store-retry.ts'

export interface DispatchDeps {
  readonly broker: Broker
  readonly frontier: Frontier
  readonly config: CoordinatorConfig
  readonly book: CrawlBook
  readonly announcer: Announcer
  readonly demand: Demand
  readonly robots: RobotsRules
  readonly metrics: CoordinatorMetrics
  /** Ends waiting for services that are away. */
  readonly signal: AbortSignal
}

/** How often one dispatch goes back for more URLs of a host whose first ones robots.txt forbids: a million of them may be queued. */
const REFILLS_MAX = 100
/** A publish that the broker has not answered by then has an unknown fate, and its lease is left to expire. */
const PUBLISH_DEADLINE_MS = 10_000
/** Visits prepared and published at once: enough to share the broker's confirms, whatever CLAIM_HOSTS is. */
const DISPATCHES_AT_ONCE = 64

/** What came of a round. */
export interface Round {
  /** Visits; 0: nothing is due, or something holds it back. */
  readonly claimed: number
  /** What held it back: nobody wants visits, or the window is full; null: nothing. */
  readonly holds: string | null
}

/** One round: claims what is due, is wanted and fits the window, drops what robots.txt forbids, publishes the rest as visits. */
export async function dispatchRound(deps: DispatchDeps): Promise<Round> {
  const { config, frontier, signal } = deps
  const missing = await deps.demand.missing()
  if (missing !== null) return { claimed: 0, holds: missing }
  const { openVisits, leased } = await frontier.totals()
  const hosts = Math.min(config.CLAIM_HOSTS, config.WINDOW_VISITS - openVisits)
  const urls = Math.min(config.CLAIM_URLS, config.WINDOW_URLS - leased)
  deps.metrics.window(openVisits, leased)
  if (hosts <= 0) return { claimed: 0, holds: `the window is full: ${openVisits} visits are open (WINDOW_VISITS)` }
  if (urls <= 0) return { claimed: 0, holds: `the window is full: ${leased} URLs are not settled yet (WINDOW_URLS)` }
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
  await deps.announcer.tellOf(
    visits.map((visit) => visit.crawlId),
    signal,
  )
  const ends = await mapAllSettled(visits, DISPATCHES_AT_ONCE, (visit) => dispatchVisit(visit, deps), { signal })
  ends.forEach(unwrap) // none is left behind by another's failure
  return { claimed: visits.length, holds: null }
}

async function dispatchVisit(claimed: ClaimedVisit, deps: DispatchDeps): Promise<void> {
  const { frontier, signal } = deps
  const { visitId } = claimed
  let visit: Visit | undefined
  try {
    visit = await prepare(claimed, deps)
  } catch (error) {
    if (!isWorthWaiting(error)) throw error
    await untilStored(() => frontier.release(visitId), signal) // it was never published
  }
  if (visit === undefined) return
  try {
    await withTimeout(PUBLISH_DEADLINE_MS, (limit) => deps.broker.publish(visit, { signal: limit }), { signal })
    deps.metrics.visits.inc({ kind: visit.work.kind })
  } catch (error) {
    deps.metrics.unpublished.inc()
    // Only a definite no frees the host: a visit whose confirm was lost may be on its way, and a second one must never meet it.
    const refused = error instanceof CrawlError && (error.code === 'ERR_BROKER_REFUSED' || error.code === 'ERR_BROKER_UNROUTABLE')
    if (refused) await untilStored(() => frontier.release(visitId), signal)
    else if (!(error instanceof CrawlError) && !isTimeout(error)) throw error
  }
}

/** The message of a claimed visit; undefined when nothing is left of it. */
async function prepare(claimed: ClaimedVisit, deps: DispatchDeps): Promise<Visit | undefined> {
  const { crawlId, hostId, visitId, hostKey } = claimed
  const open = await deps.book.get(crawlId)
  if (open === undefined) return undefined // deleted in this moment; the lease goes with it
  const { config } = open.crawl
  const work = claimed.work.kind === 'pages' ? await allowedWork(claimed, deps, productToken(config)) : claimed.work
  if (work === undefined) return undefined
  const pace = { delayMs: claimed.delayMs, width: claimed.width }
  const { addressGroup } = claimed
  return {
    v: 1,
    type: 'visit',
    crawlId,
    hostId,
    visitId,
    hostKey,
    work,
    pace,
    addressGroup,
    runMs: deps.config.VISIT_RUN_MS,
    policy: config.fetch,
  }
}

/** What robots.txt says of the use of a URL travels with it, since whoever settles it does not read the rules again. */
const withUsage = (url: UrlRef, usage: UsagePreferences | undefined): UrlRef => {
  const text = usage === undefined ? '' : serializeUsage(usage)
  return text === '' ? url : { ...url, usage: text }
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
    const excluded: Settlement[] = []
    for (const url of urls) {
      const due = yieldIfDue({ signal: deps.signal })
      if (due !== undefined) await due
      const verdict = rules.check(agent, url.url)
      if (verdict.allowed) allowed.push(withUsage(url, rules.usage(agent, url.url)))
      else {
        const fate = { kind: 'excluded', rule: 'robots', detail: `line ${verdict.line}: ${verdict.rule}` } as const
        excluded.push({ kind: 'url', crawlId, hostId, visitId, url, fate })
      }
    }
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
