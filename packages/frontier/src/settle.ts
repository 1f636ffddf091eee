import type { Answer, PageFacts, UrlRef } from '@warren/protocol'
import type { CanonicalUrl, HostKey } from '@warren/web'
import type { Database } from './database.ts'
import { storable, storableJson } from './text.ts'

/** A URL that a page, a redirect or an operator offers; canonical, and already inside the crawl's scope and filters. */
export interface Candidate {
  readonly url: CanonicalUrl
  readonly hostKey: HostKey
  readonly fingerprint: string
  readonly depth: number
  /** Redirects that led here. */
  readonly chain: number
  readonly parentId: number | null
}

/** What becomes of a leased URL. */
export type Fate =
  /** A final HTTP answer. `links`: links the page held, before scope and filters; default: as many as there are candidates. */
  | {
      readonly kind: 'done'
      readonly result: Answer
      readonly facts: PageFacts | null
      readonly candidates: readonly Candidate[]
      readonly links?: number
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
}

interface OfVisit {
  readonly crawlId: number
  readonly hostId: number
  readonly visitId: string
}

interface HostLesson {
  /** When the host may be visited next, from now. */
  readonly nextInMs: number
  readonly meanExchangeMs: number | null
  readonly trouble: Trouble | null
  /** A usable answer came: forgets the trouble so far. */
  readonly answered: boolean
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

const SETTLE = `select * from frontier.settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`
const MAX_SMALLINT = 32_767

/** Columns of the links of a batch; a host key travels once. */
class CandidateColumns {
  readonly keys = new Map<string, number>()
  readonly columns: [
    of: number[],
    crawl: number[],
    fp: string[],
    url: string[],
    key: number[],
    depth: number[],
    chain: number[],
    parent: (number | null)[],
  ] = [[], [], [], [], [], [], [], []]

  add(of: number, crawlId: number, candidate: Candidate): void {
    const [ofs, crawls, fps, urls, keys, depths, chains, parents] = this.columns
    ofs.push(of)
    crawls.push(crawlId)
    fps.push(candidate.fingerprint)
    urls.push(storable(candidate.url))
    keys.push(this.key(candidate.hostKey))
    depths.push(Math.min(candidate.depth, MAX_SMALLINT))
    chains.push(Math.min(candidate.chain, MAX_SMALLINT))
    parents.push(candidate.parentId)
  }

  key(hostKey: string): number {
    const known = this.keys.get(hostKey)
    if (known !== undefined) return known
    this.keys.set(hostKey, this.keys.size + 1)
    return this.keys.size
  }
}

/** One call, one commit. Repeatable: what was settled is refused the second time. */
export async function settle(db: Database, slot: number, batch: readonly Settlement[]): Promise<SettleResult> {
  if (batch.length === 0) return { admitted: 0, known: 0, refusedStale: 0 }
  const urls = batch.filter((entry) => entry.kind === 'url')
  const links = new CandidateColumns()
  urls.forEach(({ crawlId, fate }, index) => {
    if (fate.kind === 'done') for (const candidate of fate.candidates) links.add(index + 1, crawlId, candidate)
  })
  const ends = batch.filter((entry) => entry.kind !== 'url').map(endRow)
  const robots = batch.filter((entry) => entry.kind === 'robots')
  for (const { result } of robots) if (result.kind === 'hop') links.key(result.hostKey)
  return run(db, 'settle', [
    slot,
    null,
    urls.map(({ url }) => url.id),
    urls.map(({ visitId }) => visitId),
    urls.map(({ fate }) => fate.kind),
    urls.map(({ fate }) => (fate.kind === 'retry' ? Math.round(fate.afterMs) : null)),
    urls.map(({ fate }) => (fate.kind === 'failed' ? storable(fate.code) : fate.kind === 'excluded' ? storable(fate.rule) : null)),
    urls.map(({ fate }) => (fate.kind === 'failed' || fate.kind === 'excluded' ? storable(fate.detail) : null)),
    storableJson(urls.map(({ fate }) => (fate.kind === 'done' ? answerRow(fate) : null))),
    ...links.columns,
    [...links.keys.keys()],
    ends.length === 0 ? null : storableJson(ends),
    robots.length === 0 ? null : storableJson(robots.map(robotsRow)),
  ])
}

/** Admits URLs that no page brought, unless the crawl has ended. Errors: ERR_CRAWL_CONFLICT. */
export async function seed(db: Database, slot: number, crawlId: number, candidates: readonly Candidate[]): Promise<SettleResult> {
  const links = new CandidateColumns()
  for (const candidate of candidates) links.add(0, crawlId, candidate)
  return run(db, 'seed', [slot, crawlId, [], [], [], [], [], [], '[]', ...links.columns, [...links.keys.keys()], null, null])
}

/** A visit that was never published: its host is free at once, its URLs are queued as they were. */
export async function release(db: Database, slot: number, visitId: string): Promise<void> {
  const [visit] = await db.call<{ host_id: number }>('frontier.find-visit', 'select host_id from frontier.visits where id = $1', [visitId])
  if (visit === undefined) return
  const end = { ...NO_LESSON, host_id: visit.host_id, visit: visitId, ending: 'released', next_in_ms: 0 }
  await run(db, 'settle', [slot, null, [], [], [], [], [], [], '[]', [], [], [], [], [], [], [], [], [], JSON.stringify([end]), null])
}

async function run(db: Database, verb: string, values: readonly unknown[]): Promise<SettleResult> {
  const [row] = await db.call<{ admitted: number; known: number; refused: number }>(`frontier.${verb}`, SETTLE, values)
  return { admitted: row?.admitted ?? 0, known: row?.known ?? 0, refusedStale: row?.refused ?? 0 }
}

const NO_LESSON = { unfetched: [], page_lease_ms: 0, mean_ms: null, trouble_kind: null, trouble_code: null, answered: false }

const troubleColumns = (trouble: Trouble | null) => ({
  trouble_kind: trouble?.kind ?? null,
  trouble_code: trouble?.code ?? null,
  base_ms: trouble === null ? null : Math.round(trouble.baseMs),
  max_ms: trouble === null ? null : Math.round(trouble.maxMs),
  jitter: trouble?.jitter ?? null,
  floor_ms: trouble === null ? null : Math.round(trouble.floorMs),
})

function endRow(entry: Exclude<Settlement, { kind: 'url' }>) {
  // robots.txt that is redirected or out of reach answers nothing yet: only its end does.
  const usable = entry.kind === 'end' || entry.result.kind === 'rules' || entry.result.kind === 'allow-all'
  return {
    host_id: entry.hostId,
    visit: entry.visitId,
    ending: entry.kind === 'end' ? entry.ending : 'finished',
    unfetched: entry.kind === 'end' ? entry.unfetched : [],
    next_in_ms: Math.round(entry.nextInMs),
    page_lease_ms: entry.kind === 'end' ? Math.round(entry.pageLeaseMs) : 0,
    mean_ms: entry.meanExchangeMs,
    ...troubleColumns(entry.trouble),
    answered: entry.answered && usable,
  }
}

function robotsRow({ hostId, visitId, crawlId, askingHostId, result, trouble }: Extract<Settlement, { kind: 'robots' }>) {
  return {
    host_id: hostId,
    visit: visitId,
    crawl_id: crawlId,
    asking_host_id: askingHostId,
    kind: result.kind,
    digest: result.kind === 'rules' ? result.digest : null,
    body:
      result.kind === 'rules' ? Buffer.from(result.body.buffer, result.body.byteOffset, result.body.byteLength).toString('base64') : null,
    ttl_ms: result.kind === 'rules' || result.kind === 'allow-all' ? Math.round(result.ttlMs) : null,
    crawl_delay_ms: result.kind === 'rules' && result.crawlDelayMs !== null ? Math.round(result.crawlDelayMs) : null,
    hop_url: result.kind === 'hop' ? result.url : null,
    hop_key: result.kind === 'hop' ? result.hostKey : null,
    hop: result.kind === 'hop' ? result.hop : 0,
    ...troubleColumns(trouble),
  }
}

function answerRow({ result, facts, candidates, links }: Extract<Fate, { kind: 'done' }>) {
  return {
    status: result.status,
    content_type: result.contentType,
    location: result.location,
    etag: result.etag,
    last_modified: result.lastModified,
    body_bytes: result.bodyBytes,
    wire_bytes: result.wireBytes,
    digest: result.digest,
    truncated: result.truncated,
    fetched_at: result.fetchedAt,
    first_byte_ms: Math.round(result.firstByteMs),
    total_ms: Math.round(result.totalMs),
    links: links ?? candidates.length,
    links_dropped: facts?.linksDropped ?? 0,
    noindex: facts?.noindex ?? null,
    nofollow: facts?.nofollow ?? null,
    title: facts?.title ?? null,
    lang: facts?.lang ?? null,
    canonical: facts?.canonical ?? null,
    encoding: facts?.encoding ?? null,
    parse_error: facts?.parseError ?? null,
  }
}
