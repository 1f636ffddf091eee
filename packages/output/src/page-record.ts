import type { CatalogRow } from './catalog-row.ts'

/** A line of pages.jsonl. The meaning of each field is in docs/pages-jsonl.md; fields are added, never renamed. */
export type PageRecord = Readonly<ReturnType<typeof pageRecord>>

/** The record of a row: the fields readers look for first come first, the transaction is ours alone. */
export const pageRecord = (row: CatalogRow) => ({
  url: row.url,
  status: row.status,
  depth: row.depth,
  referrer: row.referrer,
  title: row.title,
  contentType: row.contentType,
  lang: row.lang,
  canonical: row.canonical,
  encoding: row.encoding,
  noindex: row.noindex,
  nofollow: row.nofollow,
  location: row.location,
  links: row.links,
  bodyBytes: row.bodyBytes,
  wireBytes: row.wireBytes,
  digest: row.digest,
  truncated: row.truncated,
  parseError: row.parseError,
  attempt: row.attempt,
  fetchedAt: row.fetchedAt,
  firstByteMs: row.firstByteMs,
  totalMs: row.totalMs,
  pass: row.pass,
  changed: row.changed,
  usage: row.usage,
  seq: row.seq,
})
