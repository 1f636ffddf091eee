import { ShutdownScope, sleep, TaskGroup } from '@warren/async'
import { createInProcessBroker } from '@warren/broker'
import { coordinatorConfig, runCoordinator } from '@warren/coordinator'
import { type FetcherConfig, runFetcher } from '@warren/fetcher'
import type { Frontier } from '@warren/frontier'
import { parserConfig, runParser } from '@warren/parser'
import { createMetrics, type Logger } from '@warren/service'
import { brokerLog } from './broker-log.ts'

/** One process has no network between its parts: looks often, keeps a small window. */
const COORDINATOR = { MAINTENANCE_MS: 200, CLAIM_IDLE_MS: 50, WINDOW_VISITS: 64, WINDOW_URLS: 4_000, CONTROL_MS: 500 }

export interface EmbeddedDeps {
  readonly frontier: Frontier
  readonly logger: Logger
  readonly fetcher: FetcherConfig
  /** First wait of a URL or a host that failed; undefined: the coordinator's defaults. */
  readonly retryMs: number | undefined
}

/**
 * All three roles in this process over the in-process broker, until `shutdown` drains: the coordinator stops claiming, the fetcher gives
 * back what it did not ask for, then the parser ends what was fetched, then the coordinator settles what both brought.
 * Rejects with the first error of a role, after the others have stopped.
 */
export async function runEmbedded(deps: EmbeddedDeps, shutdown: ShutdownScope): Promise<void> {
  const { logger } = deps
  await using broker = createInProcessBroker({ onEvent: brokerLog(logger) })
  const metrics = createMetrics({ role: 'embedded' })
  const parsing = new ShutdownScope()
  await using group = new TaskGroup({ signal: shutdown.aborted })
  group.signal.addEventListener('abort', () => parsing.abort(group.signal.reason), { once: true })
  // A role that fails takes its siblings along; a role that is asked to drain does so by its own scope.
  const inner = new ShutdownScope()
  const drain = () => inner.drain()
  if (shutdown.draining.aborted) drain()
  else shutdown.draining.addEventListener('abort', drain, { once: true })
  group.signal.addEventListener('abort', () => inner.abort(group.signal.reason), { once: true })

  const fetched = Promise.withResolvers<void>()
  const parsed = Promise.withResolvers<void>()
  group.spawn(() => runFetcher({ broker, logger, metrics, config: deps.fetcher }, inner).finally(fetched.resolve))
  group.spawn(() => runParser({ broker, logger, metrics, config: parserConfig.parse({}) }, parsing).finally(parsed.resolve))
  group.spawn(async (signal) => {
    await fetched.promise
    while (!signal.aborted && (await broker.depths()).pages > 0) await sleep(10, { signal })
    parsing.drain()
  })
  group.spawn(() =>
    runCoordinator(
      {
        broker,
        frontier: deps.frontier,
        config: coordinatorConfig.parse({
          ...COORDINATOR,
          ...(deps.retryMs === undefined
            ? {}
            : { RETRY_BASE_MS: deps.retryMs, HOST_RETRY_BASE_MS: deps.retryMs, THROTTLE_BASE_MS: deps.retryMs }),
        }),
        logger,
        metrics,
        companions: Promise.all([fetched.promise, parsed.promise]),
      },
      inner,
    ),
  )
  await group.join()
}
