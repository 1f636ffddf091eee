import { Semaphore, type ShutdownScope, TokenBucket } from '@warren/async'
import type { Broker, Delivery, Verdict } from '@warren/broker'
import { CrawlError, type Visit } from '@warren/protocol'
import type { Logger, Metrics } from '@warren/service'
import type { FetcherConfig } from './config.ts'
import { Connections } from './connections.ts'
import { CrawlStates } from './crawl-states.ts'
import { fetcherMetrics } from './metrics.ts'
import { type Lookup, NameCache } from './name-cache.ts'
import { Publisher } from './publisher.ts'
import { returnVisit, runVisit, type VisitContext } from './visit-run.ts'
import { Watchdog } from './watchdog.ts'

export interface FetcherParts {
  readonly broker: Broker
  readonly logger: Logger
  readonly metrics: Metrics
  readonly config: FetcherConfig
  /** Instead of DNS. */
  readonly lookup?: Lookup
}

/** A socket is read in pieces of at most so many bytes, and a bucket must hold one piece. */
const SOCKET_READ_BYTES = 65_536

/**
 * The fetcher role: runs visits until `shutdown.draining`, then lets those under way end as `stopped` after their requests in flight,
 * and returns when their ends are confirmed. On `shutdown.aborted` it cuts everything and returns; leases heal what was under way.
 * Errors: ERR_BROKER_*, when the subscriptions cannot be made; whatever ended the consumer for good.
 */
export async function runFetcher({ broker, logger, metrics, config, lookup }: FetcherParts, shutdown: ShutdownScope): Promise<void> {
  const { draining, aborted } = shutdown
  await using stack = new AsyncDisposableStack()
  const names = new NameCache({ maxNames: config.DNS_CACHE_NAMES, ...(lookup && { lookup }) })
  const connections = stack.adopt(
    new Connections({
      names,
      keepAliveMs: config.KEEP_ALIVE_MS,
      idleHosts: config.IDLE_HOSTS,
      headerLimitBytes: config.HEADER_LIMIT_BYTES,
    }),
    (connections) => connections.destroy(),
  )
  const watchdog = new Watchdog()
  let visits = 0
  const counters = fetcherMetrics(metrics, {
    inFlight: () => watchdog.size,
    visits: () => visits,
    hosts: () => connections.hosts,
    names,
  })
  const crawls = new CrawlStates()
  const rate = config.FETCH_RATE_BYTES
  const context: VisitContext = {
    broker,
    publisher: new Publisher({ broker, unconfirmedBytes: config.UNCONFIRMED_BYTES, aborted, onRefused: () => counters.refused.inc() }),
    connections,
    slots: new Semaphore(config.FETCH_CONCURRENCY),
    tools: {
      watchdog,
      bandwidth: rate === 0 ? undefined : new TokenBucket({ ratePerSecond: rate, burst: Math.max(SOCKET_READ_BYTES, rate / 4) }),
      rateGraceMs: config.RATE_GRACE_MS,
    },
    crawls,
    metrics: counters,
    logger,
    publishGraceMs: config.PUBLISH_GRACE_MS,
    draining,
    aborted,
  }

  async function take({ message, redelivered, receivedAt }: Delivery<Visit>): Promise<Verdict> {
    visits++
    try {
      if (redelivered) {
        counters.redelivered.inc()
        await returnVisit(message, 'abandoned', receivedAt, context)
      } else if (draining.aborted || !crawls.runs(message.crawlId)) await returnVisit(message, 'stopped', receivedAt, context)
      else await runVisit(message, receivedAt, context)
    } catch (error) {
      if (aborted.aborted) throw aborted.reason
      if (!(error instanceof CrawlError) || error.disposition !== 'retry') throw error
      // Running it again would ask for the same pages again. Its lease ends, and its URLs are claimed anew.
      const { visitId, hostKey } = message
      logger.warn({ visitId, hostKey, code: error.code, error: error.message }, 'visit given up: its results could not be published')
    } finally {
      visits--
    }
    return 'ack'
  }

  const onAborted = () => connections.destroy()
  aborted.addEventListener('abort', onAborted)
  stack.defer(() => aborted.removeEventListener('abort', onAborted))
  stack.use(await broker.onControl((control) => crawls.apply(control)))
  if (!(await unless(draining, crawls.known({ signal: draining })))) return
  const consumer = stack.use(await broker.consume('visits', { prefetch: config.VISIT_SLOTS, signal: aborted }, take))
  const ended = AbortSignal.any([draining, consumer.failed])
  if (!ended.aborted) await new Promise((resolve) => ended.addEventListener('abort', resolve, { once: true }))
  if (consumer.failed.aborted) throw consumer.failed.reason
  logger.info({ visits }, 'draining: no more visits are taken')
}

/** Whether `waiting` came to its end before `signal` aborted. Errors: its own. */
async function unless(signal: AbortSignal, waiting: Promise<void>): Promise<boolean> {
  try {
    await waiting
    return true
  } catch (error) {
    if (signal.aborted) return false
    throw error
  }
}
