import type { CrawlConfig, CrawlState } from '@warren/protocol'
import { type HostFacts, type HostQueue, timeOf } from './host-facts.ts'

/** What keeps a queued URL from being fetched now. `inMs`: how long that lasts; null: nobody knows. */
export interface Wait {
  readonly for:
    | 'pause'
    | 'crawl-state'
    | 'coordinator'
    | 'blocked'
    | 'closed'
    | 'budget'
    | 'level'
    | 'retry'
    | 'visit'
    | 'breaker'
    | 'back-off'
    | 'pace'
    | 'robots'
    | 'address'
    | 'turn'
    | 'other-urls'
  readonly inMs: number | null
  readonly detail: string
  /** What the trouble is, where there is some: 'http-503', 'connect-refused'. */
  readonly code?: string
}

export const wait = (reason: Wait['for'], detail: string, inMs: number | null = null): Wait => ({ for: reason, inMs, detail })

/** What a claim looks at in a crawl. */
export interface CrawlGate {
  readonly id: number
  readonly state: CrawlState
  readonly config: CrawlConfig
  readonly maxRank: number
  readonly level: number
  readonly reason: string | null
  readonly ranMs: number
  readonly done: number
  readonly leased: number
  readonly queued: number
  /** In this pass. */
  readonly bytes: number
}

/** A subquery that gives the crawl $1 as CrawlGate. Cost: its rows in crawl_counts. */
export const CRAWL_JSON = `
(select to_json(c) from (
  select c.id, c.state, c.config, c.max_rank as "maxRank", c.level, c.reason, c.ran_ms as "ranMs", k.done, k.leased, k.queued,
         k.bytes - c.pass_bytes as bytes
    from frontier.crawls c cross join lateral (
      select coalesce(sum(done), 0) as done, coalesce(sum(leased), 0) as leased, coalesce(sum(queued), 0) as queued,
             coalesce(sum(bytes), 0) as bytes
        from frontier.crawl_counts where crawl_id = c.id) k
   where c.id = $1) c)`

/** Those that have beaten lately. */
export interface Coordinators {
  readonly alive: number
  /** When one of them, or the last one that lived, was seen. */
  readonly seenAt: Date | null
  /** Why all of them claim nothing; null: one does, or none lives. */
  readonly holds: string | null
}
export type CoordinatorsRow = Omit<Coordinators, 'seenAt'> & { readonly seenAt: string | null }

/** A coordinator beats every second; one that is silent for so long is dead, or has no database. */
const SILENT_MS = 10_000

export const COORDINATORS_JSON = `
(select to_json(x) from (
  select count(*) filter (where alive) as alive, max(seen_at) as "seenAt",
         case when bool_and(holds is not null) filter (where alive) then max(holds) filter (where alive) end as holds
    from (select seen_at, holds, seen_at > clock_timestamp() - interval '${SILENT_MS} ms' as alive from frontier.coordinators) c) x)`

export const coordinatorsOf = (row: CoordinatorsRow): Coordinators => ({ ...row, seenAt: timeOf(row.seenAt) })

/** What keeps all of a crawl from being claimed. */
export function crawlWaits({ state, config, reason, done, leased, bytes, ranMs }: CrawlGate, coordinators: Coordinators): Wait[] {
  const waits: Wait[] = []
  if (state === 'paused') waits.push(wait('pause', 'the crawl is paused'))
  else if (state !== 'running') waits.push(wait('crawl-state', `the crawl is ${state}${reason === null ? '' : ` (${reason})`}`))
  const { maxPages, maxBytes, maxTimeMs } = config
  if (maxPages !== null && done + leased >= maxPages)
    waits.push(wait('budget', `max-pages: ${done} of ${maxPages} are there, ${leased} under way`))
  if (maxBytes !== null && bytes >= maxBytes) waits.push(wait('budget', `max-bytes: ${bytes} of ${maxBytes} are there`))
  if (maxTimeMs !== null && ranMs >= maxTimeMs) waits.push(wait('budget', 'max-time: it is over'))
  if (coordinators.alive === 0) waits.push(wait('coordinator', 'no coordinator runs'))
  else if (coordinators.holds !== null) waits.push(wait('coordinator', coordinators.holds))
  return waits
}

/** What keeps a host from being visited for a crawl whose queue of it this is, in the order in which claim asks. */
export function hostWaits(host: HostFacts, queue: HostQueue | undefined, config: CrawlConfig, now: Date): Wait[] {
  const ending = endingOf(host, queue, config)
  if (ending !== undefined) return [ending]
  if (host.visit !== null) return [visitWait(host.visit, queue)]
  const waits: Wait[] = []
  const until = (time: Date) => time.getTime() - now.getTime()
  const { breaker, nextAt, robots, address } = host
  const trouble = breaker.code === null ? {} : { code: breaker.code }
  if (nextAt !== null) {
    if (breaker.state !== 'open') waits.push(wait('pace', paceOf(host, config), until(nextAt)))
    else if (breaker.count < 3) waits.push({ ...wait('back-off', `the host backs off: ${breaker.code}`, until(nextAt)), ...trouble })
    else
      waits.push({
        ...wait(
          'breaker',
          `the breaker of the host is open: ${breaker.code}, ${breaker.count} visits in a row without a usable answer`,
          until(nextAt),
        ),
        ...trouble,
      })
  }
  if (robots.redirect !== null) waits.push(wait('robots', `robots.txt was redirected to ${robots.redirect.url}`))
  else if (robots.retryAt !== null)
    waits.push({
      ...wait('robots', `robots.txt is out of reach${breaker.code === null ? '' : `: ${breaker.code}`}`, until(robots.retryAt)),
      ...trouble,
    })
  else if (robots.expiresAt === null) waits.push(wait('robots', 'robots.txt is asked for first'))
  if (config.addressSlots > 0) {
    if (address === null) waits.push(wait('address', 'its name is looked up first'))
    else if (address.nextAt !== null) waits.push(wait('address', `other requests to ${address.group} go first`, until(address.nextAt)))
    else if (address.openVisits >= config.addressSlots)
      waits.push(wait('address', `${address.group} has as many open visits as it may have (${config.addressSlots})`))
  }
  const dueAt = queue?.dueAt ?? null
  if (waits.length === 0 && dueAt !== null && dueAt > now) waits.push(wait('turn', 'its host is looked at again', until(dueAt)))
  return waits
}

/** Why what is queued is about to end, or cannot begin. */
function endingOf({ blocked }: HostFacts, queue: HostQueue | undefined, config: CrawlConfig): Wait | undefined {
  const [kind, ...why] = queue?.closed?.split(': ') ?? []
  if (kind === 'given-up') return wait('closed', `its host was given up (${why.join(': ')}); it ends as failed`)
  if (kind === 'budget') return wait('budget', `${why.join(': ')} is spent; it ends as excluded`)
  if (kind === 'operator' || blocked !== null) return wait('blocked', `${blocked ?? why.join(': ')}; it ends as excluded`)
  const { maxPagesPerHost } = config
  if (queue === undefined || maxPagesPerHost === null || queue.done + queue.leased < maxPagesPerHost) return undefined
  return wait('budget', `max-pages-per-host: ${queue.done} of ${maxPagesPerHost} are there, ${queue.leased} under way`)
}

function visitWait({ kind, worker, crawl }: NonNullable<HostFacts['visit']>, queue: HostQueue | undefined): Wait {
  if (kind === 'resolve') return wait('address', 'its name is being looked up')
  if (kind === 'robots') return wait('robots', 'robots.txt is being asked for')
  return wait(
    'visit',
    worker === null
      ? 'a visit of its host waits for a fetcher'
      : `${worker} visits its host${queue?.crawl === crawl ? '' : ` for crawl ${crawl}`}`,
  )
}

/** Whose pace it is. A host that takes longer than that stretches it. */
function paceOf({ crawlDelayMs, pace, meanExchangeMs }: HostFacts, config: CrawlConfig): string {
  const own = pace.delayMs ?? config.delayMs
  const delayMs = Math.max(own, crawlDelayMs ?? 0)
  const whose = delayMs > own ? "robots.txt's Crawl-delay" : pace.delayMs === null ? "the crawl's" : "an operator's"
  const stretch =
    meanExchangeMs !== null && meanExchangeMs > delayMs ? `, stretched: one takes ${(meanExchangeMs / 1_000).toFixed(1)} s` : ''
  return `${delayMs / 1_000} s between requests, ${whose}${stretch}`
}
