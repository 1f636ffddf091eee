import { type CrawlConfig, CrawlError, type CrawlState } from '@warren/protocol'
import { and, asc, eq, inArray, sql } from 'drizzle-orm'
import type { Database } from './database.ts'
import { type CrawlEvent, nextState } from './life.ts'
import { crawlRoots, crawls } from './schema.ts'
import { storable } from './text.ts'

/** One configured run, and the namespace of all its URLs. */
export interface Crawl {
  readonly id: number
  readonly name: string
  readonly state: CrawlState
  readonly config: CrawlConfig
  /** Why it ended or ends: the budget that was spent ('max-pages', 'max-bytes', 'max-time') or null. */
  readonly reason: string | null
  /** Time in state running. */
  readonly ranMs: number
}

const FIELDS = { id: crawls.id, name: crawls.name, state: crawls.state, config: crawls.config, reason: crawls.reason, ranMs: crawls.ranMs }
const UNFINISHED = ['created', 'running', 'paused', 'finishing', 'cancelling'] as const satisfies readonly CrawlState[]

/** Errors: ERR_CRAWL_CONFLICT when the name is taken. */
export async function createCrawl(db: Database, { name, config }: { name: string; config: CrawlConfig }): Promise<Crawl> {
  const rows = await db.query('create crawl', (orm) =>
    orm
      .insert(crawls)
      .values({ name: storable(name), config })
      .onConflictDoNothing()
      .returning(FIELDS),
  )
  const [crawl] = rows
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
    JSON.stringify(config),
  ])
  if (row?.found !== true) throw unknownCrawl('configure', crawlId)
}

/** Compare and set, so that two operators cannot both win. Errors: ERR_CRAWL_CONFLICT with state and event. */
export async function transition(db: Database, crawlId: number, event: CrawlEvent): Promise<CrawlState> {
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
        })
        .where(and(eq(crawls.id, crawlId), eq(crawls.state, crawl.state)))
        .returning({ id: crawls.id }),
    )
    if (moved.length === 1) return state
  }
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
