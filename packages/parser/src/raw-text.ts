import { equalsIgnoringCase } from './tag-reader.ts'

const BANG = 0x21
const DASH = 0x2d
const SLASH = 0x2f
const GT = 0x3e

/**
 * Finds where text that is no markup ends. One instance per page, asked in ascending order: it remembers where the next `-->` is,
 * so that all questions together read the page once, however many comments and scripts it opens and never closes.
 */
export class RawText {
  readonly #html: string
  readonly #dashes: Finder

  constructor(html: string) {
    this.#html = html
    this.#dashes = new Finder(html, '-->')
  }

  /** Position after the comment that starts with `<!--` at `at`; end of input when it is not closed. Source: 13.2.5.43 to 13.2.5.52. */
  commentEnd(at: number): number {
    const plain = this.#dashes.from(at + 2) // `<!-->` and `<!--->` close at once
    const end = Math.min(plain + 3, this.#html.length)
    const bang = this.#html.slice(at + 4, end).indexOf('--!>')
    return bang === -1 ? end : at + 4 + bang + 4
  }

  /**
   * Position of the `</name` that ends the raw text starting at `from`; end of input when there is none.
   * Source: RCDATA and RAWTEXT, 13.2.5.9 to 13.2.5.14 (an appropriate end tag: same name, then white space, `/` or `>`).
   */
  elementEnd(from: number, name: string): number {
    const html = this.#html
    for (let p = html.indexOf('</', from); p !== -1; p = html.indexOf('</', p + 2)) {
      if (isTagAt(html, p + 2, name)) return p
    }
    return html.length
  }

  /**
   * Position of the `</script` that ends the script starting at `from`; end of input when there is none.
   * `<!--` opens an escape, in which `<script` hides the next `</script`, until `-->`. Source: 13.2.5.15 to 13.2.5.31.
   */
  scriptEnd(from: number): number {
    const html = this.#html
    let escapeEnd = -1 // position of the `-->` that ends the escape we are in
    let hidden = false // inside a `<script` of an escape
    for (let p = html.indexOf('<', from); p !== -1; p = html.indexOf('<', p + 1)) {
      if (p >= escapeEnd) {
        escapeEnd = -1
        hidden = false
      }
      const c = html.charCodeAt(p + 1)
      if (c === SLASH) {
        if (!isTagAt(html, p + 2, 'script')) continue
        if (!hidden) return p
        hidden = false
      } else if (escapeEnd !== -1) {
        if (!hidden) hidden = isTagAt(html, p + 1, 'script')
      } else if (c === BANG && html.charCodeAt(p + 2) === DASH && html.charCodeAt(p + 3) === DASH) {
        escapeEnd = this.#dashes.from(p + 2)
      }
    }
    return html.length
  }
}

/** The name at `from`, and after it white space, `/` or `>`. */
function isTagAt(html: string, from: number, name: string): boolean {
  if (!equalsIgnoringCase(html, from, name)) return false
  const c = html.charCodeAt(from + name.length)
  return c === GT || c === SLASH || c === 0x20 || c === 0x0a || c === 0x09 || c === 0x0d || c === 0x0c
}

/** Next position of a string for ascending questions: all of them together read the page once. */
class Finder {
  readonly #html: string
  readonly #what: string
  #found = -1

  constructor(html: string, what: string) {
    this.#html = html
    this.#what = what
  }

  from(position: number): number {
    if (this.#found < position) {
      const found = this.#html.indexOf(this.#what, position)
      this.#found = found === -1 ? Number.POSITIVE_INFINITY : found
    }
    return this.#found
  }
}
