import { yieldIfDue } from '@warren/async'
import type { Answer, PageFacts, UrlRef } from '@warren/protocol'
import type { CanonicalUrl, HostKey } from '@warren/web'
import type { Database } from './database.ts'
import { CandidateColumns, endRow, robotsRow, UrlColumns } from './settle-rows.ts'
import { storableJson } from './text.ts'

/** A URL that a page, a redirect or an operator offers; canonical, and already inside the crawl's scope and filters. */
export interface Candidate {
  readonly url: CanonicalUrl
  readonly hostKey: HostKey
  readonly fingerprint: string
  readonly depth: number
  /** Redirects that led here. */
  readonly chain: number
  /** -100 to 100; higher is fetched first. */
  readonly priority: number
  readonly parentId: number | null
}

/** What becomes of a leased URL. */
export type Fate =
  /**
   * A final HTTP answer. `links`: links the page held, before scope and filters; default: as many as there are candidates. `usage`: what
   * robots.txt and the answer say about the use of the page.
   */
  | {
      readonly kind: 'done'
      readonly result: Answer
      readonly facts: PageFacts | null
      readonly candidates: readonly Candidate[]
      readonly links?: number
      readonly usage?: string
    }
  /** Queued again, not before `afterMs`; counts an attempt. */
  | { readonly kind: 'retry'; readonly afterMs: number; readonly code: string }
  | { readonly kind: 'failed'; readonly code: string; readonly detail: string }
  | { readonly kind: 'excluded'; readonly rule: string; readonly detail: string }
  /** Queued again as it was. */
  | { readonly kind: 'release' }

/** A fate that is no final answer. */
export type UrlFate = Exclude<Fate, { kind: 'done' }>

/**
 * A visit without a usable answer; counts towards giving the host up, and moves the host: by `baseMs`, doubled for each trouble in a row
 * before this one, at most `maxMs`, times `jitter` (0.5 to 1), and at least by `floorMs` (a stated Retry-After).
 */
export interface Trouble {
  readonly kind: 'unreachable' | 'refusing'
  readonly code: string
  readonly baseMs: number
  readonly maxMs: number
  readonly jitter: number
  readonly floorMs: number
  /** The host answered 429 or 503: the doubling then counts these alone, and is forgotten only after 30 minutes without one. */
  readonly throttled: boolean
}

interface OfVisit {
  readonly crawlId: number
  readonly hostId: number
  readonly visitId: string
}

interface HostLesson {
  /** When the host may be visited next, from now, */
  readonly nextInMs: number
  /** and when it has a pace of its own, beside that pace. */
  readonly stretchMs: number
  readonly meanExchangeMs: number | null
  readonly trouble: Trouble | null
  /** A usable answer came: forgets the trouble so far. */
  readonly answered: boolean
  /** The address group that the host turned out to be in; null: nothing was learned. */
  readonly addressGroup: string | null
}

export type RobotsResult =
  | {
      readonly kind: 'rules'
      readonly digest: string
      readonly body: Uint8Array
      readonly ttlMs: number
      readonly crawlDelayMs: number | null
    }
  | { readonly kind: 'allow-all'; readonly ttlMs: number }
  /** Asked for again when the host's trouble lets it; until then the last good copy holds, for up to 30 days, or nothing is claimed. */
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'hop'; readonly url: CanonicalUrl; readonly hostKey: HostKey; readonly hop: number }

export type Settlement =
  | (OfVisit & { readonly kind: 'url'; readonly url: UrlRef; readonly fate: Fate })
  | (OfVisit &
      HostLesson & {
        readonly kind: 'end'
        /** `abandoned`: the visit may have crashed a fetcher, its URLs become suspects. */
        readonly ending: 'finished' | 'stopped' | 'abandoned'
        /** Leased URLs that were not requested: queued again as they were. */
        readonly unfetched: readonly number[]
        /** How long the URLs whose pages are still on their way stay leased. */
        readonly pageLeaseMs: number
      })
  | (OfVisit & HostLesson & { readonly kind: 'robots'; readonly askingHostId: number; readonly result: RobotsResult })

export interface SettleResult {
  /** Candidates that were new. */
  readonly admitted: number
  /** Candidates of accepted pages that the crawl knew. */
  readonly known: number
  /** Settlements that changed nothing: a stale lease, or a second delivery. */
  readonly refusedStale: number
}

const SETTLE = `select * from frontier.settle(${Array.from({ length: 23 }, (_, i) => `$${i + 1}`).join(', ')})`
/** Links of one commit, unless a single page has more: what is written to the socket in one go stays below a megabyte. */
const LINKS_PER_COMMIT = 2_000

/**
 * One commit for each 2 000 links, in the order of the batch. Repeatable: what was settled is refused the second time.
 * The event loop is not held for longer than 10 ms, whatever the batch.
 */
export async function settle(db: Database, slot: number, batch: readonly Settlement[]): Promise<SettleResult> {
  const total = { admitted: 0, known: 0, refusedStale: 0 }
  for (const part of commitsOf(batch)) {
    const { admitted, known, refusedStale } = await settlePart(db, slot, part)
    total.admitted += admitted
    total.known += known
    total.refusedStale += refusedStale
  }
  return total
}

function* commitsOf(batch: readonly Settlement[]): Generator<Settlement[], void, undefined> {
  let part: Settlement[] = []
  let links = 0
  for (const entry of batch) {
    const more = entry.kind === 'url' && entry.fate.kind === 'done' ? entry.fate.candidates.length : 0
    if (part.length > 0 && links + more > LINKS_PER_COMMIT) {
      yield part
      part = []
      links = 0
    }
    part.push(entry)
    links += more
  }
  if (part.length > 0) yield part
}

async function settlePart(db: Database, slot: number, batch: readonly Settlement[]): Promise<SettleResult> {
  const urls = new UrlColumns()
  const links = new CandidateColumns()
  for (const entry of batch) {
    if (entry.kind !== 'url') continue
    const due = yieldIfDue()
    if (due !== undefined) await due
    const of = urls.add(entry)
    if (entry.fate.kind === 'done') await links.add(of, entry.crawlId, entry.fate.candidates)
  }
  const ends = batch.filter((entry) => entry.kind !== 'url').map(endRow)
  const robots = batch.filter((entry) => entry.kind === 'robots')
  for (const { result } of robots) if (result.kind === 'hop') links.key(result.hostKey)
  return run(db, 'settle', [
    slot,
    null,
    ...urls.toValues(),
    ...links.toValues(),
    ends.length === 0 ? null : storableJson(ends),
    robots.length === 0 ? null : storableJson(robots.map(robotsRow)),
  ])
}

/** Admits URLs that no page brought, unless the crawl has ended. One commit. Errors: ERR_CRAWL_CONFLICT. */
export async function seed(db: Database, slot: number, crawlId: number, candidates: readonly Candidate[]): Promise<SettleResult> {
  const links = new CandidateColumns()
  await links.add(0, crawlId, candidates)
  return run(db, 'seed', [slot, crawlId, ...new UrlColumns().toValues(), ...links.toValues(), null, null])
}

/** A visit that was never published: its host is free at once, its URLs are queued as they were. */
export async function release(db: Database, slot: number, visitId: string): Promise<void> {
  const [visit] = await db.call<{ host_id: number }>('frontier.find-visit', 'select host_id from frontier.visits where id = $1', [visitId])
  if (visit === undefined) return
  const end = { ...NO_LESSON, host_id: visit.host_id, visit: visitId, ending: 'released', next_in_ms: 0, stretch_ms: 0 }
  const values = [...new UrlColumns().toValues(), ...new CandidateColumns().toValues()]
  await run(db, 'settle', [slot, null, ...values, JSON.stringify([end]), null])
}

async function run(db: Database, verb: string, values: readonly unknown[]): Promise<SettleResult> {
  const [row] = await db.call<{ admitted: number; known: number; refused: number }>(`frontier.${verb}`, SETTLE, values)
  return { admitted: row?.admitted ?? 0, known: row?.known ?? 0, refusedStale: row?.refused ?? 0 }
}

const NO_LESSON = {
  unfetched: [],
  page_lease_ms: 0,
  mean_ms: null,
  trouble_kind: null,
  trouble_code: null,
  throttled: false,
  answered: false,
}
