import type { IncomingHttpHeaders } from 'node:http'
import type { Answer } from '@warren/protocol'
import { canonicalize, parseMaxAge, parseRetryAfter } from '@warren/web'

type Headers = Readonly<Record<string, string | string[] | undefined>> | IncomingHttpHeaders

/** What an answer's headers say, in the words of the protocol. `url` is the request's, `nowMs` Unix time at the answer. */
export function headerFacts(status: number, headers: Headers, { url, nowMs }: { url: string; nowMs: number }) {
  const location = status >= 300 && status < 400 ? first(headers['location']) : undefined
  const retryAfter = first(headers['retry-after'])
  // A date in it is one of the server's clock; ours may be minutes off. Source: RFC 9110, 10.2.3 and 6.6.1.
  const serverMs = Date.parse(first(headers['date']) ?? '')
  const cacheControl = all(headers['cache-control']).join()
  return {
    status,
    contentType: contentTypeOf(headers),
    location: location === undefined ? null : (canonicalize(text(location), url) ?? null),
    retryAfterMs: retryAfter === undefined ? null : whole(parseRetryAfter(retryAfter, Number.isNaN(serverMs) ? nowMs : serverMs)),
    robotsTags: all(headers['x-robots-tag']).map(text),
    linkHeaders: all(headers['link']).map(text),
    contentUsage: usageOf(all(headers['content-usage'])),
    etag: first(headers['etag']) ?? null,
    lastModified: first(headers['last-modified']) ?? null,
    maxAgeMs: cacheControl === '' ? null : whole(parseMaxAge(cacheControl)),
  } satisfies Partial<Answer>
}

/** The raw Content-Type. Of several the last counts. Source: WHATWG Fetch, "extract a MIME type", for the usual case of two equal ones. */
export const contentTypeOf = (headers: Headers): string | null => all(headers['content-type']).at(-1) ?? null

/** The preferences that are defined fit in a tenth of it. */
const MAX_USAGE_CHARS = 1_024

/** One structured field over all its lines (RFC 9651, 4.2). A longer one counts as none: cut, it would say something else, since its last member wins. */
function usageOf(lines: readonly string[]): string | null {
  const field = lines.join(', ')
  return lines.length === 0 || field.length > MAX_USAGE_CHARS ? null : field
}

const all = (value: string | string[] | undefined): string[] => (value === undefined ? [] : typeof value === 'string' ? [value] : value)
const first = (value: string | string[] | undefined): string | undefined => (typeof value === 'string' ? value : value?.[0])
const whole = (ms: number | undefined): number | null => (ms === undefined ? null : Math.max(0, Math.round(ms)))

const UTF8 = new TextDecoder('utf-8', { fatal: true })

/** Header bytes arrive as Latin-1. Raw UTF-8, which servers do put into Location and Link, is read as browsers read it. */
function text(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for what is not ASCII
  if (/^[\x00-\x7f]*$/.test(value)) return value
  try {
    return UTF8.decode(Buffer.from(value, 'latin1'))
  } catch {
    return value // Latin-1 indeed
  }
}
