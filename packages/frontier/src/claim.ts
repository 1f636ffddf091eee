import type { UrlRef } from '@warren/protocol'
import { type CanonicalUrl, type HostKey, robotsUrlOf } from '@warren/web'
import type { Database } from './database.ts'
import type { RobotsTexts } from './robots-texts.ts'

/** A leased batch of one host: nobody else in the cluster may talk to that host key until the visit ends or its lease does. */
export interface ClaimedVisit {
  readonly crawlId: number
  readonly hostId: number
  readonly hostKey: HostKey
  readonly visitId: string
  /** Least time between two request starts: the larger of the crawl's delay and the host's crawl-delay. */
  readonly delayMs: number
  /** Requests in flight. */
  readonly width: number
  /** The address group whose slot the visit holds; null: no limit by address, or it is not known yet. */
  readonly addressGroup: string | null
  readonly work:
    | { readonly kind: 'pages'; readonly urls: readonly UrlRef[] }
    | { readonly kind: 'robots'; readonly url: CanonicalUrl; readonly askingHostId: number; readonly hop: number }
    | { readonly kind: 'resolve' }
  /** The rules that hold for pages; null for other visits. `digest` is '' without a body. */
  readonly robots: { readonly digest: string; readonly body: Uint8Array | null; readonly access: RobotsAccess } | null
}

export type RobotsAccess = 'rules' | 'allow-all' | 'deny-all'

export interface ClaimOptions {
  /** Most visits. */
  readonly hosts: number
  /** Most URLs in all of them. */
  readonly urls: number
  /** The broker drops a visit that waited longer. */
  readonly visitQueueMs: number
  /** A fetcher drops a visit that ran longer. */
  readonly visitRunMs: number
  /** The lease is visitQueueMs + visitRunMs + marginMs. */
  readonly marginMs: number
}

type UrlTuple = [
  id: number,
  url: string,
  depth: number,
  chain: number,
  attempt: number,
  pass: number,
  etag?: string | null,
  lastModified?: string | null,
]

interface ClaimRow {
  crawl_id: number
  host_id: number
  host_key: string
  visit: string
  kind: 'pages' | 'robots' | 'resolve'
  delay_ms: number
  width: number
  address_group: string | null
  robots_access: RobotsAccess | null
  robots_digest: string | null
  asking_host_id: number
  hop: number
  hop_url: string | null
  urls: UrlTuple[] | null
}

const CLAIM = 'select * from frontier.claim($1, $2, $3, $4)'
const REFILL = 'select * from frontier.refill($1, $2, $3)'

/** Cost: one round trip, and one more when a robots text is not in memory. Two claims at once: one of them gets nothing. */
export async function claim(db: Database, texts: RobotsTexts, slot: number, options: ClaimOptions): Promise<ClaimedVisit[]> {
  const { hosts, urls, visitQueueMs, visitRunMs, marginMs } = options
  const leaseMs = Math.ceil(visitQueueMs + visitRunMs + marginMs)
  const rows = await db.call<ClaimRow>('frontier.claim', CLAIM, [slot, hosts, urls, leaseMs])
  const bodies = await texts.load(rows.flatMap((row) => (row.urls !== null && row.robots_digest !== null ? [row.robots_digest] : [])))
  return rows.map((row) => visitOf(row, bodies))
}

export async function refill(db: Database, slot: number, visitId: string, limit: number): Promise<UrlRef[]> {
  const rows = await db.call<{ urls: UrlTuple[] }>('frontier.refill', REFILL, [slot, visitId, limit])
  return rows.flatMap((row) => row.urls.map(urlRefOf))
}

function visitOf(row: ClaimRow, bodies: ReadonlyMap<string, Uint8Array>): ClaimedVisit {
  const hostKey = row.host_key as HostKey
  const digest = row.robots_digest ?? ''
  return {
    crawlId: row.crawl_id,
    hostId: row.host_id,
    hostKey,
    visitId: row.visit,
    delayMs: row.delay_ms,
    width: row.width,
    addressGroup: row.address_group,
    work: workOf(row, hostKey),
    robots: row.urls === null ? null : { digest, body: bodies.get(digest) ?? null, access: row.robots_access ?? 'allow-all' },
  }
}

function workOf(row: ClaimRow, hostKey: HostKey): ClaimedVisit['work'] {
  if (row.kind === 'resolve') return { kind: 'resolve' }
  if (row.kind === 'pages') return { kind: 'pages', urls: (row.urls ?? []).map(urlRefOf) }
  return { kind: 'robots', url: (row.hop_url ?? robotsUrlOf(hostKey)) as CanonicalUrl, askingHostId: row.asking_host_id, hop: row.hop }
}

function urlRefOf([id, url, depth, chain, attempt, pass, etag, lastModified]: UrlTuple): UrlRef {
  const ref = { id, url, depth, chain, attempt, pass }
  if (etag === undefined && lastModified === undefined) return ref
  return { ...ref, validators: { etag: etag ?? null, lastModified: lastModified ?? null } }
}
