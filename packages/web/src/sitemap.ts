import { MAX_URL_CHARS } from './canonical-url.ts'
import { sniffXmlEncoding } from './encoding.ts'
import { gunzip, isGzip } from './gunzip.ts'
import { httpUrl, type Reading, type SitemapType, type SitemapUrl, type TakeEntry } from './sitemap-entry.ts'
import { readXml } from './sitemap-xml.ts'

export interface Sitemap {
  /** Null: it is no sitemap of any kind, and lists nothing. */
  readonly type: SitemapType | null
  /** In the order of the file, duplicates included. */
  readonly urls: readonly SitemapUrl[]
  /** The file lists more, as far as can be told: it passed a limit, is nested too deep, or ends before its root element does. */
  readonly truncated: boolean
}

export interface SitemapOptions {
  /** Where the sitemap was found; relative URLs start from there. */
  readonly url: string
  /** Only its charset matters, and less than a byte order mark: servers call a sitemap anything. */
  readonly contentType?: string | null
  readonly limitBytes?: number
  readonly limitUrls?: number
}

/** Uncompressed. Source: sitemaps.org protocol, "Using Sitemap index files": 50 MB, the same for an index. */
export const SITEMAP_LIMIT_BYTES = 52_428_800
/** Entries of one file, of an index as well. Source: as above. */
export const SITEMAP_LIMIT_URLS = 50_000

/** Some servers compress the file `sitemap.xml.gz` once more and tell of neither. */
const MAX_GZIP_LAYERS = 2
/** Text is decoded and parsed in such pieces, so that a large file is in memory once, as bytes. */
const CHUNK_BYTES = 65_536
/** White space, NUL (UTF-16) and the bytes of byte order marks: what may stand before the first `<`. */
const BLANK = new Set([0x00, 0x09, 0x0a, 0x0c, 0x0d, 0x20, 0xef, 0xbb, 0xbf, 0xfe, 0xff])
const LESS_THAN = 0x3c

/**
 * The URLs that a sitemap index, a sitemap (XML or text) or a feed lists. `body` is what HTTP's content coding leaves, and may be gzip,
 * once or twice. The content tells what it is, not its name or type: markup goes by its root element, anything else is text when more
 * than half of its lines are URLs. Namespaces are not looked at, only whether an element has the prefix of the entries.
 *
 * Never throws: any bytes are a sitemap, faulty markup gives the entries before the fault, entries without a valid http(s) URL of at most
 * 8 192 characters are left out. Past `limitBytes` (uncompressed, 50 MiB) and `limitUrls` (entries, those left out too; 50 000) nothing is
 * read, and `truncated` is true. Entities that a DOCTYPE declares stay as they are written, and nothing is fetched.
 * Cost: linear in the uncompressed bytes, which are in memory once or twice; gzip data that is broken or passes the limit is
 * unpacked up to nine times, and what passes the limit is cut somewhere in the second half of it.
 * Source: sitemaps.org protocol; RSS 2.0, 0.9x and 1.0; RFC 4287 (Atom), Atom 0.3; encodings by RFC 7303 3.2.
 */
export function parseSitemap(body: Uint8Array, options: SitemapOptions): Sitemap {
  const { url, contentType = null, limitBytes = SITEMAP_LIMIT_BYTES, limitUrls = SITEMAP_LIMIT_URLS } = options
  const { bytes, cut } = unpack(body, limitBytes)
  const urls: SitemapUrl[] = []
  let entries = 0
  const take: TakeEntry = (entry) => {
    if (entries++ >= limitUrls) return false
    if (entry !== undefined) urls.push(entry)
    return true
  }
  const chunks = textOf(bytes, sniffXmlEncoding(bytes, contentType))
  const isMarkup = bytes.find((byte) => !BLANK.has(byte)) === LESS_THAN
  const { type, complete } = isMarkup ? readXml(chunks, url, take) : readLines(chunks, cut, take)
  return { type, urls: type === null ? [] : urls, truncated: cut || !complete }
}

function unpack(body: Uint8Array, limitBytes: number): { bytes: Uint8Array; cut: boolean } {
  let bytes = body
  let cut = false
  for (let layer = 0; layer < MAX_GZIP_LAYERS && isGzip(bytes); layer++) {
    const unpacked = gunzip(bytes, limitBytes)
    bytes = unpacked.bytes
    cut ||= unpacked.cut
  }
  return bytes.length > limitBytes ? { bytes: bytes.subarray(0, limitBytes), cut: true } : { bytes, cut }
}

/** A character that the end of the bytes cuts is left out. */
function* textOf(bytes: Uint8Array, encoding: string): Generator<string> {
  if (encoding === 'replacement') return // stands for encodings too dangerous to decode (Encoding Standard 14.1)
  const decoder = new TextDecoder(encoding)
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield decoder.decode(bytes.subarray(at, at + CHUNK_BYTES), { stream: true })
}

/** One absolute URL a line. Source: sitemaps.org protocol, "Other Sitemap formats". "ours": other lines may be in between, if they are fewer. */
function readLines(chunks: Iterable<string>, cut: boolean, take: TakeEntry): Reading {
  let surplus = 0 // of lines with a URL over those without
  let complete = true
  for (const line of linesOf(chunks, cut)) {
    const text = line.trim()
    if (text === '') continue
    const url = /\s/.test(text) ? undefined : httpUrl(text)
    complete = take(url === undefined ? undefined : { url })
    if (!complete) break
    surplus += url === undefined ? -1 : 1
  }
  return { type: surplus > 0 ? 'text' : null, complete }
}

/** A line that the limit cut is none. Of one that is too long to be a URL enough is kept to tell. */
function* linesOf(chunks: Iterable<string>, cut: boolean): Generator<string> {
  let rest = ''
  for (const chunk of chunks) {
    const lines = (rest + chunk).split(/\r\n?|\n/)
    rest = (lines.pop() ?? '').trimStart().slice(0, MAX_URL_CHARS + 1)
    yield* lines
  }
  if (!cut) yield rest
}
