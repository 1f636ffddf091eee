import { hostname } from 'node:os'
import { type BreakerStep, onAbort, ResourceScope, Semaphore, type ShutdownScope, select, TokenBucket } from '@warren/async'
import type { Broker, Delivery, Verdict } from '@warren/broker'
import { CrawlError, type Visit } from '@warren/protocol'
import type { Logger, Metrics } from '@warren/service'
import type { FetcherConfig } from './config.ts'
import { Connections } from './connections.ts'
import { CrawlStates } from './crawl-states.ts'
import { HostWarnings } from './host-warnings.ts'
import { fetcherMetrics } from './metrics.ts'
import { NameCache } from './name-cache.ts'
import { type Lookup, nameLookup } from './name-servers.ts'
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
  await using scope = new ResourceScope()
  const names = new NameCache({
    lookup: lookup ?? nameLookup({ onChange: (step) => logNameServers(step, logger) }),
    maxNames: config.DNS_CACHE_NAMES,
    concurrency: config.DNS_CONCURRENCY,
  })
  const connections = scope.adopt(
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
  const warnings = new HostWarnings(logger)
  const rate = config.FETCH_RATE_BYTES
  const context: VisitContext = {
    worker: `${hostname()}:${process.pid}`,
    broker,
    publisher: new Publisher({ broker, unconfirmedBytes: config.UNCONFIRMED_BYTES, aborted, onRefused: () => counters.refused.inc() }),
    connections,
    names,
    slots: new Semaphore(config.FETCH_CONCURRENCY),
    tools: {
      watchdog,
      bandwidth: rate === 0 ? undefined : new TokenBucket({ ratePerSecond: rate, burst: Math.max(SOCKET_READ_BYTES, rate / 4) }),
      rateGraceMs: config.RATE_GRACE_MS,
    },
    crawls,
    metrics: counters,
    logger,
    warnings,
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
      } else if (draining.aborted || !crawls.allows(message)) await returnVisit(message, 'stopped', receivedAt, context)
      else await runVisit(message, receivedAt, context)
    } catch (error) {
      if (aborted.aborted) throw aborted.reason
      if (!(error instanceof CrawlError) || error.disposition !== 'retry') throw error
      // Running it again would ask for the same pages again. Its lease ends, and its URLs are claimed anew.
      const { visitId, hostKey } = message
      warnings.warn(hostKey, 'visit given up: its results could not be published', { visitId, code: error.code, error: error.message })
    } finally {
      visits--
    }
    return 'ack'
  }

  scope.use(onAbort(aborted, () => connections.destroy()))
  await scope.acquire(() => broker.onControl((control) => crawls.apply(control)))
  const first = await select({ draining, known: (signal) => crawls.known({ signal }) })
  if (first.branch === 'draining') return
  const consumer = await scope.acquire(() => broker.consume('visits', { prefetch: config.VISIT_SLOTS, signal: aborted }, take))
  const ended = await select({ failed: consumer.failed, draining })
  if (ended.branch === 'failed') throw ended.value
  logger.info({ visits }, 'draining: no more visits are taken')
}

function logNameServers({ event, payload }: BreakerStep, logger: Logger): void {
  if (event === 'trip') logger.warn({ openMs: payload.openMs, error: payload.error }, 'name servers fail: the system alone is asked')
  else if (event === 'recover') logger.info('name servers answer again')
}
