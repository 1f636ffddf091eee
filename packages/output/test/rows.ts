import type { CatalogCursor, CatalogRow } from '@warren/output'

/** Row `n` (from 1) of an imaginary catalog: three rows a transaction, titles of more bytes than characters, now and then with odd ones. */
export function row(n: number): CatalogRow {
  return {
    tx: String(700 + Math.floor(n / 3)),
    seq: String(n),
    url: `https://example.org/${n}`,
    status: n % 7 === 0 ? 404 : 200,
    depth: n % 5,
    referrer: n === 1 ? null : 'https://example.org/1',
    contentType: 'text/html; charset=utf-8',
    title: `S\u00e9ite ${n} \u2028 "${'\u{1F407}'.repeat(n % 4)}"${n % 11 === 0 ? '\n\ud800' : ''}`,
    lang: 'de',
    canonical: null,
    encoding: 'UTF-8',
    noindex: false,
    nofollow: n % 2 === 0,
    parseError: null,
    bodyBytes: n * 10,
    wireBytes: n * 3,
    digest: n.toString(16).padStart(64, '0'),
    truncated: null,
    location: null,
    links: n % 9,
    attempt: 1,
    fetchedAt: '2026-11-23T12:00:00.000Z',
    firstByteMs: 12,
    totalMs: 34,
    pass: 1 + (n % 2),
    changed: n % 2 === 0 ? null : n % 3 === 0,
    usage: n % 5 === 0 ? 'train-ai=n' : null,
  }
}

/** Rows from `first` to `last`, both included. */
export const rows = (first: number, last: number): CatalogRow[] =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => row(first + i))

export const cursorAt = (n: number): CatalogCursor => ({ tx: row(n).tx, seq: row(n).seq })
