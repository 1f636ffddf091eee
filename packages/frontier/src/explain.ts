import { type CanonicalUrl, fingerprint, hostKeyOf } from '@warren/web'
import type { Database } from './database.ts'
import { HOST_JSON, type HostFacts, type HostRow, hostFactsOf, timeOf } from './host-facts.ts'
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

/** All that the database knows of one URL of a crawl, in one snapshot. Times are the database's, and so is `now`. */
export interface Explanation {
  readonly now: Date
  /** null: the crawl does not know it. */
  readonly url: UrlFacts | null
  /** null: no crawl has met its host. */
  readonly host: HostFacts | null
  /** Links that pages of its host held and a rule refused, most first. */
  readonly refusals: readonly { readonly rule: string; readonly count: number; readonly sample: string }[]
  readonly coordinators: Coordinators
}

export interface UrlFacts {
  readonly id: number
  readonly state: 'queued' | 'leased' | 'done' | 'failed' | 'excluded'
  readonly pass: number
  readonly depth: number
  readonly chain: number
  readonly priority: number
  /** Of the next or current request, or of the last one, from 1. */
  readonly attempt: number
  /** Visits with it that were lost. */
  readonly crashes: number
  /** From the seed to the URL before this one; of a longer way the last PATH_LIMIT. Empty: it is a seed. */
  readonly path: readonly PathStep[]
  /** The page that brought it first; a shorter way may have been found since. null: an operator did. */
  readonly foundOn: PathStep | null
  /** While it is queued. */
  readonly queue: { readonly position: QueuePosition; readonly waits: readonly Wait[] } | null
  /** While it is leased. */
  readonly lease: LeaseFacts | null
  /** Tries that did not end it, oldest first. */
  readonly tries: readonly { readonly pass: number; readonly attempt: number; readonly code: string; readonly at: Date }[]
  /** Its rows in the catalog, newest first. */
  readonly answers: readonly AnswerFacts[]
  readonly failure: { readonly code: string; readonly detail: string; readonly at: Date } | null
  readonly exclusion: { readonly rule: string; readonly detail: string; readonly at: Date } | null
}

export interface PathStep {
  readonly url: string
  readonly depth: number
  readonly chain: number
  /** When its page was fetched, by the fetcher's clock; null: the page is not in the catalog any more. */
  readonly fetchedAt: Date | null
}

/** Its place among the URLs of its host, from 1. `atLeast`: counting stopped there. */
export interface QueuePosition {
  readonly place: number
  readonly atLeast: boolean
}

export interface LeaseFacts {
  readonly visitId: string
  readonly until: Date
  /** The visit goes on; null: it is over, and the page is on its way through a parser to settle. */
  readonly visit: { readonly worker: string | null; readonly since: Date } | null
}

export interface AnswerFacts {
  readonly pass: number
  readonly status: number
  readonly fetchedAt: Date
  /** Against the pass before; null in the first. */
  readonly changed: boolean | null
  /** A later pass asks again from then on. */
  readonly dueAt: Date
  readonly contentType: string | null
  readonly location: string | null
  readonly bodyBytes: number
  readonly attempt: number
}

/** URLs before one in its queue are counted up to this. */
export const POSITION_LIMIT = 10_000
const PATH_LIMIT = 50
const TRIES_LIMIT = 50
const ANSWERS_LIMIT = 20
const REFUSALS_LIMIT = 20

// One statement, so one snapshot: a URL is in one place. The crawl is a parameter everywhere, so only its partitions are met.
// A page that led somewhere is in the catalog; the newest row has the best way to it.
const EXPLAIN = `
with recursive u as materialized (select * from frontier.urls where crawl_id = $1 and fp = $3),
p as materialized (select * from frontier.pending where crawl_id = $1 and id = any(array(select id from u))),
l as materialized (select * from frontier.leases where id = any(array(select id from u))),
f as materialized (select * from frontier.failures where crawl_id = $1 and id = any(array(select id from u))),
e as materialized (select * from frontier.exclusions where crawl_id = $1 and id = any(array(select id from u))),
k as materialized (select o.* from u cross join lateral (
  select * from frontier.catalog o where o.crawl_id = $1 and o.id = u.id order by o.pass desc limit ${ANSWERS_LIMIT}) o),
place as materialized (
  select 'queued' as state, pass, depth, chain, priority, attempt, crashes, parent from p
  union all select 'leased', pass, depth, chain, priority, attempt, crashes, parent from l
  union all select 'failed', f.pass, f.depth, u.chain, u.priority, f.attempt, 0, f.parent from f, u
  union all select 'excluded', e.pass, e.depth, u.chain, u.priority, 1, 0, e.parent from e, u
  union all select * from (select 'done', k.pass, k.depth, k.chain, u.priority, k.attempt, 0, k.parent from k, u order by k.pass desc limit 1) d
             where not exists (select from p) and not exists (select from l) and not exists (select from f) and not exists (select from e)),
way as (
  select 1 as step, parent as id from place where parent is not null
  union all
  select w.step + 1, x.parent
    from way w cross join lateral (
      select case when c.id is null then o.parent else c.parent end as parent
        from frontier.urls o left join lateral (
          select id, parent from frontier.catalog c where c.crawl_id = $1 and c.id = o.id order by pass desc limit 1) c on true
       where o.crawl_id = $1 and o.id = w.id) x
   where x.parent is not null and w.step < ${PATH_LIMIT}),
steps as (
  select w.step, o.url, coalesce(c.depth, o.depth) as depth, coalesce(c.chain, o.chain) as chain, c.fetched_at as "fetchedAt"
    from (select step, id from way union all select 0, parent from u where parent is not null) w
    cross join lateral (select * from frontier.urls o where o.crawl_id = $1 and o.id = w.id limit 1) o -- a join might be planned as a scan
    left join lateral (select depth, chain, fetched_at from frontier.catalog c where c.crawl_id = $1 and c.id = o.id order by pass desc limit 1) c on true)
select clock_timestamp() as now,
       (select id from u)::bigint as id,
       (select to_json(place) from place) as place,
       (select json_agg(s order by s.step desc) from steps s where s.step > 0) as path,
       (select to_json(s) from steps s where s.step = 0) as "foundOn",
       (select to_json(x) from (
          select p.retry_at as "retryAt", p.rank,
                 (select count(*) from (select from frontier.pending o where o.crawl_id = $1 and o.host_id = p.host_id and o.retry_at is not null
                                           and o.retry_at < coalesce(p.retry_at, now()) limit ${POSITION_LIMIT}) b) as "retriesBefore",
                 (select count(*) from (select from frontier.pending o where p.retry_at is null and o.crawl_id = $1 and o.host_id = p.host_id
                                           and o.retry_at is null and (o.rank, o.id) < (p.rank, p.id) limit ${POSITION_LIMIT}) b) as "readyBefore"
            from p) x) as queue,
       (select to_json(x) from (
          select l.visit as "visitId", l.until,
                 (select to_json(v) from (select v.worker, v.began_at as since from frontier.visits v
                                           where v.host_id = l.host_id and v.id = l.visit) v) as visit
            from l) x) as lease,
       (select json_agg(t order by t.at) from (
          select r.pass, r.attempt, r.code, r.at from frontier.retries r where r.crawl_id = $1 and r.id = any(array(select id from u))
           order by r.at desc limit ${TRIES_LIMIT}) t) as tries,
       (select json_agg(a order by a.pass desc) from (
          select pass, status, fetched_at as "fetchedAt", changed, recrawl_at as "dueAt", content_type as "contentType", location,
                 body_bytes as "bodyBytes", attempt from k) a) as answers,
       (select to_json(x) from (select code, detail, at from f) x) as failure,
       (select to_json(x) from (select rule, detail, at from e) x) as exclusion,
       (select json_agg(r order by r.count desc) from (
          select r.rule, r.count, r.sample from frontier.hosts h join frontier.refusals r on r.crawl_id = $1 and r.host_id = h.id
           where h.key = $2 order by r.count desc limit ${REFUSALS_LIMIT}) r) as refusals,
       ${HOST_JSON} as host,
       ${CRAWL_JSON} as crawl,
       ${COORDINATORS_JSON} as coordinators`

type Time = string | null
interface Dated {
  readonly at: string
}

interface Row {
  readonly now: Date
  readonly id: number | null
  readonly place: Pick<UrlFacts, 'state' | 'pass' | 'depth' | 'chain' | 'priority' | 'attempt' | 'crashes'> | null
  readonly path: readonly StepRow[] | null
  readonly foundOn: StepRow | null
  readonly queue: QueueRow | null
  readonly lease: {
    readonly visitId: string
    readonly until: string
    readonly visit: { readonly worker: string | null; readonly since: string } | null
  } | null
  readonly tries: readonly (Dated & { readonly pass: number; readonly attempt: number; readonly code: string })[] | null
  readonly answers: readonly (Omit<AnswerFacts, 'fetchedAt' | 'dueAt'> & { readonly fetchedAt: string; readonly dueAt: string })[] | null
  readonly failure: (Dated & { readonly code: string; readonly detail: string }) | null
  readonly exclusion: (Dated & { readonly rule: string; readonly detail: string }) | null
  readonly refusals: Explanation['refusals'] | null
  readonly host: HostRow | null
  readonly crawl: CrawlGate | null
  readonly coordinators: CoordinatorsRow
}
type StepRow = Omit<PathStep, 'fetchedAt'> & { readonly fetchedAt: Time }
interface QueueRow {
  readonly retryAt: Time
  readonly rank: number
  readonly retriesBefore: number
  readonly readyBefore: number
}
/**
 * What is known of a URL. Cost: one round trip; everything is found by an index, what could be long is cut (path, tries, answers, and
 * POSITION_LIMIT URLs of the host that are counted).
 */
export async function explain(db: Database, crawlId: number, url: CanonicalUrl): Promise<Explanation> {
  const [row] = await db.call<Record<string, unknown> & Row>('frontier.explain', EXPLAIN, [crawlId, hostKeyOf(url), fingerprint(url)])
  if (row === undefined) throw new TypeError('a select without a table returns a row')
  const { now } = row
  const host = row.host === null ? null : hostFactsOf(row.host, now)
  const coordinators = coordinatorsOf(row.coordinators)
  return { now, url: urlFactsOf(row, host, coordinators), host, refusals: row.refusals ?? [], coordinators }
}

function urlFactsOf(row: Row, host: HostFacts | null, coordinators: Coordinators): UrlFacts | null {
  const { id, place, queue, lease, failure, exclusion } = row
  if (id === null || place === null) return null
  const { state, pass, depth, chain, priority, attempt, crashes } = place
  return {
    ...{ id, state, pass, depth, chain, priority, attempt, crashes },
    path: (row.path ?? []).map(stepOf),
    foundOn: row.foundOn === null ? null : stepOf(row.foundOn),
    queue: queue === null ? null : { position: positionOf(queue), waits: urlWaits(row, queue, host, coordinators) },
    lease:
      lease === null
        ? null
        : {
            visitId: lease.visitId,
            until: new Date(lease.until),
            visit: lease.visit === null ? null : { worker: lease.visit.worker, since: new Date(lease.visit.since) },
          },
    tries: (row.tries ?? []).map((tried) => ({ ...tried, at: new Date(tried.at) })),
    answers: (row.answers ?? []).map((answer) => ({
      ...answer,
      fetchedAt: new Date(answer.fetchedAt),
      dueAt: new Date(answer.dueAt),
    })),
    failure: failure === null ? null : { ...failure, at: new Date(failure.at) },
    exclusion: exclusion === null ? null : { ...exclusion, at: new Date(exclusion.at) },
  }
}

const stepOf = ({ url, depth, chain, fetchedAt }: StepRow): PathStep => ({ url, depth, chain, fetchedAt: timeOf(fetchedAt) })

function positionOf({ retriesBefore, readyBefore }: QueueRow): QueuePosition {
  const before = Math.min(retriesBefore + readyBefore, POSITION_LIMIT)
  return { place: before + 1, atLeast: before === POSITION_LIMIT }
}

/** Everything that keeps it waiting now: the crawl, its own time, its host, those before it. */
function urlWaits({ crawl, place, tries, now }: Row, queue: QueueRow, host: HostFacts | null, coordinators: Coordinators): Wait[] {
  if (crawl === null || host === null || place === null) return []
  const waits = crawlWaits(crawl, coordinators)
  if (queue.rank > crawl.maxRank)
    waits.push(wait('level', `depth ${place.depth} waits until nothing of depth ${crawl.level} is queued or under way`))
  const retryAt = timeOf(queue.retryAt)
  if (retryAt !== null && retryAt > now)
    waits.push(wait('retry', reasonOfRetry(place, tries?.at(-1)?.code), retryAt.getTime() - now.getTime()))
  waits.push(
    ...hostWaits(
      host,
      host.queues.find(({ crawlId }) => crawlId === crawl.id),
      crawl.config,
      now,
    ),
  )
  const { place: nth, atLeast } = positionOf(queue)
  if (nth > 1) {
    const before = `${atLeast ? 'at least ' : ''}${nth - 1} ${nth === 2 ? 'URL of its host goes' : 'URLs of its host go'} first`
    const one = host.breaker.state === 'half-open' ? '; one is asked at a time until there is an answer' : ''
    waits.push(wait('other-urls', before + one))
  }
  return waits
}

const reasonOfRetry = ({ attempt, crashes }: NonNullable<Row['place']>, code: string | undefined): string =>
  crashes > 0
    ? `a visit with it was lost ${crashes === 1 ? 'once' : `${crashes} times`}: it is asked for alone`
    : `try ${attempt}${code === undefined ? '' : ` after ${code}`}`

const ROOTS_AMONG = `
select array(select root from frontier.crawl_roots where crawl_id = $1 and root = any($2)) as found,
       array(select root from frontier.crawl_roots where crawl_id = $1 order by root limit $3) as some`

/** Which of `wanted` are scope roots of a crawl, and its first ones, `some` at most. One round trip; neither is a scan. */
export async function readRootsAmong(
  db: Database,
  crawlId: number,
  wanted: readonly string[],
  some: number,
): Promise<{ found: readonly string[]; some: readonly string[] }> {
  const [row] = await db.call<{ found: string[]; some: string[] }>('frontier.read-roots', ROOTS_AMONG, [crawlId, wanted, some])
  return { found: row?.found ?? [], some: row?.some ?? [] }
}
