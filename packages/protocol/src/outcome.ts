import { z } from 'zod'

const count = z.number().int().nonnegative()

/** Why no answer came: one word per phase of an exchange, the union over which every policy table is exhaustive. */
export const unreachableCode = z.enum([
  'dns-not-found', // the name does not exist
  'dns-failed', // the resolver gave no answer
  'connect-refused',
  'connect-timeout',
  'connect-failed', // no route, network down, reset while connecting
  'tls', // certificate or handshake
  'headers-timeout',
  'exchange-timeout', // the whole exchange, or slower than the minimum rate
  'reset', // the peer closed before the answer was whole
  'protocol', // not HTTP, headers too large, lengths that lie
  'decode', // Content-Encoding unknown or broken before the first byte
])
export type UnreachableCode = z.infer<typeof unreachableCode>

/** What the web answered, as data. Errors of ours are never in here. */
export const fetchResult = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('answer'),
    status: z.number().int().min(100).max(599),
    /** The raw Content-Type header. */
    contentType: z.string().nullable(),
    /** Absolute URL of the Location header of a 3xx, null when absent or unusable. */
    location: z.string().nullable(),
    /** Retry-After, both forms, in milliseconds from the answer. */
    retryAfterMs: count.nullable(),
    /** X-Robots-Tag header lines, in order. */
    robotsTags: z.array(z.string()),
    /** Link header lines, in order. */
    linkHeaders: z.array(z.string()),
    /** Content-Usage header lines, joined by ", "; null without one. */
    contentUsage: z.string().nullable().default(null),
    etag: z.string().nullable(),
    lastModified: z.string().nullable(),
    /** Cache-Control max-age; only robots.txt uses it. */
    maxAgeMs: count.nullable(),
    /** Bytes after decoding, as kept (cut at the limit). */
    bodyBytes: count,
    wireBytes: count,
    /** SHA-256 of the decoded body as kept, lower-case hex; null without a body. */
    digest: z.string().length(64).nullable(),
    /** The body was cut: by which limit or fault. */
    truncated: z.enum(['body-limit', 'ratio-limit', 'exchange-timeout', 'reset', 'decode']).nullable(),
    /** Fetcher's wall clock at the request start, ISO 8601; for people, never compared. */
    fetchedAt: z.string(),
    firstByteMs: count,
    totalMs: count,
  }),
  z.object({
    kind: z.literal('denied'),
    /** The guard at connect refused the address. */
    by: z.enum(['private-address', 'no-contact']),
    address: z.string(),
  }),
  z.object({
    kind: z.literal('unreachable'),
    code: unreachableCode,
    /** For people: the errno or the library's words. */
    detail: z.string(),
  }),
])
export type FetchResult = z.infer<typeof fetchResult>
export type Answer = Extract<FetchResult, { kind: 'answer' }>

/** A navigational link, absolute and canonical (web.canonicalize), each URL once per page. */
export const link = z.object({
  url: z.string(),
  kind: z.enum(['a', 'area', 'frame', 'link', 'refresh', 'redirect', 'header']),
  nofollow: z.boolean(),
})
export type Link = z.infer<typeof link>

/** What the parser read from a body; null fields are absent in the page. */
export const pageFacts = z.object({
  encoding: z.string().nullable(),
  title: z.string().nullable(),
  lang: z.string().nullable(),
  canonical: z.string().nullable(),
  noindex: z.boolean(),
  /** The page as a whole says nofollow; its links are then all nofollow. */
  nofollow: z.boolean(),
  /** Links found beyond the limit per page, which were dropped. */
  linksDropped: count,
  /** The parser gave the page up: by which limit. Its links are then unknown. */
  parseError: z.enum(['timeout', 'memory', 'crash']).nullable(),
})
export type PageFacts = z.infer<typeof pageFacts>
