import { mapAll } from '@warren/async'
import type { Broker } from '@warren/broker'
import type { Frontier } from '@warren/frontier'
import { crawlState } from '@warren/protocol'
import type { Metrics } from '@warren/service'

/** Buckets in seconds for calls that should take milliseconds. */
const CALL_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** Crawls counted at once: a scrape leaves the database's connections to the work. */
const READS_AT_ONCE = 2

export type CoordinatorMetrics = ReturnType<typeof coordinatorMetrics>

/** All metrics of the role. Gauges are read from the database when somebody scrapes, at most once a second. */
export function coordinatorMetrics(metrics: Metrics, frontier: Frontier, broker: Broker) {
  const snapshot = everySecond(async () => {
    const crawls = await frontier.crawls('unfinished')
    const counts = await mapAll(crawls, READS_AT_ONCE, (crawl) => frontier.counts(crawl.id))
    return { crawls, counts, gap: await frontier.accountingGap() }
  })
  const depths = everySecond(() => broker.depths())
  const states = ['queued', 'leased', 'done', 'failed', 'excluded'] as const
  metrics.gauge('frontier_urls', 'URLs of unfinished crawls by state', ['state'], async (gauge) => {
    const { counts } = await snapshot()
    for (const state of states)
      gauge.set(
        { state },
        counts.reduce((sum, count) => sum + count[state], 0),
      )
  })
  metrics.gauge('frontier_crawls', 'Unfinished crawls by state', ['state'], async (gauge) => {
    const { crawls } = await snapshot()
    for (const state of crawlState.options) gauge.set({ state }, crawls.filter((crawl) => crawl.state === state).length)
  })
  metrics.gauge(
    'frontier_accounting_gap',
    'discovered - (queued + leased + done + failed + excluded), over all crawls; must be 0',
    [],
    async (gauge) => {
      gauge.set((await snapshot()).gap)
    },
  )
  metrics.gauge('broker_queue_messages', 'Messages ready in a queue', ['queue'], async (gauge) => {
    for (const [queue, n] of Object.entries(await depths())) gauge.set({ queue }, n)
  })
  const openVisits = metrics.gauge('frontier_open_visits', 'Visits open in the cluster at the last dispatch')
  const leasedUrls = metrics.gauge('frontier_window_urls', 'URLs leased in the cluster at the last dispatch')
  return {
    window(visits: number, leased: number): void {
      openVisits.set(visits)
      leasedUrls.set(leased)
    },
    admitted: metrics.counter('frontier_admitted_total', 'URLs admitted: new rows'),
    rejected: metrics.counter('frontier_rejected_total', 'Links and URLs that were not admitted or not fetched, by reason', ['reason']),
    claims: metrics.counter('frontier_claims_total', 'Claims made'),
    claimSeconds: metrics.histogram('frontier_claim_seconds', 'Duration of a claim', { buckets: CALL_SECONDS }),
    settled: metrics.counter('frontier_settled_total', 'Outcomes settled'),
    settleSeconds: metrics.histogram('frontier_settle_seconds', 'Duration of a settle', { buckets: CALL_SECONDS }),
    stale: metrics.counter('frontier_stale_total', 'Outcomes refused because their lease had ended'),
    expired: metrics.counter('frontier_leases_expired_total', 'Leases that expired'),
    closed: metrics.counter('frontier_closed_total', 'URLs that ended because their host was given up, blocked, or had spent its budget'),
    visits: metrics.counter('coordinator_visits_total', 'Visits published by kind', ['kind']),
    unpublished: metrics.counter('coordinator_unpublished_visits_total', 'Visits that the broker did not confirm'),
    outcomes: metrics.counter('coordinator_outcomes_total', 'Outcomes received by kind', ['of']),
    redelivered: metrics.counter('coordinator_redelivered_total', 'Outcomes that were delivered before'),
  }
}

/** Shares one answer among the gauges of a scrape. */
function everySecond<T>(read: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined
  let at = Number.NEGATIVE_INFINITY
  return () => {
    if (answer === undefined || performance.now() - at > 1_000) {
      at = performance.now()
      answer = read()
    }
    return answer
  }
}
