import { chunked, ResourceScope } from '@warren/async'
import { type CrawlConfig, CrawlError, type CrawlState, type UrlRef } from '@warren/protocol'
import type { CanonicalUrl, HostKey } from '@warren/web'
import { type CatalogCursor, type CatalogRow, readCatalog } from './catalog.ts'
import { type ClaimedVisit, type ClaimOptions, claim, refill } from './claim.ts'
import {
  addRoots,
  type Crawl,
  createCrawl,
  type DuePass,
  deleteCrawl,
  findCrawl,
  listCrawls,
  outdatedCrawls,
  readRoots,
  type Step,
  scheduledPasses,
  setConfig,
  setNextPass,
  startPass,
  transition,
} from './crawls.ts'
import { Database } from './database.ts'
import { type Explanation, explain, readRootsAmong } from './explain.ts'
import { type HostFacts, readHost } from './host-facts.ts'
import {
  addRefusals,
  block,
  type Heartbeat,
  heartbeat,
  noteWorkers,
  type Refusal,
  recalledVisits,
  revive,
  setPace,
  unblock,
  type WorkerNote,
} from './hosts.ts'
import { type DueUrls, readDue, readSize } from './inspect.ts'
import { codeVersion, databaseVersion, refuseNewer } from './migrate.ts'
import { type Counts, type Discrepancy, type Results, readAccountingGap, readCounts, readResults, readTotals, verify } from './reports.ts'
import { RobotsTexts } from './robots-texts.ts'
import { type Candidate, release, type Settlement, type SettleResult, seed, settle } from './settle.ts'
import { readStalls, readWaiting, type Stalls, type Waiting } from './stalls.ts'

export interface FrontierOptions {
  readonly databaseUrl: string
  /** Which counter rows this process writes, 0 to 63; two processes may share one, they then wait for each other's commits. Default: by pid. */
  readonly slot?: number
  readonly maxConnections?: number
}

/** A crawl that changed its state by itself. */
export interface StateChange {
  readonly crawlId: number
  readonly name: string
  readonly from: CrawlState
  readonly to: CrawlState
  readonly reason: string | null
}

const SLOTS = 64
const DEFAULT_MAX_CONNECTIONS = 6
const EXPIRE_LIMIT = 500
const PURGE_LIMIT = 1_000
const CLOSE_LIMIT = 1_000
/** Steps of one crawl in one advance(), so that one that is being purged does not hold up the others. */
const ADVANCE_STEPS = 10
const SEED_BATCH = 1_000
/** Hosts that wait; more of them make no other reason likely. */
const STALLS_LOOKED_AT = 1_000

/**
 * Opens the frontier of a database that was migrated to this code's version.
 * Errors: ERR_CONFIG_INVALID (the URL), ERR_STORE_UNAVAILABLE, ERR_STORE_DENIED, ERR_SCHEMA_VERSION (older or newer).
 */
export async function openFrontier(options: FrontierOptions, { signal }: { signal?: AbortSignal } = {}): Promise<Frontier> {
  const { databaseUrl, slot = process.pid % SLOTS, maxConnections = DEFAULT_MAX_CONNECTIONS } = options
  if (!Number.isInteger(slot) || slot < 0 || slot >= SLOTS) throw new RangeError(`Cannot use slot ${slot}: it must be 0 to ${SLOTS - 1}`)
  signal?.throwIfAborted()
  await using scope = new ResourceScope()
  const db = scope.use(new Database({ databaseUrl, maxConnections }))
  const version = await databaseVersion(async (name, text) => ({ rows: await db.call(`frontier.${name}`, text, []) }))
  signal?.throwIfAborted()
  refuseNewer(version, codeVersion(), db.where)
  if (version < codeVersion())
    throw new CrawlError(
      'ERR_SCHEMA_VERSION',
      `Cannot use ${db.where}: its schema is version ${version}, this build needs ${codeVersion()}; run \`warren migrate\``,
    )
  scope.move()
  return new Frontier(db, slot)
}

/**
 * The durable set of URLs known to all crawls, and the only owner of their state. Every method is one transaction (or reads) and may be
 * repeated; times are the database's. Any number of processes may share it.
 * Errors of every method: ERR_STORE_UNAVAILABLE (outcome unknown: repeat), ERR_STORE_CONFLICT (after several tries), ERR_STORE_DENIED,
 * ERR_SCHEMA_VERSION, ERR_CONFIG_INVALID (DATABASE_URL leads to what cannot serve).
 */
export class Frontier implements AsyncDisposable {
  readonly #db: Database
  readonly #texts: RobotsTexts
  readonly #slot: number

  /** Use openFrontier. */
  constructor(db: Database, slot: number) {
    this.#db = db
    this.#texts = new RobotsTexts(db)
    this.#slot = slot
  }

  /** Calls that met a deadlock or a lock time-out and were made again. */
  get conflicts(): number {
    return this.#db.conflicts
  }

  createCrawl(crawl: { name: string; config: CrawlConfig }): Promise<Crawl> {
    return createCrawl(this.#db, crawl)
  }

  crawl(idOrName: number | string): Promise<Crawl | undefined> {
    return findCrawl(this.#db, idOrName)
  }

  crawls(filter?: 'unfinished'): Promise<Crawl[]> {
    return listCrawls(this.#db, filter)
  }

  setConfig(crawlId: number, config: CrawlConfig): Promise<void> {
    return setConfig(this.#db, crawlId, config)
  }

  transition(crawlId: number, event: Step, reason?: string): Promise<CrawlState> {
    return transition(this.#db, crawlId, event, reason)
  }

  startPass(crawlId: number, options: { all: boolean }): Promise<number> {
    return startPass(this.#db, crawlId, options)
  }

  scheduledPasses(): Promise<DuePass[]> {
    return scheduledPasses(this.#db)
  }

  setNextPass(crawlId: number, before: Date | null, next: Date): Promise<boolean> {
    return setNextPass(this.#db, crawlId, before, next)
  }

  deleteCrawl(crawlId: number): Promise<void> {
    return deleteCrawl(this.#db, crawlId)
  }

  outdatedCrawls(): Promise<number[]> {
    return outdatedCrawls(this.#db)
  }

  setPace(hostKey: HostKey, pace: { delayMs: number | null; width: number | null }): Promise<void> {
    return setPace(this.#db, hostKey, pace)
  }

  block(hostKey: HostKey, reason: string): Promise<void> {
    return block(this.#db, hostKey, reason)
  }

  unblock(hostKey: HostKey): Promise<number> {
    return unblock(this.#db, this.#slot, hostKey)
  }

  revive(hostKey: HostKey): Promise<number | undefined> {
    return revive(this.#db, this.#slot, hostKey)
  }

  recalledVisits(): Promise<string[]> {
    return recalledVisits(this.#db)
  }

  addRefusals(refusals: readonly Refusal[]): Promise<void> {
    return addRefusals(this.#db, refusals)
  }

  noteWorkers(notes: readonly WorkerNote[]): Promise<void> {
    return noteWorkers(this.#db, notes)
  }

  heartbeat(beat: Heartbeat): Promise<void> {
    return heartbeat(this.#db, beat)
  }

  addRoots(crawlId: number, roots: readonly string[]): Promise<void> {
    return addRoots(this.#db, crawlId, roots)
  }

  roots(crawlId: number): Promise<Set<string>> {
    return readRoots(this.#db, crawlId)
  }

  /** Admits in batches of at most 1 000, each a commit. Errors: ERR_CRAWL_CONFLICT when the crawl has ended or is ending. */
  async seed(crawlId: number, candidates: readonly Candidate[]): Promise<{ admitted: number; known: number }> {
    let admitted = 0
    let known = 0
    for await (const batch of chunked(candidates, SEED_BATCH)) {
      const result = await seed(this.#db, this.#slot, crawlId, batch)
      admitted += result.admitted
      known += result.known
    }
    return { admitted, known }
  }

  claim(options: ClaimOptions): Promise<ClaimedVisit[]> {
    return claim(this.#db, this.#texts, this.#slot, options)
  }

  /** More URLs under the lease of an open visit of pages. */
  refill(visitId: string, limit: number): Promise<UrlRef[]> {
    return refill(this.#db, this.#slot, visitId, limit)
  }

  /** For a visit that was not published: as if it had never been claimed. */
  release(visitId: string): Promise<void> {
    return release(this.#db, this.#slot, visitId)
  }

  settle(batch: readonly Settlement[]): Promise<SettleResult> {
    return settle(this.#db, this.#slot, batch)
  }

  /** Queues the URLs of at most 500 leases that ran out again; returns how many. */
  async expire(): Promise<number> {
    return this.#number('expire', 'select frontier.expire($1, $2) as n', [this.#slot, EXPIRE_LIMIT])
  }

  /** Ends at most 1 000 queued URLs of hosts that were given up, blocked, or have spent their budget; returns how many. */
  async closeStep(): Promise<number> {
    return this.#number('close', 'select frontier.close_step($1, $2) as n', [this.#slot, CLOSE_LIMIT])
  }

  /** Moves every unfinished crawl along: its clock, budgets, level, purge and completion. Call it about once a second. */
  async advance(): Promise<StateChange[]> {
    const changes: StateChange[] = []
    for (const { id, name } of await this.crawls('unfinished')) {
      for (let step = 0; step < ADVANCE_STEPS; step++) {
        const [row] = await this.#db.call<{ before: CrawlState; after: CrawlState; reason: string | null; busy: boolean }>(
          'frontier.advance',
          'select * from frontier.advance($1, $2, $3)',
          [this.#slot, id, PURGE_LIMIT],
        )
        if (row === undefined) break // another coordinator does it
        const changed = row.before !== row.after
        if (changed) changes.push({ crawlId: id, name, from: row.before, to: row.after, reason: row.reason })
        if (!changed && !row.busy) break
      }
    }
    return changes
  }

  counts(crawlId: number): Promise<Counts> {
    return readCounts(this.#db, crawlId)
  }

  totals(): Promise<{ openVisits: number; leased: number }> {
    return readTotals(this.#db)
  }

  accountingGap(): Promise<number> {
    return readAccountingGap(this.#db)
  }

  /** Counters against rows, and the promises that rows make to each other. Empty: all is well. */
  verify(crawlId: number): Promise<Discrepancy[]> {
    return verify(this.#db, crawlId)
  }

  /** Hosts with work that are due next, and why not now. */
  waiting(crawlId: number, limit: number): Promise<Waiting[]> {
    return readWaiting(this.#db, crawlId, limit)
  }

  /** Why a crawl does not move, worst reason first; of its hosts those that are due first are looked at. */
  stalls(crawlId: number, limit = STALLS_LOOKED_AT): Promise<Stalls> {
    return readStalls(this.#db, crawlId, limit)
  }

  /** What is known of a URL. One round trip; nothing is scanned. */
  explain(crawlId: number, url: CanonicalUrl): Promise<Explanation> {
    return explain(this.#db, crawlId, url)
  }

  /** Which of `wanted` are scope roots of a crawl, and its first ones, `some` at most. */
  rootsAmong(crawlId: number, wanted: readonly string[], some: number): Promise<{ found: readonly string[]; some: readonly string[] }> {
    return readRootsAmong(this.#db, crawlId, wanted, some)
  }

  /** A robots.txt by its digest. */
  async robotsText(digest: string): Promise<Uint8Array | undefined> {
    return (await this.#texts.load([digest])).get(digest)
  }

  /** A host, and how many URLs crawls have queued for it, each counted up to `limit`. */
  host(key: HostKey, limit: number): Promise<{ now: Date; host: HostFacts; queued: ReadonlyMap<number, number> } | undefined> {
    return readHost(this.#db, key, limit)
  }

  /** Bytes on the disk that deleting a crawl gives back at once. */
  size(crawlId: number): Promise<number> {
    return readSize(this.#db, crawlId)
  }

  /** Counts what another pass would ask for, `batch` URLs a call; the last value is the answer. */
  due(crawlId: number, batch: number): AsyncGenerator<DueUrls, void, undefined> {
    return readDue(this.#db, crawlId, batch)
  }

  results(crawlId: number): Promise<Results> {
    return readResults(this.#db, crawlId)
  }

  catalog(crawlId: number, cursor: CatalogCursor | null, limit: number): Promise<{ rows: CatalogRow[]; cursor: CatalogCursor | null }> {
    return readCatalog(this.#db, crawlId, cursor, limit)
  }

  /** Only when nobody else lives (embedded start: the folder's lock proves it). Every host under a visit moves by its delay. */
  endAllLeases(): Promise<number> {
    return this.#number('end-all-leases', 'select frontier.end_all_leases($1) as n', [this.#slot])
  }

  /** Closes the connections once the calls under way have their answers. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#db[Symbol.asyncDispose]()
  }

  async #number(verb: string, text: string, values: readonly unknown[]): Promise<number> {
    const [row] = await this.#db.call<{ n: number }>(`frontier.${verb}`, text, values)
    return row?.n ?? 0
  }
}
