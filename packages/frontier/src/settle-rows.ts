import { yieldIfDue } from '@warren/async'
import { numberArray, textArray } from './array-literal.ts'
import type { Candidate, Fate, Settlement, Trouble } from './settle.ts'
import { storable, storableJson } from './text.ts'

const MAX_SMALLINT = 32_767

type UrlSettlement = Extract<Settlement, { kind: 'url' }>

/** Columns of the links of a batch; a host key travels once. */
export class CandidateColumns {
  readonly #keys = new Map<string, number>()
  readonly #of: number[] = []
  readonly #crawls: number[] = []
  readonly #fingerprints: string[] = []
  readonly #urls: string[] = []
  readonly #hostKeys: number[] = []
  readonly #depths: number[] = []
  readonly #chains: number[] = []
  readonly #priorities: number[] = []
  readonly #parents: (number | null)[] = []

  /** Yields when the turn of the event loop is over. */
  async add(of: number, crawlId: number, candidates: readonly Candidate[]): Promise<void> {
    for (const candidate of candidates) {
      const due = yieldIfDue()
      if (due !== undefined) await due
      this.#of.push(of)
      this.#crawls.push(crawlId)
      this.#fingerprints.push(candidate.fingerprint)
      this.#urls.push(storable(candidate.url))
      this.#hostKeys.push(this.key(candidate.hostKey))
      this.#depths.push(Math.min(candidate.depth, MAX_SMALLINT))
      this.#chains.push(Math.min(candidate.chain, MAX_SMALLINT))
      this.#priorities.push(candidate.priority)
      this.#parents.push(candidate.parentId)
    }
  }

  key(hostKey: string): number {
    const known = this.#keys.get(hostKey)
    if (known !== undefined) return known
    this.#keys.set(hostKey, this.#keys.size + 1)
    return this.#keys.size
  }

  /** In the order of the call, the host keys last. */
  toValues(): string[] {
    return [
      numberArray(this.#of),
      numberArray(this.#crawls),
      textArray(this.#fingerprints),
      textArray(this.#urls),
      numberArray(this.#hostKeys),
      numberArray(this.#depths),
      numberArray(this.#chains),
      numberArray(this.#priorities),
      numberArray(this.#parents),
      textArray([...this.#keys.keys()]),
    ]
  }
}

/** Columns of the outcomes of URLs. */
export class UrlColumns {
  readonly #ids: number[] = []
  readonly #crawls: number[] = []
  readonly #passes: number[] = []
  readonly #visits: string[] = []
  readonly #kinds: string[] = []
  readonly #afterMs: (number | null)[] = []
  readonly #codes: (string | null)[] = []
  readonly #details: (string | null)[] = []
  readonly #answers: string[] = []

  /** Returns its place, from 1. */
  add({ url, crawlId, visitId, fate }: UrlSettlement): number {
    this.#ids.push(url.id)
    this.#crawls.push(crawlId)
    this.#passes.push(url.pass)
    this.#visits.push(visitId)
    this.#kinds.push(fate.kind)
    this.#afterMs.push(fate.kind === 'retry' ? Math.round(fate.afterMs) : null)
    this.#codes.push(codeOf(fate))
    this.#details.push(fate.kind === 'failed' || fate.kind === 'excluded' ? storable(fate.detail) : null)
    this.#answers.push(fate.kind === 'done' ? storableJson(answerRow(fate)) : 'null')
    return this.#ids.length
  }

  /** In the order of the call. */
  toValues(): string[] {
    return [
      numberArray(this.#ids),
      numberArray(this.#crawls),
      textArray(this.#visits),
      numberArray(this.#passes),
      textArray(this.#kinds),
      numberArray(this.#afterMs),
      textArray(this.#codes),
      textArray(this.#details),
      `[${this.#answers.join()}]`,
    ]
  }
}

function codeOf(fate: Fate): string | null {
  if (fate.kind === 'excluded') return storable(fate.rule)
  return fate.kind === 'failed' || fate.kind === 'retry' ? storable(fate.code) : null
}

const troubleColumns = (trouble: Trouble | null) => ({
  trouble_kind: trouble?.kind ?? null,
  trouble_code: trouble?.code ?? null,
  throttled: trouble?.throttled ?? false,
  base_ms: trouble === null ? null : Math.round(trouble.baseMs),
  max_ms: trouble === null ? null : Math.round(trouble.maxMs),
  jitter: trouble?.jitter ?? null,
  floor_ms: trouble === null ? null : Math.round(trouble.floorMs),
})

/** The end of a visit, also of one that asked for robots.txt. */
export function endRow(entry: Exclude<Settlement, { kind: 'url' }>) {
  // robots.txt that is redirected or out of reach answers nothing yet: only its end does.
  const usable = entry.kind === 'end' || entry.result.kind === 'rules' || entry.result.kind === 'allow-all'
  return {
    host_id: entry.hostId,
    visit: entry.visitId,
    ending: entry.kind === 'end' ? entry.ending : 'finished',
    unfetched: entry.kind === 'end' ? entry.unfetched : [],
    next_in_ms: Math.round(entry.nextInMs),
    stretch_ms: Math.round(entry.stretchMs),
    page_lease_ms: entry.kind === 'end' ? Math.round(entry.pageLeaseMs) : 0,
    mean_ms: entry.meanExchangeMs,
    address_group: entry.addressGroup,
    ...troubleColumns(entry.trouble),
    answered: entry.answered && usable,
  }
}

export function robotsRow({ hostId, visitId, crawlId, askingHostId, result, trouble }: Extract<Settlement, { kind: 'robots' }>) {
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

function answerRow({ result, facts, candidates, links, usage }: Extract<Fate, { kind: 'done' }>) {
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
    usage: usage === undefined || usage === '' ? null : usage,
  }
}
