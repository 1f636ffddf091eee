import type { Database } from './database.ts'

/** One fetched URL as the catalog holds it. `tx` and `seq` are decimal strings (they pass 2^53). */
export interface CatalogRow {
  readonly tx: string
  readonly seq: string
  readonly url: string
  readonly status: number
  readonly depth: number
  /** URL of the page that led here by the shortest path known when it was leased; null for a seed. */
  readonly referrer: string | null
  readonly contentType: string | null
  readonly title: string | null
  readonly lang: string | null
  readonly canonical: string | null
  readonly encoding: string | null
  readonly noindex: boolean | null
  readonly nofollow: boolean | null
  readonly parseError: string | null
  readonly bodyBytes: number
  readonly wireBytes: number
  readonly digest: string | null
  readonly truncated: string | null
  readonly location: string | null
  readonly links: number
  readonly attempt: number
  /** ISO 8601, UTC, milliseconds. */
  readonly fetchedAt: string
  readonly firstByteMs: number
  readonly totalMs: number
  /** The round of a recrawled crawl, from 1. */
  readonly pass: number
  /** Against the pass before; null in the first. */
  readonly changed: boolean | null
  /** What robots.txt and the answer say about the use of the page (Content-Usage); null: nothing. */
  readonly usage: string | null
}

/** The last row read. */
export interface CatalogCursor {
  readonly tx: string
  readonly seq: string
}

// Rows of transactions older than every one that is still open: nothing can appear behind the cursor later.
const CATALOG = `
select c.tx::text, c.seq::text, u.url, c.status, c.depth, p.url as referrer, c.content_type as "contentType", c.title, c.lang, c.canonical,
       c.encoding, c.noindex, c.nofollow, c.parse_error as "parseError", c.body_bytes as "bodyBytes", c.wire_bytes as "wireBytes",
       encode(c.digest, 'hex') as digest, c.truncated, c.location, c.links, c.attempt,
       to_char(c.fetched_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "fetchedAt", c.first_byte_ms as "firstByteMs",
       c.total_ms as "totalMs", c.pass, c.changed, c.usage
  from (select * from frontier.catalog
         where crawl_id = $1 and (tx, seq) > ($2::xid8, $3::bigint) and tx < pg_snapshot_xmin(pg_current_snapshot())
         order by tx, seq limit $4) c
  join frontier.urls u on u.crawl_id = $1 and u.id = c.id left join frontier.urls p on p.crawl_id = $1 and p.id = c.parent
 order by c.tx, c.seq`

/** Rows after `cursor`, by (tx, seq). Cost: one index range; no snapshot outlives the call. */
export async function readCatalog(
  db: Database,
  crawlId: number,
  cursor: CatalogCursor | null,
  limit: number,
): Promise<{ rows: CatalogRow[]; cursor: CatalogCursor | null }> {
  const rows = await db.call<CatalogRow>('frontier.read-catalog', CATALOG, [crawlId, cursor?.tx ?? '0', cursor?.seq ?? '0', limit])
  const last = rows.at(-1)
  return { rows, cursor: last === undefined ? cursor : { tx: last.tx, seq: last.seq } }
}
