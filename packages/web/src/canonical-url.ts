declare const brand: unique symbol
type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** An absolute http(s) URL in the one spelling that names it everywhere: in the frontier, in messages, in files. */
export type CanonicalUrl = Brand<string, 'CanonicalUrl'>

/** `scheme://host:port` with the port always written: what a visit talks to. */
export type HostKey = Brand<string, 'HostKey'>

/** Longer URLs, before or after canonicalization, are none. */
export const MAX_URL_CHARS = 8_192

const ESCAPE = /%[0-9A-Fa-f]{2}/g
const BARE_PERCENT = /%(?![0-9A-Fa-f]{2})/

/**
 * The only way to make a CanonicalUrl; undefined for anything that is not http(s), has no host, or is longer than 8 192 characters.
 *
 * The WHATWG parse (default port dropped, host in lower-case ASCII, dot segments resolved, IPv4 in dotted form), then only what cannot
 * change the meaning: fragment, credentials and the dots that end a host are dropped; `%7E` of an unreserved character becomes that
 * character, other escapes get upper-case hex (RFC 3986 6.2.2.1 and 6.2.2.2). An empty query stays: `/?` and `/` are two resources
 * as far as anyone can know (RFC 3986 6.2.3). Never throws; idempotent. Cost: one `URL.parse`; the rest are string scans.
 */
export function canonicalize(href: string, base?: string): CanonicalUrl | undefined {
  if (href.length > MAX_URL_CHARS) return undefined
  const parsed = URL.parse(href, base)
  if (parsed === null) return undefined
  let url = parsed.href
  const authority = url.startsWith('https://') ? 8 : url.startsWith('http://') ? 7 : 0
  if (authority === 0) return undefined
  const hash = url.indexOf('#', authority) // not cut before the parse: `a #b` is `a%20`, while the space at the end of `a ` is none
  if (hash !== -1) url = url.slice(0, hash)
  const path = url.indexOf('/', authority)
  const at = url.lastIndexOf('@', path)
  const hostStart = at >= authority ? at + 1 : authority
  if (hasFinalDot(url, path)) return withoutFinalDots(url.slice(0, authority), url.slice(hostStart, path), url.slice(path))
  if (hostStart !== authority) url = url.slice(0, authority) + url.slice(hostStart)
  if (url.indexOf('%') !== -1) url = normalizeEscapes(url)
  return url.length > MAX_URL_CHARS ? undefined : (url as CanonicalUrl)
}

/** What `url` calls host and port (the port only when it is not the scheme's default), as `URL.host` would say. */
export function hostOf(url: CanonicalUrl): string {
  const start = url.indexOf('//') + 2
  return url.slice(start, url.indexOf('/', start))
}

/** The port is written behind the host in decimal digits, so the character before it decides. `path` is where the host ends. */
function hasFinalDot(url: string, path: number): boolean {
  let end = path - 1
  while (isDigit(url.charCodeAt(end))) end--
  return url[end] === ':' ? url[end - 1] === '.' : url[path - 1] === '.'
}

/** Parsed again, because without its dot `0x7f.1..` is an address. The rest has been parsed: it comes back as it is. */
function withoutFinalDots(scheme: string, host: string, rest: string): CanonicalUrl | undefined {
  const bare = host.replace(/\.+(?=$|:\d*$)/, '')
  return bare === '' || bare.startsWith(':') ? undefined : canonicalize(scheme + bare + rest)
}

/**
 * A `%` that starts no escape keeps all escapes as they are but for their case: decoding beside it could spell a new one
 * (`%%34%31` -> `%41`), and the result would not be stable.
 */
function normalizeEscapes(url: string): string {
  const decode = !BARE_PERCENT.test(url)
  return url.replace(ESCAPE, (triplet) => {
    const code = Number.parseInt(triplet.slice(1), 16)
    return decode && isUnreserved(code) ? String.fromCharCode(code) : triplet.toUpperCase()
  })
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

/** ALPHA, DIGIT, `-`, `.`, `_`, `~`. Source: RFC 3986 2.3. */
export const isUnreserved = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) ||
  (code >= 0x41 && code <= 0x5a) ||
  isDigit(code) ||
  code === 0x2d ||
  code === 0x2e ||
  code === 0x5f ||
  code === 0x7e
