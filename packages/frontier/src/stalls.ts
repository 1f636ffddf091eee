import type { HostKey } from '@warren/web'
import type { Database } from './database.ts'
import { HOST_COLUMNS, type HostRow, hostFactsOf, QUEUE_COLUMNS, timeOf } from './host-facts.ts'
import {
  COORDINATORS_JSON,
  type Coordinators,
  type CoordinatorsRow,
  CRAWL_JSON,
  type CrawlGate,
  coordinatorsOf,
  crawlWaits,
  hostWaits,
  type Wait,
  wait,
} from './waits.ts'

/** A host with work that is due next, and what keeps it from being visited now; 'turn': nothing does. */
export interface Waiting {
  readonly hostKey: HostKey
  readonly dueInMs: number
  readonly reason: Wait['for']
  readonly detail: string
}

/** One reason why a crawl does not move, with how much of it waits for that. */
export interface Stall {
  /** 'parser': pages that were fetched. */
  readonly for: Wait['for'] | 'parser'
  /** What `count` counts; a reason of the whole crawl has count 1. */
  readonly of: 'crawl' | 'hosts' | 'urls'
  readonly count: number
  readonly code: string | null
  readonly detail: string
  /** When the first of them is over; null: nobody knows. */
  readonly inMs: number | null
  /** That first one, of hosts. */
  readonly hostKey: HostKey | null
}

export interface Stalls {
  readonly now: Date
  /** Nothing of it is under way, or is going to be in the next seconds. False for a crawl that has ended. */
  readonly stalled: boolean
  /** Worst first: those of the whole crawl, then by how many hosts wait for it. */
  readonly reasons: readonly Stall[]
  /** Its queues that are due first are looked at, so many; `isAll`: it has no more. */
  readonly looked: { readonly hosts: number; readonly isAll: boolean }
  /** When its last answer was settled. */
  readonly answeredAt: Date | null
  readonly coordinators: Coordinators
}

/** What is over by then is none to speak of. */
const SOON_MS = 3_000
/** With nothing settled for so long, what is said to be under way is not. */
const QUIET_MS = 10_000

// Hosts are joined one by one, or the plan might scan them. A crawl is paced by its queues' due times, and those of the first are looked at.
const STALLS = `
with due as materialized (
  select * from frontier.queues where crawl_id = $1 and closed is null and due_at < 'infinity' order by due_at limit $2)
select clock_timestamp() as now,
       ${CRAWL_JSON} as crawl,
       ${COORDINATORS_JSON} as coordinators,
       (select json_agg(x order by x."dueAt") from (
          select ${HOST_COLUMNS}, q.asleep, ${QUEUE_COLUMNS}
            from due q cross join lateral (select * from frontier.hosts where id = q.host_id limit 1) h
            cross join lateral (select * from frontier.crawls where id = $1 limit 1) c) x) as hosts,
       (select count(*) from (select from frontier.queues where crawl_id = $1 and closed is not null and due_at < 'infinity' limit $2) q) as closed,
       (select to_json(x) from (select count(*) as open, count(v.worker) as taken, coalesce(sum(k.n), 0) as leased
                                  from frontier.visits v cross join lateral (select count(*) as n from frontier.leases l where l.visit = v.id) k
                                 where v.crawl_id = $1 and v.until > clock_timestamp()) x) as visits,
       (select coalesce(sum(k.queued), 0) from frontier.crawls c join frontier.crawl_counts k on k.crawl_id = c.id
         where c.id = $1 and c.by_level and k.depth > c.level)::int as deeper,
       (select k.recrawl_at - k.recrawl_ms * interval '1 ms' from frontier.catalog k where k.crawl_id = $1 order by k.tx desc, k.seq desc limit 1) as "answeredAt"`

type DueHost = Omit<HostRow, 'queues'> & NonNullable<HostRow['queues']>[number] & { readonly asleep: boolean }
interface Row {
  readonly now: Date
  readonly crawl: CrawlGate | null
  readonly coordinators: CoordinatorsRow
  readonly hosts: readonly DueHost[] | null
  readonly closed: number
  readonly visits: { readonly open: number; readonly taken: number; readonly leased: number }
  readonly deeper: number
  readonly answeredAt: Date | null
}

async function read(db: Database, crawlId: number, limit: number): Promise<Row> {
  const [row] = await db.call<Record<string, unknown> & Row>('frontier.read-stalls', STALLS, [crawlId, limit])
  if (row === undefined) throw new TypeError('a select without a table returns a row')
  return row
}

/** Why a crawl does not move. Cost: one round trip; `limit` queues of it are looked at, those that are due first, and the open visits. */
export async function readStalls(db: Database, crawlId: number, limit: number): Promise<Stalls> {
  const row = await read(db, crawlId, limit)
  const { now, crawl, hosts, visits, answeredAt } = row
  const coordinators = coordinatorsOf(row.coordinators)
  const looked = { hosts: hosts?.length ?? 0, isAll: (hosts?.length ?? 0) < limit }
  const open = crawl === null ? 0 : crawl.queued + crawl.leased
  if (crawl === null || open === 0) return { now, stalled: false, reasons: [], looked, answeredAt, coordinators }
  const ofCrawl = crawlWaits(crawl, coordinators).map((reason) => stallOf(reason, 'crawl', 1))
  const ofHosts = groups(waitsOfHosts(row, crawl))
  const parsing = crawl.leased - visits.leased
  const rest = [
    ...(parsing > 0 ? [stallOf(wait('turn', 'pages are on their way through a parser'), 'urls', parsing, 'parser')] : []),
    ...(row.closed > 0
      ? [stallOf(wait('closed', 'given up, blocked, or their budget is spent: what is queued ends'), 'hosts', row.closed)]
      : []),
    ...(row.deeper > 0 ? [stallOf(wait('level', `wait until nothing of depth ${crawl.level} is left`), 'urls', row.deeper)] : []),
  ]
  const all = [...ofCrawl, ...ofHosts, ...rest]
  const reasons = all.filter((reason) => reason.for !== 'turn') // to be due is a reason only where there is no other
  return {
    now,
    stalled: isStalled(row, crawl, ofCrawl, ofHosts),
    reasons: reasons.length > 0 ? reasons : all,
    looked,
    answeredAt,
    coordinators,
  }
}

/** The hosts with work that are due next. Cost: as `readStalls`. */
export async function readWaiting(db: Database, crawlId: number, limit: number): Promise<Waiting[]> {
  const row = await read(db, crawlId, limit)
  if (row.crawl === null) return []
  return waitsOfHosts(row, row.crawl).map(({ hostKey, dueInMs, reason }) => ({
    hostKey,
    dueInMs,
    reason: reason.for,
    detail: reason.detail,
  }))
}

interface HostWait {
  readonly hostKey: HostKey
  readonly dueInMs: number
  /** The one that lasts longest. */
  readonly reason: Wait
}

const waitsOfHosts = ({ hosts, now }: Row, crawl: CrawlGate): HostWait[] =>
  (hosts ?? []).map((due) => {
    const dueAt = timeOf(due.dueAt)
    const dueInMs = dueAt === null ? 0 : Math.max(0, Math.ceil(dueAt.getTime() - now.getTime()))
    const host = hostFactsOf({ ...due, queues: null }, now)
    const waits = hostWaits(host, { ...due, dueAt: due.asleep ? null : dueAt }, crawl.config, now)
    // Asleep until its first retry.
    if (due.asleep && dueInMs > 0) waits.unshift(wait('retry', 'all that is queued waits for its next try', dueInMs))
    const longest = waits.reduce<Wait | undefined>(
      (most, one) => (most === undefined || (one.inMs ?? 0) >= (most.inMs ?? 0) ? one : most),
      undefined,
    )
    return { hostKey: due.key, dueInMs, reason: longest ?? wait('turn', 'it is due') }
  })

/** Hosts that wait for the same thing, most first. */
function groups(hosts: readonly HostWait[]): Stall[] {
  const found = new Map<string, Stall>()
  for (const { hostKey, reason } of hosts) {
    const key = `${reason.for} ${reason.code ?? ''}`
    const held = found.get(key)
    const isFirst = held === undefined || (reason.inMs ?? Number.POSITIVE_INFINITY) < (held.inMs ?? Number.POSITIVE_INFINITY)
    const first = isFirst ? { ...stallOf(reason, 'hosts', 0), hostKey } : held
    found.set(key, { ...first, count: (held?.count ?? 0) + 1 })
  }
  return [...found.values()].sort((a, b) => b.count - a.count)
}

const stallOf = (reason: Wait, of: Stall['of'], count: number, name: Stall['for'] = reason.for): Stall => ({
  for: name,
  of,
  count,
  code: reason.code ?? null,
  detail: reason.detail,
  inMs: reason.inMs,
  hostKey: null,
})

/** By what is under way and what is due soon. Pages that a parser has are under way as long as any come through. */
function isStalled(row: Row, crawl: CrawlGate, ofCrawl: readonly Stall[], ofHosts: readonly Stall[]): boolean {
  const { state } = crawl
  if (state === 'created' || state === 'paused' || state === 'failed') return true
  if (row.coordinators.alive === 0) return true
  if (state !== 'running' || row.visits.open > 0) return false // it ends, or somebody fetches
  if (ofCrawl.some((reason) => reason.for === 'coordinator')) return true
  const quietMs = Math.min(row.answeredAt === null ? Number.POSITIVE_INFINITY : row.now.getTime() - row.answeredAt.getTime(), crawl.ranMs)
  if (crawl.leased > 0 || ofHosts.length === 0) return quietMs > QUIET_MS
  return ofHosts.every(({ inMs }) => (inMs === null ? quietMs > QUIET_MS : inMs > SOON_MS))
}
