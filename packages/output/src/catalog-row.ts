/** Where a projection stands: the last catalog row that is in it. Decimal strings, because xid8 and bigint pass 2^53. */
export interface CatalogCursor {
  readonly tx: string
  readonly seq: string
}

/** One URL with its final answer, as the catalog holds it. Rows come in the order of (tx, seq), both compared as numbers. */
export interface CatalogRow extends CatalogCursor {
  readonly url: string
  readonly status: number
  readonly depth: number
  /** URL of the page that led here first; null for a seed. */
  readonly referrer: string | null
  /** The raw header. */
  readonly contentType: string | null
  readonly title: string | null
  readonly lang: string | null
  readonly canonical: string | null
  /** WHATWG name; this and the next three are null when the body was not parsed. */
  readonly encoding: string | null
  readonly noindex: boolean | null
  readonly nofollow: boolean | null
  readonly parseError: string | null
  /** Decoded, as kept. */
  readonly bodyBytes: number
  readonly wireBytes: number
  /** SHA-256 of the decoded body as kept, lower-case hex. */
  readonly digest: string | null
  /** By which limit or fault the body was cut. */
  readonly truncated: string | null
  /** Absolute target of a redirect. */
  readonly location: string | null
  /** How many links the page brought. */
  readonly links: number
  /** The try that brought this answer, from 1. */
  readonly attempt: number
  /** ISO 8601, UTC. */
  readonly fetchedAt: string
  readonly firstByteMs: number
  readonly totalMs: number
  /** The round of a recrawled crawl, from 1. */
  readonly pass: number
  /** Against the pass before; null in the first. */
  readonly changed: boolean | null
  /** What robots.txt and the answer say about the use of the page, as a structured field; null: nothing. */
  readonly usage: string | null
}

/** Negative, zero or positive, as `a` is before, at or behind `b`. */
export function compareCursors(a: CatalogCursor, b: CatalogCursor): number {
  return compareDecimals(a.tx, b.tx) || compareDecimals(a.seq, b.seq)
}

/** Without leading zeros the longer number is the greater one. */
function compareDecimals(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : Number(a > b)
}
