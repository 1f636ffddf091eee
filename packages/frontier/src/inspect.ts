import type { Database } from './database.ts'

const SIZE = `
select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint as bytes
  from pg_inherits i join pg_class p on p.oid = i.inhparent join pg_class c on c.oid = i.inhrelid
 where p.relnamespace = 'frontier'::regnamespace and c.relname = p.relname || '_' || $1::int`

/** Bytes that the partitions of a crawl take on the disk, with their indexes: what deleting it gives back at once. */
export async function readSize(db: Database, crawlId: number): Promise<number> {
  const [row] = await db.call<{ bytes: number }>('frontier.read-size', SIZE, [crawlId])
  return row?.bytes ?? 0
}

/** What another pass of a finished crawl would ask for again. */
export interface DueUrls {
  /** URLs with an answer. */
  readonly answered: number
  /** Those of them that are due. */
  readonly due: number
  /** When the first one is, or was; null: there is no answer. */
  readonly firstAt: Date | null
  /** The database's clock. */
  readonly now: Date
}

// What failed or was excluded since its last answer is asked for in any case, and not counted here.
const DUE = `
with batch as (
  select distinct on (id) id, recrawl_at from frontier.catalog where crawl_id = $1 and id > $2 order by id, pass desc limit $3)
select clock_timestamp() as now, max(b.id) as last, count(*) as looked, count(*) filter (where k.counts) as answered,
       count(*) filter (where k.counts and b.recrawl_at <= clock_timestamp()) as due, min(b.recrawl_at) filter (where k.counts) as "firstAt"
  from batch b cross join lateral (
    select not exists (select from frontier.failures f where f.crawl_id = $1 and f.id = b.id)
       and not exists (select from frontier.exclusions e where e.crawl_id = $1 and e.id = b.id) as counts) k`

interface DueRow {
  readonly now: Date
  readonly last: number | null
  readonly looked: number
  readonly answered: number
  readonly due: number
  readonly firstAt: Date | null
}

/**
 * Counts what is due. Yields what was found so far after each `batch` URLs, the last value is the answer: a walk of the catalog by id, no
 * snapshot of which outlives a batch. Cost: a call per batch.
 */
export async function* readDue(db: Database, crawlId: number, batch: number): AsyncGenerator<DueUrls, void, undefined> {
  let sum = { answered: 0, due: 0, firstAt: null as Date | null }
  for (let from = 0; ; ) {
    const [row] = await db.call<Record<string, unknown> & DueRow>('frontier.read-due', DUE, [crawlId, from, batch])
    if (row === undefined) throw new TypeError('an aggregate returns a row')
    const { answered, due, firstAt, now, last, looked } = row
    const earlier = firstAt !== null && (sum.firstAt === null || firstAt < sum.firstAt) ? firstAt : sum.firstAt
    sum = { answered: sum.answered + answered, due: sum.due + due, firstAt: earlier }
    yield { ...sum, now }
    if (last === null || looked < batch) return
    from = last
  }
}
