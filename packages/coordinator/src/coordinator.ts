import { hostname } from 'node:os'
import { type Branch, interval, type ShutdownScope, select, sleep, TaskGroup, watch } from '@warren/async'
import type { Broker } from '@warren/broker'
import type { Frontier } from '@warren/frontier'
import type { Logger, Metrics } from '@warren/service'
import type { CoordinatorConfig } from './config.ts'
import { Announcer } from './control.ts'
import { CrawlBook } from './crawl-book.ts'
import { Demand } from './demand.ts'
import { dispatchRound, type Round } from './dispatch.ts'
import { KnownUrls } from './known-urls.ts'
import { impoliteness } from './manners.ts'
import { coordinatorMetrics } from './metrics.ts'
import { Notes } from './notes.ts'
import { RobotsRules } from './robots-rules.ts'
import { startDuePasses } from './schedule.ts'
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
/** Between two heartbeats, which also look for passes that are due and crawls that are to be deleted. */
const UPKEEP_MS = 1_000
/** Between two looks at the outcomes that companions have left. */
const LAST_LOOK_MS = 20

/**
 * Runs a coordinator - dispatch, settle, maintenance and control side by side - next to any number of others on the same database.
 * Drain: nothing more is claimed; outcomes taken, and those of `companions`, are settled. Abort: stops at once; leases heal the rest.
 * Resolves when nothing of it runs any more; rejects with the first error that waiting cannot heal.
 */
export async function runCoordinator(deps: CoordinatorDeps, shutdown: ShutdownScope): Promise<void> {
  const { broker, frontier, config, logger, companions } = deps
  const metrics = coordinatorMetrics(deps.metrics, frontier, broker)
  const book = new CrawlBook(frontier, ({ name, config }) => {
    for (const manner of impoliteness(config)) logger.warn({ crawl: name }, `less polite than the defaults: ${manner}`)
  })
  const progress = watch(undefined)
  using patient = shutdown.child({ graceMs: companions === undefined ? DRAIN_PATIENCE_MS : undefined })
  const { draining, aborted: stop } = patient
  const announcer = new Announcer({ broker, frontier, book }, config.CONTROL_MS)
  const shared = { broker, frontier, config, book, metrics, signal: stop }
  const dispatch = {
    ...shared,
    announcer,
    demand: new Demand(broker, config.CLAIM_HOSTS),
    robots: new RobotsRules(config.ROBOTS_CACHE_BYTES),
  }

  const notes = new Notes(frontier)

  await using settling = await startSettling({
    ...shared,
    notes,
    known: new KnownUrls(config.KNOWN_CACHE_ENTRIES),
    random: deps.random ?? Math.random,
    onProgress: () => progress.sender.send(undefined),
  })
  await using group = new TaskGroup({ signal: shutdown.aborted })
  /** Does `step` whenever `due`, until the drain; a database or a broker that is away is waited for, any other error ends the role. */
  const repeat = (name: string, due: Branch<unknown>, step: () => Promise<void>) =>
    group.spawn(async (signal) => {
      let isFailing = false
      while ((await select({ draining, due }, { signal })).branch === 'due') {
        try {
          await step()
          if (isFailing) logger.info({ loop: name }, 'works again')
          isFailing = false
        } catch (error) {
          signal.throwIfAborted()
          if (stop.aborted && error === stop.reason) return // a drain that waited long enough
          if (!isWorthWaiting(error)) throw error
          if (!isFailing) logger.warn({ loop: name, code: error.code, reason: error.message }, 'waits for a service')
          isFailing = true
          await select({ draining, again: (cut) => sleep(STEP_RETRY_MS, { signal: cut }) }, { signal })
        }
      }
    })

  // A consumer that failed for good ends the group, and so the role.
  group.spawn(async (signal) => {
    const { branch, value } = await select({ failed: settling.failed, draining }, { signal })
    if (branch === 'failed') throw value
  })
  repeat('control', interval({ everyMs: Math.min(config.CONTROL_MS, STATE_POLL_MS), missed: 'delay' }), () => announcer.tell(stop))
  let round: Round = { claimed: 0, holds: null }
  const idle = interval({ everyMs: config.CLAIM_IDLE_MS, missed: 'delay' })
  // After a round that found nothing: when something was settled, or when time may have made a host due.
  const due = async (signal: AbortSignal) => round.claimed > 0 || select({ progress: progress.receiver, idle }, { signal })
  repeat('dispatch', due, async () => {
    round = await dispatchRound(dispatch)
    if (round.claimed === 0) idle.reset()
  })
  repeat('maintenance', interval({ everyMs: config.MAINTENANCE_MS, missed: 'delay' }), async () => {
    const expired = await whileSome(() => frontier.expire(), draining)
    if (expired > 0) logger.info({ expired }, 'leases expired')
    metrics.expired.inc(expired)
    metrics.closed.inc(await whileSome(() => frontier.closeStep(), draining))
    const changes = await frontier.advance()
    for (const { name, from, to } of changes) logger.info({ crawl: name, from, to }, 'crawl changed state')
    if (changes.length > 0) await announcer.tell(stop)
    await notes.flush()
  })
  const name = `${hostname()}:${process.pid}`
  repeat('upkeep', interval({ everyMs: UPKEEP_MS, missed: 'delay' }), async () => {
    await frontier.heartbeat({ name, fetchers: dispatch.demand.fetchers, holds: round.holds })
    for (const { name, pass } of await startDuePasses(frontier)) logger.info({ crawl: name, pass }, 'pass started by schedule')
    for (const id of await frontier.outdatedCrawls()) {
      await frontier.deleteCrawl(id)
      logger.info({ crawlId: id }, 'crawl deleted')
    }
  })

  await group.join()
  if (companions === undefined) return
  await companions
  const look = interval({ everyMs: LAST_LOOK_MS, missed: 'delay' })
  while ((await select({ stop, look })).branch === 'look') if ((await broker.depths()).outcomes === 0) return
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
