import { hash } from 'node:crypto'
import { Batcher, err, ok, type Result, yieldIfDue } from '@warren/async'
import type { Broker, Consumer, Verdict } from '@warren/broker'
import type { Frontier, Settlement } from '@warren/frontier'
import { CrawlError, type Outcome, type VisitStart } from '@warren/protocol'
import { combineUsage, parseContentUsage, serializeUsage } from '@warren/web'
import { admissionOf } from './admission.ts'
import type { CoordinatorConfig } from './config.ts'
import type { CrawlBook } from './crawl-book.ts'
import type { KnownUrls } from './known-urls.ts'
import type { CoordinatorMetrics } from './metrics.ts'
import type { Notes } from './notes.ts'
import { fateOf, nextAfterRobotsMs, nextInMs, productToken, robotsTroubleOf, robotsVerdict, troubleOf } from './policy.ts'
import { untilStored } from './store-retry.ts'

export interface SettleDeps {
  readonly broker: Broker
  readonly frontier: Frontier
  readonly config: CoordinatorConfig
  readonly book: CrawlBook
  readonly known: KnownUrls
  readonly metrics: CoordinatorMetrics
  readonly notes: Notes
  readonly random: () => number
  /** Called after a commit that may have made work: a host is free, or URLs were admitted. */
  readonly onProgress: () => void
  /** Ends the work on outcomes, above all waiting for a database that is away: what is not settled then goes back to the broker. */
  readonly signal: AbortSignal
}

/** Dispose stops taking outcomes, then waits until those taken are settled. */
export interface Settling extends AsyncDisposable {
  /** Aborts with the error after which no outcome is taken any more, such as a refused password. The role ends. */
  readonly failed: AbortSignal
}

/** A delay that anything else outlasts. */
const LEAST_DELAY_MS = 1

/** What one outcome came to: settled, or the reason why it never can be. */
type Settled = Result<void, CrawlError>

/**
 * Consumes `outcomes`: each is turned into a settlement, settled together with its neighbours in one commit, and acked after it.
 * While the database is away the outcomes stay unacked and wait here; one that the database refuses is dead-lettered alone.
 */
export async function startSettling(deps: SettleDeps): Promise<Settling> {
  await using stack = new AsyncDisposableStack()
  const batcher = new Batcher<Settlement, Settled>({
    maxCount: deps.config.SETTLE_BATCH,
    maxAgeMs: deps.config.SETTLE_WAIT_MS,
    concurrency: deps.config.SETTLE_CONCURRENCY,
    flush: (batch) => settleBatch(batch, deps),
  })
  stack.use(batcher)
  const consumer: Consumer = await deps.broker.consume(
    'outcomes',
    { prefetch: deps.config.OUTCOME_PREFETCH, signal: deps.signal },
    async ({ message, redelivered }): Promise<Verdict> => {
      deps.metrics.outcomes.inc({ of: message.of })
      if (redelivered) deps.metrics.redelivered.inc()
      if (message.of === 'start') {
        deps.notes.started(message)
        return 'ack'
      }
      const settlement = await untilStored(() => settlementOf(message, deps), deps.signal)
      if (settlement === undefined) return 'ack' // its crawl was deleted: nothing is left to settle
      const settled = await batcher.add(settlement)
      return settled.ok ? 'ack' : { deadLetter: settled.error.message }
    },
  )
  stack.use(consumer)
  const owned = stack.move()
  return { failed: consumer.failed, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** What `outcome` changes in the frontier; undefined when its crawl was deleted. */
async function settlementOf(outcome: Exclude<Outcome, VisitStart>, deps: SettleDeps): Promise<Settlement | undefined> {
  const open = await deps.book.get(outcome.crawlId)
  if (open === undefined) return undefined
  const { config } = open.crawl
  const { crawlId, hostId, visitId } = outcome
  switch (outcome.of) {
    case 'url': {
      const fate = fateOf(outcome.result, outcome.facts, {
        attempt: outcome.url.attempt,
        maxAttempts: config.maxAttempts,
        retryBaseMs: deps.config.RETRY_BASE_MS,
        retryMaxMs: deps.config.RETRY_MAX_MS,
        random: deps.random,
      })
      if (fate.kind !== 'done') return { kind: 'url', crawlId, hostId, visitId, url: outcome.url, fate }
      const { candidates, refused, repeated } = await admissionOf(outcome, open, deps)
      for (const [rule, { count, sample }] of refused) {
        deps.metrics.rejected.inc({ reason: rule }, count)
        deps.notes.refused({ crawlId, hostId, rule, count, sample })
      }
      deps.metrics.rejected.inc({ reason: 'known' }, repeated)
      return {
        kind: 'url',
        crawlId,
        hostId,
        visitId,
        url: outcome.url,
        fate: {
          ...fate,
          candidates,
          links: outcome.links.length + (outcome.facts?.linksDropped ?? 0),
          ...usageOf(outcome.url.usage, fate.result.contentUsage),
        },
      }
    }
    case 'visit': {
      const { report } = outcome
      return {
        kind: 'end',
        crawlId,
        hostId,
        visitId,
        ending: outcome.ending,
        unfetched: outcome.unfetched,
        nextInMs: nextInMs(outcome, config.delayMs, deps.config.VISIT_RUN_MS),
        stretchMs: nextInMs(outcome, Math.min(config.delayMs, LEAST_DELAY_MS), deps.config.VISIT_RUN_MS),
        pageLeaseMs: deps.config.PAGE_LEASE_MS,
        meanExchangeMs: report.meanExchangeMs,
        trouble: troubleOf(report, { ...deps.config, random: deps.random }),
        answered: report.answered,
        addressGroup: report.addressGroup,
      }
    }
    case 'robots': {
      const verdict = robotsVerdict(outcome, productToken(config))
      const result = verdict.kind === 'rules' ? { ...verdict, digest: hash('sha256', verdict.body, 'hex') } : verdict
      return {
        kind: 'robots',
        crawlId,
        hostId,
        visitId,
        askingHostId: outcome.askingHostId,
        result,
        nextInMs: nextAfterRobotsMs(outcome.report, config.delayMs),
        stretchMs: nextAfterRobotsMs(outcome.report, Math.min(config.delayMs, LEAST_DELAY_MS)),
        meanExchangeMs: outcome.report.meanExchangeMs,
        trouble: robotsTroubleOf(verdict, outcome.report, { ...deps.config, random: deps.random }),
        answered: verdict.kind !== 'unreachable',
        addressGroup: outcome.report.addressGroup,
      }
    }
    default:
      return outcome satisfies never
  }
}

/** What robots.txt and the answer say about the use of a page; most say nothing. */
function usageOf(robots: string | undefined, header: string | null): { usage?: string } {
  if (robots === undefined && header === null) return {}
  return { usage: serializeUsage(combineUsage(parseContentUsage(robots ?? ''), parseContentUsage(header ?? ''))) }
}

async function settleBatch(batch: readonly Settlement[], deps: SettleDeps): Promise<Settled[]> {
  try {
    const stop = deps.metrics.settleSeconds.startTimer()
    const result = await untilStored(() => deps.frontier.settle(batch), deps.signal)
    stop()
    deps.metrics.settled.inc(batch.length)
    deps.metrics.admitted.inc(result.admitted)
    deps.metrics.rejected.inc({ reason: 'known' }, result.known)
    deps.metrics.stale.inc(result.refusedStale)
    deps.onProgress()
    // A page that came too late brought no links in, and the count does not say which one it was.
    if (result.refusedStale === 0) await remember(batch, deps.known)
    return batch.map(() => ok(undefined))
  } catch (error) {
    if (deps.signal.aborted || (error instanceof CrawlError && error.disposition !== 'dead-letter')) throw error
    // The database refuses something in here: halves show which one, in log2 of the batch commits.
    if (batch.length > 1) {
      const half = batch.length >> 1
      return [...(await settleBatch(batch.slice(0, half), deps)), ...(await settleBatch(batch.slice(half), deps))]
    }
    const reason =
      error instanceof CrawlError
        ? error
        : new CrawlError('ERR_MESSAGE_INVALID', `Cannot settle outcome: ${String(error)}`, { cause: error })
    return [err(reason)]
  }
}

/** What the commit made true. */
async function remember(batch: readonly Settlement[], known: KnownUrls): Promise<void> {
  for (const settlement of batch) {
    if (settlement.kind !== 'url' || settlement.fate.kind !== 'done') continue
    for (const candidate of settlement.fate.candidates) {
      const due = yieldIfDue()
      if (due !== undefined) await due
      known.add(settlement.crawlId, candidate.fingerprint, candidate.depth)
    }
  }
}
