import { interval, oneshot, ShutdownScope, TaskGroup } from '@warren/async'
import { createInProcessBroker } from '@warren/broker'
import { coordinatorConfig, runCoordinator } from '@warren/coordinator'
import { type FetcherConfig, runFetcher } from '@warren/fetcher'
import type { Frontier } from '@warren/frontier'
import { parserConfig, runParser } from '@warren/parser'
import { createMetrics, type Logger } from '@warren/service'
import { brokerLog } from './broker-log.ts'

/** One process has no network between its parts: looks often, keeps a small window. */
const COORDINATOR = { MAINTENANCE_MS: 200, CLAIM_IDLE_MS: 50, WINDOW_VISITS: 64, WINDOW_URLS: 4_000, CONTROL_MS: 500 }

/** Between two looks at the pages that the fetcher has left. */
const LOOK_MS = 10

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
  await using group = new TaskGroup({ signal: shutdown.aborted })
  // A role that fails takes its siblings along. The parser drains by a scope of its own: last, and not when it is asked to.
  using roles = new ShutdownScope({ draining: shutdown.draining, aborted: group.signal })
  using parsing = new ShutdownScope({ aborted: group.signal })
  const fetched = oneshot<true>()
  const parsed = oneshot<true>()
  group.spawn(() => runFetcher({ broker, logger, metrics, config: deps.fetcher }, roles).finally(() => fetched.sender.send(true)))
  group.spawn(() => runParser({ broker, logger, metrics, config: parserConfig.parse({}) }, parsing).finally(() => parsed.sender.send(true)))
  group.spawn(async (signal) => {
    await fetched.receiver.recv({ signal })
    const look = interval({ everyMs: LOOK_MS, missed: 'delay' })
    do await look.tick({ signal })
    while ((await broker.depths()).pages > 0)
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
        companions: parsed.receiver.recv(), // the fetcher has ended before
      },
      roles,
    ),
  )
  await group.join()
}
