import { isUnreserved, MAX_URL_CHARS } from './canonical-url.ts'

/**
 * Paths and patterns are compared in one spelling, octet by octet as Latin-1 text (RFC 9309 2.2.2):
 * - octets outside ASCII, controls and characters that no URI has are percent-encoded, hex in upper case;
 * - an escaped unreserved or reserved character is that character, so `%7E` is `~` and `%3A` is `:`; but
 * - `%25` stays, and so do the delimiters of a path, `%2F`, `%3F` and `%23`: `/a%2Fb` is not `/a/b`. In a query, where they delimit
 *   nothing (RFC 3986 3.4), both spellings are one (RFC 9309 2.2.2, second row of the table);
 * - `*` and `$` as characters are `%2A` and `%24` in both (2.2.3), so a bare `*` in a pattern is always the wildcard.
 */
export interface RobotsPath {
  /** Its query with `/` and `?` bare, which is how nearly all patterns write them. */
  readonly bare: string
  /** Its query with `%2F` and `%3F`; the same string as `bare` when there is nothing to escape. */
  readonly escaped: string
}

/** A pattern cut at its wildcards. */
export interface RobotsPattern {
  /** Octets of the pattern in the common spelling, wildcards included: the longer match is the more specific one. */
  readonly octets: number
  /** It has wildcards, so that a match may read the whole path. */
  readonly wildcard: boolean
  matches(path: RobotsPath): boolean
}

/** Where the first place of a part of a pattern at or behind `from` ends; -1 when there is none. */
type Search = (path: string, from: number) => number

/** V8's `indexOf` takes up to 10 ns a character of the path for a part of up to 250 characters, but 130 to 580 for a longer one. */
const LONG_PART_CHARS = 200
const ESCAPED_DELIMITERS = new Set([0x23, 0x25, 0x2a, 0x24, 0x2f, 0x3f]) // # % * $ / ?
const RESERVED = new Set([...":/?#[]@!$&'()*+,;="].map((char) => char.charCodeAt(0)))
const WILDCARD = 0x2a
const END = 0x24

/** The path and query of `url` as patterns see them, without the fragment. Takes an absolute URL or a path. */
export function robotsPath(url: string): RobotsPath {
  const start = url.startsWith('/') ? 0 : pathStart(url)
  const hash = url.indexOf('#', start)
  const octets = latin1(url.slice(start, hash === -1 ? undefined : hash))
  const text = spell(octets.startsWith('/') ? octets : `/${octets}`, false)
  const query = text.indexOf('?')
  if (query === -1) return { bare: text, escaped: text }
  const path = text.slice(0, query + 1)
  const rest = text.slice(query + 1)
  return { bare: path + bareDelimiters(rest), escaped: path + escapedDelimiters(rest) }
}

/**
 * The pattern of an allow, disallow or content-usage line, given as Latin-1 text of its octets. It matches from the first octet of the path;
 * a `$` at its very end asks for the end of the path. Undefined when it can never match: empty, or longer than any URL without a wildcard.
 * Cost of a match: O(path + pattern), without backtracking: the first place where a part between two wildcards fits is always good enough.
 */
export function compileRobotsPattern(value: string): RobotsPattern | undefined {
  const anchored = value.endsWith('$')
  const text = spellPattern(anchored ? value.slice(0, -1) : value)
  const [head = '', ...parts] = text.replace(/\*+/g, '*').split('*')
  const wildcard = parts.length > 0
  const fixed = parts.reduce((sum, part) => sum + part.length, head.length)
  if (value === '' || fixed > 3 * MAX_URL_CHARS) return undefined
  const tail = anchored && wildcard ? (parts.pop() ?? '') : ''
  const inner = parts.filter((part) => part !== '').map(searchFor)
  const escapes = text.includes('%2F') || text.includes('%3F')
  const fits = (path: string): boolean => {
    if (!path.startsWith(head)) return false
    let at = head.length
    for (const search of inner) {
      at = search(path, at)
      if (at === -1) return false
    }
    if (!anchored) return true
    return wildcard ? path.length - tail.length >= at && path.endsWith(tail) : at === path.length
  }
  return {
    octets: text.length + (anchored ? 1 : 0),
    wildcard,
    matches: ({ bare, escaped }) => fits(bare) || (escapes && escaped !== bare && fits(escaped)),
  }
}

function searchFor(part: string): Search {
  if (part.length > LONG_PART_CHARS) return searchForLong(part)
  return (path, from) => {
    const found = path.indexOf(part, from)
    return found === -1 ? -1 : found + part.length
  }
}

/** By Knuth, Morris and Pratt: linear also when the path is full of what is nearly the part. */
function searchForLong(part: string): Search {
  const codes = Buffer.from(part, 'latin1')
  const borders = new Uint16Array(codes.length) // of each prefix of the part: how long a proper prefix ends it
  /** How much of the part ends here, when `matched` characters (not all of it) ended before this one. */
  const extend = (matched: number, code: number): number => {
    let length = matched
    while (length > 0 && codes[length] !== code) length = borders[length - 1] ?? 0
    return codes[length] === code ? length + 1 : length
  }
  for (let i = 1; i < codes.length; i++) borders[i] = extend(borders[i - 1] ?? 0, codes[i] ?? 0)
  return (path, from) => {
    let matched = 0
    for (let i = from; i < path.length; i++) {
      matched = extend(matched, path.charCodeAt(i))
      if (matched === codes.length) return i + 1
    }
    return -1
  }
}

/** From its first `?` on a pattern is in the query, however the path before it matched. */
function spellPattern(value: string): string {
  const text = spell(value, true)
  const query = text.indexOf('?')
  return query === -1 ? text : text.slice(0, query + 1) + bareDelimiters(text.slice(query + 1))
}

/** One pass over Latin-1 text; see RobotsPath. In a pattern a bare `*` stays what it is. */
function spell(octets: string, pattern: boolean): string {
  if (/^[\w\-./~:@!&'(),;=+?]*$/.test(octets)) return octets // nothing here has another spelling
  let out = ''
  for (let i = 0; i < octets.length; i++) {
    let code = octets.charCodeAt(i)
    let escaped = false
    if (code === 0x25) {
      const decoded = hexPair(octets, i + 1)
      if (decoded !== -1) {
        code = decoded
        escaped = true
        i += 2
      }
    }
    const keep = escaped ? !ESCAPED_DELIMITERS.has(code) : code === WILDCARD ? pattern : code !== END && code !== 0x25
    out += keep && (isUnreserved(code) || RESERVED.has(code)) ? String.fromCharCode(code) : percent(code)
  }
  return out
}

const bareDelimiters = (query: string): string => (query.includes('%') ? query.replaceAll('%2F', '/').replaceAll('%3F', '?') : query)
const escapedDelimiters = (query: string): string => query.replaceAll('/', '%2F').replaceAll('?', '%3F')
const percent = (code: number): string => `%${code < 16 ? '0' : ''}${code.toString(16).toUpperCase()}`

function hexPair(text: string, at: number): number {
  const pair = text.slice(at, at + 2)
  return /^[0-9A-Fa-f]{2}$/.test(pair) ? Number.parseInt(pair, 16) : -1
}

/** Behind `scheme://authority`; the end of the text when there is no path, its start when there is no authority. */
function pathStart(url: string): number {
  const authority = url.indexOf('://')
  if (authority === -1) return 0
  for (let i = authority + 3; i < url.length; i++) {
    const char = url[i]
    if (char === '/' || char === '?' || char === '#') return i
  }
  return url.length
}

/** The UTF-8 octets of `text`, one character each. */
const latin1 = (text: string): string => (Buffer.byteLength(text) === text.length ? text : Buffer.from(text, 'utf8').toString('latin1'))
