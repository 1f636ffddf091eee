import { eq, sql } from 'drizzle-orm'
import type { Database } from './database.ts'
import { crawlCounts, visits } from './schema.ts'

/** The accounting identity: discovered = queued + leased + done + failed + excluded, exact at every commit. */
export interface Counts {
  readonly discovered: number
  readonly queued: number
  readonly leased: number
  readonly done: number
  readonly failed: number
  readonly excluded: number
  /** Decoded body bytes in the catalog. */
  readonly bytes: number
  /** Open visits. */
  readonly visits: number
}

const total = (column: Parameters<typeof sql>[1]) => sql<number>`coalesce(sum(${column}), 0)::bigint`.mapWith(Number)

/** Cost: rows of the crawl in crawl_counts (slots x depths). */
export async function readCounts(db: Database, crawlId: number): Promise<Counts> {
  const [row] = await db.query('count', (orm) =>
    orm
      .select({
        discovered: total(crawlCounts.discovered),
        queued: total(crawlCounts.queued),
        leased: total(crawlCounts.leased),
        done: total(crawlCounts.done),
        failed: total(crawlCounts.failed),
        excluded: total(crawlCounts.excluded),
        bytes: total(crawlCounts.bytes),
        visits:
          sql<number>`(select count(*) from ${visits} where ${visits.crawlId} = ${crawlId} and ${visits.until} > clock_timestamp())`.mapWith(
            Number,
          ),
      })
      .from(crawlCounts)
      .where(eq(crawlCounts.crawlId, crawlId)),
  )
  if (row === undefined) throw new TypeError('an aggregate returns a row')
  return row
}

const TOTALS = `
select (select count(*) from frontier.visits where until > clock_timestamp()) as "openVisits",
       (select coalesce(sum(leased), 0)::bigint from frontier.crawl_counts) as leased`

/** What is out, over all crawls: the dispatch window. */
export async function readTotals(db: Database): Promise<{ openVisits: number; leased: number }> {
  const [row] = await db.call<{ openVisits: number; leased: number }>('frontier.read-totals', TOTALS, [])
  return { openVisits: row?.openVisits ?? 0, leased: row?.leased ?? 0 }
}

const GAP = `
select coalesce(sum(gap), 0)::bigint as gap
  from (select abs(sum(discovered - queued - leased - done - failed - excluded)) as gap from frontier.crawl_counts group by crawl_id) g`

/** 0, or something is wrong. */
export async function readAccountingGap(db: Database): Promise<number> {
  const [row] = await db.call<{ gap: number }>('frontier.read-gap', GAP, [])
  return row?.gap ?? 0
}

/** Where the counters and the tables differ: `column` of depth `depth`, what the counters say and what is there. */
export interface Discrepancy {
  readonly what: string
  readonly counted: number
  readonly actual: number
}

// One statement, so one snapshot: commits of others are seen whole or not at all.
const VERIFY = `
with k as (
  select depth, sum(discovered) as discovered, sum(queued) as queued, sum(leased) as leased, sum(done) as done, sum(failed) as failed,
         sum(excluded) as excluded, sum(bytes) as bytes from frontier.crawl_counts where crawl_id = $1 group by depth),
counted as (
  select v.what, depth, v.n from k cross join lateral (values ('queued', queued), ('leased', leased), ('done', done), ('failed', failed),
         ('excluded', excluded), ('bytes', bytes)) v(what, n)
  union all select 'discovered', null, coalesce(sum(discovered), 0) from k
  union all select 'identity', depth, discovered from k),
actual as (
  select 'queued' as what, depth, count(*) as n from frontier.pending where crawl_id = $1 group by depth
  union all select 'leased', depth, count(*) from frontier.leases where crawl_id = $1 group by depth
  -- The newest answer of a URL says that it is done, if it is nowhere else.
  union all select 'done', depth, count(*) from (
      select distinct on (id) id, depth from frontier.catalog where crawl_id = $1 order by id, pass desc) k
     where not exists (select from frontier.pending p where p.crawl_id = $1 and p.id = k.id)
       and not exists (select from frontier.leases l where l.id = k.id)
       and not exists (select from frontier.failures f where f.crawl_id = $1 and f.id = k.id)
       and not exists (select from frontier.exclusions e where e.crawl_id = $1 and e.id = k.id) group by depth
  union all select 'bytes', depth, sum(body_bytes) from frontier.catalog where crawl_id = $1 group by depth
  union all select 'failed', depth, count(*) from frontier.failures where crawl_id = $1 group by depth
  union all select 'excluded', depth, count(*) from frontier.exclusions where crawl_id = $1 group by depth
  union all select 'discovered', null, count(*) from frontier.urls where crawl_id = $1
  union all select 'identity', depth, queued + leased + done + failed + excluded from k),
homeless as (
  select count(*) as n from frontier.pending p where p.crawl_id = $1
     and not exists (select from frontier.queues q where q.host_id = p.host_id and q.crawl_id = p.crawl_id)),
stranded as (
  select count(*) as n from frontier.queues q join frontier.crawls c on c.id = q.crawl_id
   where q.crawl_id = $1 and q.asleep and q.due_at = 'infinity' and q.closed is null
     and exists (select from frontier.pending p where p.host_id = q.host_id and p.crawl_id = q.crawl_id and p.rank <= c.max_rank)),
ranked as (
  select count(*) as n from frontier.pending p join frontier.crawls c on c.id = p.crawl_id
   where p.crawl_id = $1 and p.rank <> frontier.rank_of(c.by_level, p.depth, p.priority)),
visiting as (
  select count(*) as n from frontier.hosts h full join frontier.visits v on v.host_id = h.id
   where (h.visit is not null or v.id is not null) and h.visit is distinct from v.id)
select a.what || coalesce(' at depth ' || a.depth, '') as what, coalesce(k.n, 0)::bigint as counted, coalesce(a.n, 0)::bigint as actual
  from (select coalesce(a.what, k.what) as what, coalesce(a.depth, k.depth) as depth, a.n, k.n as kn
          from actual a full join counted k on k.what = a.what and k.depth is not distinct from a.depth) a
  cross join lateral (select a.kn as n) k
 where coalesce(a.n, 0) <> coalesce(k.n, 0)
union all select 'queued without a queue', 0, n from homeless where n > 0
union all select 'queues asleep over work', 0, n from stranded where n > 0
union all select 'queued with another rank', 0, n from ranked where n > 0
union all select 'hosts and visits disagree', 0, n from visiting where n > 0`

/** Holds the counters of a crawl against its rows. Empty: they agree. Cost: counts every row of the crawl; for `doctor` and tests. */
export function verify(db: Database, crawlId: number): Promise<Discrepancy[]> {
  return db.call<Record<string, unknown> & Discrepancy>('frontier.verify', VERIFY, [crawlId])
}

/** What came of the URLs of a crawl that ended: answers of this pass by status, failures by code, exclusions by rule. */
export interface Results {
  readonly statuses: Readonly<Record<string, number>>
  readonly failures: Readonly<Record<string, number>>
  readonly exclusions: Readonly<Record<string, number>>
}

const RESULTS = `
select 'statuses' as kind, status::text as name, count(*) as n from frontier.catalog
 where crawl_id = $1 and pass = (select pass from frontier.crawls where id = $1) group by status
union all select 'failures', code, count(*) from frontier.failures where crawl_id = $1 group by code
union all select 'exclusions', rule, count(*) from frontier.exclusions where crawl_id = $1 group by rule`

/** Cost: counts every ended URL of the crawl once; for summaries. */
export async function readResults(db: Database, crawlId: number): Promise<Results> {
  const rows = await db.call<{ kind: keyof Results; name: string; n: number }>('frontier.read-results', RESULTS, [crawlId])
  const of = (kind: keyof Results) => Object.fromEntries(rows.filter((row) => row.kind === kind).map(({ name, n }) => [name, n]))
  return { statuses: of('statuses'), failures: of('failures'), exclusions: of('exclusions') }
}
