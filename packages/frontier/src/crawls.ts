import { type CrawlConfig, CrawlError, type CrawlState } from '@warren/protocol'
import { and, asc, eq, inArray, sql } from 'drizzle-orm'
import type { Database } from './database.ts'
import { type CrawlEvent, nextState } from './life.ts'
import { crawlRoots, crawls } from './schema.ts'
import { storable, storableJson } from './text.ts'

/** One configured run, and the namespace of all its URLs. */
export interface Crawl {
  readonly id: number
  readonly name: string
  readonly state: CrawlState
  readonly config: CrawlConfig
  /** Why it ended or ends: the budget that was spent ('max-pages', 'max-bytes', 'max-time') or null. */
  readonly reason: string | null
  /** Time in state running, in this pass. */
  readonly ranMs: number
  /** The round of a recrawled crawl, from 1. */
  readonly pass: number
}

const FIELDS = {
  id: crawls.id,
  name: crawls.name,
  state: crawls.state,
  config: crawls.config,
  reason: crawls.reason,
  ranMs: crawls.ranMs,
  pass: crawls.pass,
}
/** Rows of shared tables that one step of a deletion takes. */
const DELETE_LIMIT = 1_000
const UNFINISHED = ['created', 'running', 'paused', 'finishing', 'cancelling'] as const satisfies readonly CrawlState[]

/** Makes the crawl and its partitions. Errors: ERR_CRAWL_CONFLICT when the name is taken. */
export async function createCrawl(db: Database, { name, config }: { name: string; config: CrawlConfig }): Promise<Crawl> {
  const [row] = await db.call<{ id: number | null }>('frontier.create-crawl', 'select frontier.create_crawl($1, $2) as id', [
    storable(name),
    storableJson(config),
  ])
  const crawl = typeof row?.id === 'number' ? await findCrawl(db, row.id) : undefined
  if (crawl === undefined) throw new CrawlError('ERR_CRAWL_CONFLICT', `Cannot create crawl: the name ${JSON.stringify(name)} is taken`)
  return crawl
}

export async function findCrawl(db: Database, idOrName: number | string): Promise<Crawl | undefined> {
  const where = typeof idOrName === 'number' ? eq(crawls.id, idOrName) : eq(crawls.name, storable(idOrName))
  const [crawl] = await db.query('read crawl', (orm) => orm.select(FIELDS).from(crawls).where(where))
  return crawl
}

export function listCrawls(db: Database, filter: 'unfinished' | undefined): Promise<Crawl[]> {
  const where = filter === undefined ? undefined : inArray(crawls.state, UNFINISHED)
  return db.query('list crawls', (orm) => orm.select(FIELDS).from(crawls).where(where).orderBy(asc(crawls.id)))
}

/** Errors: ERR_CRAWL_CONFLICT when there is no such crawl. */
export async function setConfig(db: Database, crawlId: number, config: CrawlConfig): Promise<void> {
  const [row] = await db.call<{ found: boolean }>('frontier.set-config', 'select frontier.set_config($1, $2) as found', [
    crawlId,
    storableJson(config),
  ])
  if (row?.found !== true) throw unknownCrawl('configure', crawlId)
}

/** The steps that change nothing but the state; another pass is startPass. */
export type Step = Exclude<CrawlEvent, 'recrawl'>

/** Compare and set, so that two operators cannot both win. `reason`: of `fail`, for people. Errors: ERR_CRAWL_CONFLICT with state and event. */
export async function transition(db: Database, crawlId: number, event: Step, reason?: string): Promise<CrawlState> {
  for (;;) {
    const crawl = await findCrawl(db, crawlId)
    if (crawl === undefined) throw unknownCrawl(event, crawlId)
    const state = nextState(crawlId, crawl.state, event)
    const ended = state === 'completed' || state === 'cancelled' || state === 'failed'
    const moved = await db.query(`${event} crawl`, (orm) =>
      orm
        .update(crawls)
        // The clock starts anew with the next tick, so a pause costs none of the time budget.
        .set({
          state,
          tickedAt: null,
          ...(ended ? { endedAt: sql`clock_timestamp()` } : {}),
          ...(event === 'cancel' ? { reason: 'cancel' } : {}),
          ...(reason === undefined ? {} : { reason: storable(reason) }),
        })
        .where(and(eq(crawls.id, crawlId), eq(crawls.state, crawl.state)))
        .returning({ id: crawls.id }),
    )
    if (moved.length === 1) return state
  }
}

/**
 * Begins the next pass of a crawl that has ended: URLs that are due, or `all`, are asked for again, and those that failed or were excluded.
 * Returns the number of the pass. Errors: ERR_CRAWL_CONFLICT.
 */
export async function startPass(db: Database, crawlId: number, { all }: { all: boolean }): Promise<number> {
  const [row] = await db.call<{ pass: number | null }>('frontier.start-pass', 'select frontier.start_pass($1, $2) as pass', [crawlId, all])
  if (typeof row?.pass !== 'number') throw unknownCrawl('recrawl', crawlId)
  return row.pass
}

/**
 * Deletes a crawl that has ended or has not begun, with all it knows; its partitions give their disk space back at once. May be repeated
 * after a crash. Cost: a call for every 1 000 hosts, then one that drops files. Errors: ERR_CRAWL_CONFLICT while it is unfinished.
 */
export async function deleteCrawl(db: Database, crawlId: number): Promise<void> {
  for (let more = true; more; ) {
    const [row] = await db.call<{ more: boolean }>('frontier.delete-crawl', 'select frontier.delete_step($1, $2) as more', [
      crawlId,
      DELETE_LIMIT,
    ])
    more = row?.more === true
  }
}

export interface DuePass {
  readonly crawlId: number
  readonly name: string
  readonly schedule: { readonly cron: string; readonly timeZone: string }
  /** The database's time. */
  readonly now: Date
  /** When the next pass is to begin; null: not worked out yet. */
  readonly nextAt: Date | null
  /** The crawl has ended, so that a pass can begin. */
  readonly ended: boolean
}

const SCHEDULED = `
select id as "crawlId", name, config #> '{recrawl,schedule}' as schedule, clock_timestamp() as now, next_pass_at as "nextAt",
       state in ('completed', 'cancelled') as ended
  from frontier.crawls
 where jsonb_typeof(config #> '{recrawl,schedule}') = 'object' and not deleting and (next_pass_at is null or next_pass_at <= clock_timestamp())`

/** Crawls whose schedule has something to do. Cost: a look at every crawl's row. */
export const scheduledPasses = (db: Database): Promise<DuePass[]> =>
  db.call<Record<string, unknown> & DuePass>('frontier.read-schedules', SCHEDULED, [])

/** Moves the time of the next pass on, unless somebody else did. True: it was us, and the pass is ours to begin. */
export async function setNextPass(db: Database, crawlId: number, before: Date | null, next: Date): Promise<boolean> {
  const rows = await db.call(
    'frontier.set-next-pass',
    'update frontier.crawls set next_pass_at = $3 where id = $1 and next_pass_at is not distinct from $2::timestamptz returning id',
    [crawlId, before, next],
  )
  return rows.length === 1
}

const OUTDATED = `
select id from frontier.crawls
 where deleting or state in ('completed', 'cancelled', 'failed') and jsonb_typeof(config #> '{recrawl,schedule}') <> 'object'
   and ended_at + (config ->> 'retentionMs')::bigint * interval '1 ms' <= clock_timestamp()`

/** Crawls that are to be deleted: their retention is over, or a deletion was interrupted. */
export async function outdatedCrawls(db: Database): Promise<number[]> {
  const rows = await db.call<{ id: number }>('frontier.read-outdated', OUTDATED, [])
  return rows.map(({ id }) => id)
}

export async function addRoots(db: Database, crawlId: number, roots: readonly string[]): Promise<void> {
  if (roots.length === 0) return
  const values = roots.map((root) => ({ crawlId, root: storable(root) }))
  await db.query('add scope roots', (orm) => orm.insert(crawlRoots).values(values).onConflictDoNothing())
}

export async function readRoots(db: Database, crawlId: number): Promise<Set<string>> {
  const rows = await db.query('read scope roots', (orm) =>
    orm.select({ root: crawlRoots.root }).from(crawlRoots).where(eq(crawlRoots.crawlId, crawlId)),
  )
  return new Set(rows.map(({ root }) => root))
}

const unknownCrawl = (verb: string, crawlId: number) =>
  new CrawlError('ERR_CRAWL_CONFLICT', `Cannot ${verb} crawl ${crawlId}: there is none`)
