/** RFC 9309 2.5 asks for at least 500 KiB (512 000 bytes). What is behind is ignored, and so is a line that the limit cuts. */
export const ROBOTS_LIMIT_BYTES = 524_288

type Field = 'user-agent' | 'allow' | 'disallow' | 'content-usage' | 'crawl-delay' | 'sitemap'

/** One line that says something; texts are Latin-1, one character an octet. */
export interface RobotsLine {
  readonly field: Field
  /** Without comment and the white space around it. */
  readonly value: string
  /** The whole line as it is written. */
  readonly text: string
  /** From 1. */
  readonly number: number
}

/** The fields we know, with common misspellings: "ours" for the rules; for other records RFC 9309 2.2.4 suggests it. */
const FIELDS: Readonly<Record<string, Field>> = {
  'user-agent': 'user-agent',
  useragent: 'user-agent',
  'user agent': 'user-agent',
  allow: 'allow',
  disallow: 'disallow',
  dissallow: 'disallow',
  dissalow: 'disallow',
  disalow: 'disallow',
  diasllow: 'disallow',
  disallaw: 'disallow',
  'content-usage': 'content-usage',
  'crawl-delay': 'crawl-delay',
  crawldelay: 'crawl-delay',
  'crawl delay': 'crawl-delay',
  sitemap: 'sitemap',
  'site-map': 'sitemap',
}
const UTF8_MARK = [0xef, 0xbb, 0xbf]

/** The lines of a robots.txt that have a field we know, in order. Never throws. Cost: linear in the bytes. Source: RFC 9309 2.2. */
export function* robotsLines(bytes: Uint8Array): Generator<RobotsLine> {
  let number = 0
  for (const text of lines(bytes)) {
    number++
    const hash = text.indexOf('#')
    const found = fieldAndValue(trim(hash === -1 ? text : text.slice(0, hash)))
    if (found !== undefined) yield { ...found, text: trim(text), number }
  }
}

/** Without the white space of RFC 9309 2.2 around it. Loops: a regular expression for the end would be quadratic in inner spaces. */
export function trim(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/** Each line without its end: CR, LF or CRLF. */
function* lines(bytes: Uint8Array): Generator<string> {
  const text = latin1(bytes)
  const end = /\r\n|\r|\n/g
  let start = 0
  for (let match = end.exec(text); match !== null; match = end.exec(text)) {
    yield text.slice(start, match.index)
    start = end.lastIndex
  }
  if (start < text.length && bytes.byteLength < ROBOTS_LIMIT_BYTES) yield text.slice(start)
}

/** The octets behind the byte order mark. "ours": the first bytes of a cut mark are dropped too, and a file that its mark says is UTF-16 is. */
function latin1(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, ROBOTS_LIMIT_BYTES))
  const wide = buffer[0] === 0xff && buffer[1] === 0xfe ? 'utf-16le' : buffer[0] === 0xfe && buffer[1] === 0xff ? 'utf-16be' : undefined
  if (wide !== undefined) return Buffer.from(new TextDecoder(wide).decode(buffer)).toString('latin1')
  let mark = 0
  while (mark < UTF8_MARK.length && buffer[mark] === UTF8_MARK[mark]) mark++
  return buffer.toString('latin1', mark)
}

/** `field: value`. "ours": one word behind a known field needs no colon, because `Disallow /private` is clear enough, and prose is not. */
function fieldAndValue(content: string): { field: Field; value: string } | undefined {
  const colon = content.indexOf(':')
  const known = colon === -1 ? undefined : fieldOf(content.slice(0, colon))
  if (known !== undefined) return { field: known, value: trim(content.slice(colon + 1)) }
  const words = /^([^ \t]+)[ \t]+([^ \t]+)$/.exec(content)
  const field = words === null ? undefined : fieldOf(words[1] ?? '')
  return field && { field, value: words?.[2] ?? '' }
}

function fieldOf(key: string): Field | undefined {
  const name = trim(key).toLowerCase()
  return Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09
