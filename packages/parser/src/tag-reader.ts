import { decodeHTMLAttribute } from 'entities/decode'

const TAB = 0x09
const LF = 0x0a
const FF = 0x0c
const CR = 0x0d
const SPACE = 0x20
const DOUBLE_QUOTE = 0x22
const SINGLE_QUOTE = 0x27
const SLASH = 0x2f
const EQUALS = 0x3d
const GT = 0x3e
/** Characters of a value that are read: eight times the longest URL. */
const MAX_VALUE_LENGTH = 65_536
/** Numbers per attribute in the marks: start and end of the name, start and end of the value. */
const MARKS = 4

/** CR counts as well: a tokenizer sees LF where the input has CR or CRLF. */
const isSpace = (c: number): boolean => c === SPACE || c === LF || c === TAB || c === CR || c === FF

/** Where the tag or attribute-free name that starts at `from` ends: before white space, `/`, `>` or the end of input. */
export function nameEnd(html: string, from: number): number {
  let p = from
  for (const n = html.length; p < n; p++) {
    const c = html.charCodeAt(p)
    if (c <= GT && (c === GT || c === SLASH || isSpace(c))) break
  }
  return p
}

/**
 * Reads one tag at a time in place: positions are kept, and nothing is copied or decoded until an attribute is asked for.
 * Source: HTML Standard 13.2.5.32 to 13.2.5.40 (before attribute name ... self-closing start tag).
 */
export class TagReader {
  readonly #html: string
  #marks = new Int32Array(32 * MARKS)
  #count = 0
  #selfClosing = false

  constructor(html: string) {
    this.#html = html
  }

  /** The tag that was read last ended in `/>`. */
  get selfClosing(): boolean {
    return this.#selfClosing
  }

  /**
   * Position after the `>` of the tag whose name ends at `from`, or -1 when the input ends first (such a tag does not exist).
   * Its attributes stay readable until the next call. Cost: linear in the tag.
   */
  read(from: number): number {
    const html = this.#html
    const n = html.length
    let p = from
    this.#count = 0
    this.#selfClosing = false
    while (p < n) {
      const c = html.charCodeAt(p)
      if (c === GT) return p + 1
      if (c === SLASH) {
        this.#selfClosing = html.charCodeAt(p + 1) === GT
        p++
        continue
      }
      if (isSpace(c)) {
        p++
        continue
      }
      const nameStart = p++ // a first `=` belongs to the name
      while (p < n) {
        const d = html.charCodeAt(p)
        if (d <= GT && (d === EQUALS || d === GT || d === SLASH || isSpace(d))) break
        p++
      }
      const nameStop = p
      p = skipSpace(html, p)
      if (html.charCodeAt(p) !== EQUALS) {
        this.#mark(nameStart, nameStop, nameStop, nameStop)
        continue
      }
      p = skipSpace(html, p + 1)
      const quote = html.charCodeAt(p)
      if (quote === DOUBLE_QUOTE || quote === SINGLE_QUOTE) {
        const close = html.indexOf(quote === DOUBLE_QUOTE ? '"' : "'", p + 1)
        if (close === -1) return -1
        this.#mark(nameStart, nameStop, p + 1, close)
        p = close + 1
        continue
      }
      const valueStart = p
      while (p < n) {
        const d = html.charCodeAt(p)
        if (d <= GT && (d === GT || isSpace(d))) break
        p++
      }
      this.#mark(nameStart, nameStop, valueStart, p)
    }
    return -1
  }

  /** The decoded value of the first attribute called `name` (lower case), '' when it has none, undefined when there is no such attribute. */
  attribute(name: string): string | undefined {
    const marks = this.#marks
    for (let i = 0, end = this.#count * MARKS; i < end; i += MARKS) {
      const start = marks[i] as number
      if ((marks[i + 1] as number) - start !== name.length || !equalsIgnoringCase(this.#html, start, name)) continue
      const from = marks[i + 2] as number
      return decodeAttribute(this.#html.slice(from, Math.min(marks[i + 3] as number, from + MAX_VALUE_LENGTH)))
    }
    return undefined
  }

  #mark(nameStart: number, nameStop: number, valueStart: number, valueStop: number): void {
    let i = this.#count++ * MARKS
    if (i === this.#marks.length) {
      const grown = new Int32Array(i * 2)
      grown.set(this.#marks)
      this.#marks = grown
    }
    const marks = this.#marks
    marks[i++] = nameStart
    marks[i++] = nameStop
    marks[i++] = valueStart
    marks[i] = valueStop
  }
}

/** Whether `html` has `name` (lower-case ASCII) at `from`. Only A-Z are folded: U+212A is not a k to a tokenizer. */
export function equalsIgnoringCase(html: string, from: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const c = html.charCodeAt(from + i)
    if (c !== name.charCodeAt(i) && (c < 0x41 || c > 0x5a || c + 0x20 !== name.charCodeAt(i))) return false
  }
  return true
}

function skipSpace(html: string, from: number): number {
  let p = from
  while (isSpace(html.charCodeAt(p))) p++
  return p
}

/** What input preprocessing does to text: CRLF and CR become LF (13.2.3.5), NUL becomes U+FFFD in values and raw text (13.2.5). */
export const normalizeText = (raw: string): string =>
  raw.includes('\r') || raw.includes('\0') ? raw.replace(/\r\n?/g, '\n').replaceAll('\0', '\ufffd') : raw

function decodeAttribute(raw: string): string {
  const text = normalizeText(raw)
  return text.includes('&') ? decodeHTMLAttribute(text) : text
}
