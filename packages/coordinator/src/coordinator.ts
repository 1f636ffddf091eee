import { type ShutdownScope, sleep, TaskGroup, watch, withTimeout } from '@warren/async'
import type { Broker } from '@warren/broker'
import type { Frontier } from '@warren/frontier'
import type { Logger, Metrics } from '@warren/service'
import type { CoordinatorConfig } from './config.ts'
import { Announcer } from './control.ts'
import { CrawlBook } from './crawl-book.ts'
import { Demand } from './demand.ts'
import { dispatchRound } from './dispatch.ts'
import { KnownUrls } from './known-urls.ts'
import { coordinatorMetrics } from './metrics.ts'
import { RobotsRules } from './robots-rules.ts'
import { startSettling } from './settle.ts'
import { isWorthWaiting } from './store-retry.ts'

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
/** Between two looks at the states of crawls: an operator's pause reaches the fetchers this soon. */
const STATE_POLL_MS = 250
/** How long a drain waits for a database or broker that is away; what is not settled by then goes back to the broker, for another coordinator. */
const DRAIN_PATIENCE_MS = 3_000

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
  using patience = patienceOf(shutdown, deps.companions === undefined ? DRAIN_PATIENCE_MS : Number.POSITIVE_INFINITY)
  const stop = patience.signal
  const announcer = new Announcer(broker, book, config.CONTROL_MS)
  const shared = { broker, frontier, config, book, metrics, signal: stop }
  const dispatch = {
    ...shared,
    announcer,
    demand: new Demand(broker, config.CLAIM_HOSTS),
    robots: new RobotsRules(config.ROBOTS_CACHE_BYTES),
  }

  await using settling = await startSettling({
    ...shared,
    known: new KnownUrls(config.KNOWN_CACHE_ENTRIES),
    random: deps.random ?? Math.random,
    onProgress: () => progress.sender.send(progress.receiver.value + 1),
  })
  await using group = new TaskGroup({ signal: shutdown.aborted })
  /** Repeats `step` until the drain; a database or a broker that is away is waited for, any other error ends the role. */
  const repeat = (name: string, step: () => Promise<void>) =>
    group.spawn(async (signal) => {
      let isFailing = false
      while (!shutdown.draining.aborted && !signal.aborted) {
        try {
          await step()
          if (isFailing) logger.info({ loop: name }, 'works again')
          isFailing = false
        } catch (error) {
          if (signal.aborted) throw signal.reason
          if (stop.aborted && error === stop.reason) return // a drain that waited long enough
          if (!isWorthWaiting(error)) throw error
          if (!isFailing) logger.warn({ loop: name, code: error.code, reason: error.message }, 'waits for a service')
          isFailing = true
          await pause(STEP_RETRY_MS, shutdown.draining)
        }
      }
    })

  // A consumer that failed for good ends the group, and so the role.
  group.spawn(async (signal) => {
    await aborted(AbortSignal.any([settling.failed, shutdown.draining, signal]))
    if (settling.failed.aborted) throw settling.failed.reason
  })
  repeat('control', async () => {
    await announcer.tell(stop)
    await pause(Math.min(config.CONTROL_MS, STATE_POLL_MS), shutdown.draining)
  })
  repeat('dispatch', async () => {
    const seen = progress.receiver.value
    if ((await dispatchRound(dispatch)) > 0) return
    // Nothing is due: look again when something was settled, or when time may have made a host due.
    await untilOver(
      withTimeout(config.CLAIM_IDLE_MS, (limit) => progress.receiver.waitFor((n) => n !== seen, { signal: limit }), {
        signal: shutdown.draining,
      }),
    )
  })
  repeat('maintenance', async () => {
    const expired = await whileSome(() => frontier.expire(), shutdown.draining)
    if (expired > 0) logger.info({ expired }, 'leases expired')
    metrics.expired.inc(expired)
    metrics.givenUp.inc(await whileSome(() => frontier.giveUpStep(), shutdown.draining))
    const changes = await frontier.advance()
    for (const { name, from, to } of changes) logger.info({ crawl: name, from, to }, 'crawl changed state')
    if (changes.length > 0) await announcer.tell(stop)
    await pause(config.MAINTENANCE_MS, shutdown.draining)
  })

  await group.join()
  if (deps.companions !== undefined && !shutdown.aborted.aborted) {
    await deps.companions
    while (!shutdown.aborted.aborted && (await broker.depths()).outcomes > 0) await pause(20, shutdown.aborted)
  }
}

/** Aborts with the shutdown, or `ms` after its drain has begun. */
function patienceOf({ draining, aborted }: ShutdownScope, ms: number): { readonly signal: AbortSignal } & Disposable {
  const over = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const start = () => {
    if (ms !== Number.POSITIVE_INFINITY)
      timer = setTimeout(() => over.abort(new DOMException('The drain has waited long enough', 'AbortError')), ms)
  }
  if (draining.aborted) start()
  else draining.addEventListener('abort', start, { once: true })
  return {
    signal: AbortSignal.any([aborted, over.signal]),
    [Symbol.dispose]: () => {
      draining.removeEventListener('abort', start)
      clearTimeout(timer)
    },
  }
}

/** Repeats a bounded step while it finds something to do; returns how much it did in all. */
async function whileSome(step: () => Promise<number>, until: AbortSignal): Promise<number> {
  let sum = 0
  for (;;) {
    const n = await step()
    sum += n
    if (n === 0 || until.aborted) return sum
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

/** Waits `ms`, or less when `signal` aborts; does not reject. */
const pause = (ms: number, signal: AbortSignal): Promise<void> => untilOver(sleep(ms, { signal }))

/** For waits whose only failures are the time-out and the abort that they were given. */
const untilOver = (wait: Promise<unknown>): Promise<void> =>
  wait.then(
    () => {},
    () => {},
  )
