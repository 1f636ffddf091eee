import type { HostKey } from '@warren/web'
import type { Database } from './database.ts'
import { storable } from './text.ts'

const SET_PACE = 'select frontier.set_pace($1, $2, $3)'
const SET_BLOCK = 'select frontier.set_block($1, $2) as id'

/**
 * An operator's pace for a host, for all crawls, until it is set again; null: the crawl's own. A longer Crawl-delay of the site still holds.
 * The visit under way is recalled, so that it holds at once. A host that no crawl has met yet may be named.
 */
export async function setPace(db: Database, hostKey: HostKey, pace: { delayMs: number | null; width: number | null }): Promise<void> {
  await db.call('frontier.set-pace', SET_PACE, [hostKey, pace.delayMs, pace.width])
}

/** Nothing of the host is fetched any more; what is queued ends as excluded by `operator`, in steps (closeStep). The visit under way is recalled. */
export async function block(db: Database, hostKey: HostKey, reason: string): Promise<void> {
  await db.call('frontier.block', SET_BLOCK, [hostKey, storable(reason)])
}

/** The host may be fetched again; URLs that were excluded for the block are queued again in crawls that still run. Returns how many. */
export async function unblock(db: Database, slot: number, hostKey: HostKey): Promise<number> {
  const [row] = await db.call<{ id: number }>('frontier.unblock', SET_BLOCK, [hostKey, null])
  return reopen(db, slot, row?.id ?? 0)
}

/**
 * Forgets the trouble of a host: its breaker is closed, and URLs that failed because it was given up are queued again in crawls that still
 * run. Returns how many; undefined: there is no such host.
 */
export async function revive(db: Database, slot: number, hostKey: HostKey): Promise<number | undefined> {
  const [row] = await db.call<{ id: number | null }>('frontier.revive', 'select frontier.revive_host($1) as id', [hostKey])
  return typeof row?.id === 'number' ? reopen(db, slot, row.id) : undefined
}

const REOPEN_LIMIT = 1_000

async function reopen(db: Database, slot: number, hostId: number): Promise<number> {
  for (let sum = 0; ; ) {
    const [row] = await db.call<{ n: number }>('frontier.reopen', 'select frontier.reopen_step($1, $2, $3) as n', [
      slot,
      hostId,
      REOPEN_LIMIT,
    ])
    if (row === undefined || row.n === 0) return sum
    sum += row.n
  }
}

/** Open visits that an operator's word ends. Cost: a scan of the open visits, few as they are. */
export async function recalledVisits(db: Database): Promise<string[]> {
  const rows = await db.call<{ id: string }>(
    'frontier.read-recalled',
    'select id from frontier.visits where recalled and until > clock_timestamp()',
    [],
  )
  return rows.map(({ id }) => id)
}

/** Links of a page on a host that a pure rule refused. */
export interface Refusal {
  readonly crawlId: number
  readonly hostId: number
  readonly rule: string
  readonly count: number
  /** One of them. */
  readonly sample: string
}

const ADD_REFUSALS = `
insert into frontier.refusals as r (crawl_id, host_id, rule, count, sample)
select * from unnest($1::int[], $2::int[], $3::text[], $4::bigint[], $5::text[]) x(crawl_id, host_id, rule, count, sample)
 where exists (select from frontier.crawls c where c.id = x.crawl_id and not c.deleting)
 order by crawl_id, host_id, rule
on conflict (crawl_id, host_id, rule) do update set count = r.count + excluded.count, sample = excluded.sample`

/** Adds to the counters that people look at; each (crawl, host, rule) once in a call. */
export async function addRefusals(db: Database, refusals: readonly Refusal[]): Promise<void> {
  if (refusals.length === 0) return
  await db.call('frontier.add-refusals', ADD_REFUSALS, [
    refusals.map(({ crawlId }) => crawlId),
    refusals.map(({ hostId }) => hostId),
    refusals.map(({ rule }) => rule),
    refusals.map(({ count }) => count),
    refusals.map(({ sample }) => storable(sample)),
  ])
}

/** Who runs a visit. */
export interface WorkerNote {
  readonly hostId: number
  readonly visitId: string
  /** The fetcher's name. */
  readonly worker: string
}

const NOTE_WORKERS = `
update frontier.visits v set worker = s.worker
  from (select * from unnest($1::int[], $2::uuid[], $3::text[]) s(host_id, id, worker) order by host_id) s
 where v.host_id = s.host_id and v.id = s.id`

/** For people; of visits that are still open. */
export async function noteWorkers(db: Database, notes: readonly WorkerNote[]): Promise<void> {
  if (notes.length === 0) return
  await db.call('frontier.note-workers', NOTE_WORKERS, [
    notes.map(({ hostId }) => hostId),
    notes.map(({ visitId }) => visitId),
    notes.map(({ worker }) => storable(worker)),
  ])
}

/** What a coordinator says of itself. */
export interface Heartbeat {
  /** Unique in the cluster. */
  readonly name: string
  /** Fetchers that take visits. */
  readonly fetchers: number
  /** Why it claims nothing; null: it does. */
  readonly holds: string | null
}

const BEAT = `
with gone as (delete from frontier.coordinators where seen_at < clock_timestamp() - interval '1 hour')
insert into frontier.coordinators (name, seen_at, fetchers, holds) values ($1, clock_timestamp(), $2, $3)
on conflict (name) do update set seen_at = excluded.seen_at, fetchers = excluded.fetchers, holds = excluded.holds`

export async function heartbeat(db: Database, { name, fetchers, holds }: Heartbeat): Promise<void> {
  await db.call('frontier.beat', BEAT, [name, fetchers, holds])
}
