import type { HostKey } from '@warren/web'
import type { Database } from './database.ts'

/** A host as everybody sees it: its pace, its visit, its trouble, its rules, its address, and the crawls that have work for it. */
export interface HostFacts {
  readonly id: number
  readonly key: HostKey
  /** Nobody may visit it before; null: it may be visited now. */
  readonly nextAt: Date | null
  readonly meanExchangeMs: number | null
  /** What robots.txt asks for; holds if it is longer than any other pace. */
  readonly crawlDelayMs: number | null
  /** An operator's, instead of the crawl's; null: the crawl's own. */
  readonly pace: { readonly delayMs: number | null; readonly width: number | null }
  /** An operator's reason why nothing of it is fetched. */
  readonly blocked: string | null
  /** null: none is open. */
  readonly visit: OpenVisit | null
  readonly breaker: Breaker
  /** Visits that ended with 429 or 503 in the last half hour. */
  readonly throttled: { readonly count: number; readonly at: Date } | null
  readonly robots: RobotsRecord
  /** null: no name was looked up yet. */
  readonly address: AddressFacts | null
  readonly queues: readonly HostQueue[]
}

export interface OpenVisit {
  readonly id: string
  readonly crawl: string
  readonly kind: 'pages' | 'robots' | 'resolve'
  /** The fetcher that runs it; null: none has taken it up yet. */
  readonly worker: string | null
  readonly since: Date
  /** When its lease runs out. */
  readonly until: Date
  readonly recalled: boolean
}

/** `open`: left alone for its trouble. `half-open`: one request at a time, until one is answered. */
export interface Breaker {
  readonly state: 'closed' | 'open' | 'half-open'
  /** Visits in a row without a usable answer. */
  readonly count: number
  readonly code: string | null
  readonly since: Date | null
}

export interface RobotsRecord {
  /** null: not fetched yet, or not to be had. */
  readonly access: 'rules' | 'allow-all' | null
  readonly digest: string | null
  readonly fetchedAt: Date | null
  /** It is asked for again before the next page; null: now. */
  readonly expiresAt: Date | null
  /** Out of reach and without a copy: asked for again then. */
  readonly retryAt: Date | null
  /** A redirect that is being followed. */
  readonly redirect: { readonly url: string; readonly hop: number } | null
}

export interface AddressFacts {
  /** CIDR. */
  readonly group: string
  /** The requests that were handed out fill its calendar until then; null: it is free. */
  readonly nextAt: Date | null
  readonly openVisits: number
}

/** The work that a crawl has for a host. */
export interface HostQueue {
  readonly crawlId: number
  readonly crawl: string
  readonly crawlState: string
  /** When claim looks at it next; null: it holds nothing that could be claimed. */
  readonly dueAt: Date | null
  /** Why nothing of it is claimed any more, and what is queued ends: 'given-up: http-503', 'operator: ...', 'budget: ...'. */
  readonly closed: string | null
  /** Counters of this pass, kept for crawls with budgets by host. */
  readonly leased: number
  readonly done: number
  readonly bytes: number
  readonly busyMs: number
}

/** A host that failed so often gets one request to prove itself; the number in claim(). */
const HALF_OPEN_AFTER = 3

type Time = string | null

/** The columns of HOST_JSON. */
export interface HostRow {
  readonly id: number
  readonly key: HostKey
  readonly nextAt: Time
  readonly meanExchangeMs: number | null
  readonly crawlDelayMs: number | null
  readonly paceDelayMs: number | null
  readonly paceWidth: number | null
  readonly blocked: string | null
  readonly troubleCode: string | null
  readonly troubleCount: number
  readonly troubleSince: Time
  readonly throttleCount: number
  readonly throttledAt: Time
  readonly robotsAccess: RobotsRecord['access']
  readonly robotsDigest: string | null
  readonly robotsGoodAt: Time
  readonly robotsExpires: Time
  readonly robotsRetryAt: Time
  readonly redirect: { readonly url: string; readonly hop: number } | null
  readonly visit: (Omit<OpenVisit, 'since' | 'until'> & { readonly since: string; readonly until: string }) | null
  readonly address: { readonly group: string; readonly nextAt: Time; readonly openVisits: number } | null
  readonly queues: readonly (Omit<HostQueue, 'dueAt'> & { readonly dueAt: Time })[] | null
}

/** What HostRow has of a host h but its queues. Every row in it is found by an index. */
export const HOST_COLUMNS = `
h.id, h.key, h.next_at as "nextAt", h.mean_exchange_ms as "meanExchangeMs", h.crawl_delay_ms as "crawlDelayMs",
h.pace_delay_ms as "paceDelayMs", h.pace_width as "paceWidth", h.blocked, h.trouble_code as "troubleCode", h.trouble_count as "troubleCount",
h.trouble_since as "troubleSince", h.throttle_count as "throttleCount", h.throttled_at as "throttledAt", h.robots_access as "robotsAccess",
h.robots_digest as "robotsDigest", h.robots_good_at as "robotsGoodAt", h.robots_retry_at as "robotsRetryAt",
least(h.robots_expires, clock_timestamp() + interval '100 years') as "robotsExpires",
(select to_json(r) from (select r.url, r.hop from frontier.robots_hops r
                          where r.asking_host_id = h.id and r.expires_at > clock_timestamp()) r) as redirect,
(select to_json(v) from (select v.id, c.name as crawl, v.kind, v.worker, v.began_at as since, v.until, v.recalled
                           from frontier.visits v join frontier.crawls c on c.id = v.crawl_id
                          where v.host_id = h.id and v.id = h.visit and v.until > clock_timestamp()) v) as visit,
(select to_json(a) from (select a.prefix::text as "group", a.next_at as "nextAt",
                                (select count(*) from frontier.visits v where v.address_id = a.id and v.until > clock_timestamp()) as "openVisits"
                           from frontier.addresses a where a.id = h.address_id) a) as address`

/** The columns of a HostQueue, of a queue q and its crawl c. */
export const QUEUE_COLUMNS = `
q.crawl_id as "crawlId", c.name as crawl, c.state as "crawlState", q.due_at as "dueAt", q.closed, q.leased, q.done, q.bytes, q.busy_ms as "busyMs"`

/** A subquery that gives the host of key $2 as JSON. */
export const HOST_JSON = `
(select to_json(x) from (
  select ${HOST_COLUMNS},
         (select json_agg(q order by q."crawlId") from (
            select ${QUEUE_COLUMNS}
              from frontier.queues q join frontier.crawls c on c.id = q.crawl_id where q.host_id = h.id) q) as queues
    from frontier.hosts h where h.key = $2) x)`

/** A time that has come says no more than that it has. */
export const timeOf = (text: Time): Date | null => (text === null || text.endsWith('infinity') ? null : new Date(text))
export const futureOf = (text: Time, now: Date): Date | null => {
  const time = timeOf(text)
  return time === null || time <= now ? null : time
}

export function hostFactsOf(row: HostRow, now: Date): HostFacts {
  const nextAt = row.visit === null ? futureOf(row.nextAt, now) : timeOf(row.nextAt)
  const throttledAt = timeOf(row.throttledAt)
  return {
    id: row.id,
    key: row.key,
    nextAt,
    meanExchangeMs: row.meanExchangeMs,
    crawlDelayMs: row.crawlDelayMs,
    pace: { delayMs: row.paceDelayMs, width: row.paceWidth },
    blocked: row.blocked,
    visit: row.visit === null ? null : { ...row.visit, since: new Date(row.visit.since), until: new Date(row.visit.until) },
    breaker: breakerOf(row, nextAt),
    throttled:
      throttledAt === null || now.getTime() - throttledAt.getTime() > AMNESTY_MS ? null : { count: row.throttleCount, at: throttledAt },
    robots: {
      access: row.robotsAccess,
      digest: row.robotsDigest,
      fetchedAt: timeOf(row.robotsGoodAt),
      expiresAt: futureOf(row.robotsExpires, now),
      retryAt: futureOf(row.robotsRetryAt, now),
      redirect: row.redirect,
    },
    address: row.address === null ? null : { ...row.address, nextAt: futureOf(row.address.nextAt, now) },
    queues: (row.queues ?? []).map((queue) => ({ ...queue, dueAt: timeOf(queue.dueAt) })),
  }
}

/** How long 429 and 503 are remembered; the number in settle(). */
const AMNESTY_MS = 1_800_000

function breakerOf({ troubleCount, troubleCode, troubleSince, visit }: HostRow, nextAt: Date | null): Breaker {
  const isProving = troubleCount >= HALF_OPEN_AFTER
  const waits = visit === null && nextAt !== null
  const state = troubleCount > 0 && waits ? 'open' : isProving ? 'half-open' : 'closed'
  return { state, count: troubleCount, code: troubleCode, since: timeOf(troubleSince) }
}

const READ = `select clock_timestamp() as now, ${HOST_JSON.replace('$2', '$1')} as host`
// Its queues may be of many crawls, and a statement must not meet a partitioned table with a crawl that it only learns while joining.
const QUEUED = `
select least($3, count(*))::int as n from (
  (select from frontier.pending where crawl_id = $1 and host_id = $2 and retry_at is null limit $3)
  union all
  (select from frontier.pending where crawl_id = $1 and host_id = $2 and retry_at is not null limit $3)) p`

/**
 * Undefined: no crawl has met the host, and no operator has named it. `queued` has the URLs that crawls have for it, by crawl id, of the
 * newest READ_QUEUES crawls, each counted up to `limit`. Cost: one round trip, and one for each of those crawls.
 */
export async function readHost(
  db: Database,
  key: HostKey,
  limit: number,
): Promise<{ now: Date; host: HostFacts; queued: ReadonlyMap<number, number> } | undefined> {
  const [row] = await db.call<{ now: Date; host: HostRow | null }>('frontier.read-host', READ, [key])
  if (row === undefined || row.host === null) return undefined
  const host = hostFactsOf(row.host, row.now)
  const queued = new Map<number, number>()
  for (const { crawlId } of host.queues.slice(-READ_QUEUES)) {
    const [counted] = await db.call<{ n: number }>('frontier.count-queue', QUEUED, [crawlId, host.id, limit])
    queued.set(crawlId, counted?.n ?? 0)
  }
  return { now: row.now, host, queued }
}

const READ_QUEUES = 20
