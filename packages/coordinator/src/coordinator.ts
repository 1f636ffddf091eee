import { type ShutdownScope, sleep, TaskGroup, watch, withTimeout } from '@warren/async'
import type { Broker } from '@warren/broker'
import type { Frontier } from '@warren/frontier'
import { CrawlError } from '@warren/protocol'
import type { Logger, Metrics } from '@warren/service'
import type { CoordinatorConfig } from './config.ts'
import { CrawlBook } from './crawl-book.ts'
import { dispatchRound } from './dispatch.ts'
import { KnownUrls } from './known-urls.ts'
import { coordinatorMetrics } from './metrics.ts'
import { RobotsRules } from './robots-rules.ts'
import { startSettling } from './settle.ts'

export interface CoordinatorDeps {
  readonly broker: Broker
  readonly frontier: Frontier
  readonly config: CoordinatorConfig
  readonly logger: Logger
  readonly metrics: Metrics
  readonly random?: () => number
  /** The other roles of this process, if any: a drain settles what they still bring before it ends. Alone, other coordinators settle it. */
  readonly companions?: Promise<unknown>
}

/** After a failure that waiting may heal, before the next try of a loop. */
const STEP_RETRY_MS = 500

/**
 * Runs a coordinator - dispatch, settle, maintenance and control side by side - next to any number of others on the same database.
 * Drain: nothing more is claimed; outcomes taken, and those of `companions`, are settled. Abort: stops at once; leases heal the rest.
 * Resolves when nothing of it runs any more; rejects with the first error that waiting cannot heal.
 */
export async function runCoordinator(deps: CoordinatorDeps, shutdown: ShutdownScope): Promise<void> {
  const { broker, frontier, config, logger } = deps
  const metrics = coordinatorMetrics(deps.metrics, frontier, broker)
  const book = new CrawlBook(frontier)
  const progress = watch(0)
  const shared = { broker, frontier, config, book, metrics }
  const dispatch = { ...shared, robots: new RobotsRules(config.ROBOTS_CACHE_BYTES) }
  const sayControl = async () => broker.publish({ v: 1, type: 'control', crawls: await book.refresh() }, { signal: shutdown.aborted })

  await using settling = await startSettling({
    ...shared,
    known: new KnownUrls(config.KNOWN_CACHE_ENTRIES),
    random: deps.random ?? Math.random,
    onProgress: () => progress.sender.send(progress.receiver.value + 1),
    signal: shutdown.aborted,
  })
  await using group = new TaskGroup({ signal: shutdown.aborted })
  /** Repeats `step` until the drain; a database or a broker that is away is waited for, any other error ends the role. */
  const repeat = (name: string, step: (signal: AbortSignal) => Promise<void>) =>
    group.spawn(async (signal) => {
      let isFailing = false
      while (!shutdown.draining.aborted) {
        try {
          await step(signal)
          if (isFailing) logger.info({ loop: name }, 'works again')
          isFailing = false
        } catch (error) {
          if (signal.aborted || !(error instanceof CrawlError && error.disposition === 'retry')) throw error
          if (!isFailing) logger.warn({ loop: name, code: error.code, reason: error.message }, 'waits for a service')
          isFailing = true
          await pause(STEP_RETRY_MS, shutdown.draining)
        }
      }
    })

  // A failed consumer ends the group, and so the role.
  settling.failed.addEventListener('abort', () => group.spawn(() => Promise.reject(settling.failed.reason)), {
    once: true,
    signal: group.signal,
  })

  repeat('control', async () => {
    await sayControl()
    await pause(config.CONTROL_MS, shutdown.draining)
  })
  repeat('dispatch', async (signal) => {
    const seen = progress.receiver.value
    if ((await dispatchRound(dispatch, signal)) > 0) return
    // Nothing is due: look again when something was settled, or when time may have made a host due.
    await untilOver(
      withTimeout(config.CLAIM_IDLE_MS, (limit) => progress.receiver.waitFor((n) => n !== seen, { signal: limit }), {
        signal: shutdown.draining,
      }),
    )
  })
  repeat('maintenance', async () => {
    const expired = await frontier.expire()
    if (expired > 0) logger.info({ expired }, 'leases expired')
    metrics.expired.inc(expired)
    metrics.givenUp.inc(await frontier.giveUpStep())
    const changes = await frontier.advance()
    for (const { name, from, to } of changes) logger.info({ crawl: name, from, to }, 'crawl changed state')
    if (changes.length > 0) await sayControl()
    await pause(config.MAINTENANCE_MS, shutdown.draining)
  })

  await group.join()
  if (deps.companions !== undefined && !shutdown.aborted.aborted) {
    await deps.companions
    while (!shutdown.aborted.aborted && (await broker.depths()).outcomes > 0) await pause(20, shutdown.aborted)
  }
}

/** Waits `ms`, or less when `signal` aborts; does not reject. */
const pause = (ms: number, signal: AbortSignal): Promise<void> => untilOver(sleep(ms, { signal }))

/** For waits whose only failures are the time-out and the abort that they were given. */
const untilOver = (wait: Promise<unknown>): Promise<void> =>
  wait.then(
    () => {},
    () => {},
  )
