import { decodeHTML } from 'entities/decode'
import { Findings } from './findings.ts'
import { ForeignContent } from './foreign-content.ts'
import { RawText } from './raw-text.ts'
import { nameEnd, normalizeText, TagReader } from './tag-reader.ts'

const BANG = 0x21
const DASH = 0x2d
const SLASH = 0x2f
const GT = 0x3e
const QUESTION = 0x3f

/** Names the scanner has to know, of the hundred and more it meets; the rest are only skipped. */
const KNOWN =
  'a area base frame frameset html iframe link math meta noembed noframes plaintext script select style svg table template textarea title xmp'
/** Bit n of entry c: a known name starts with the letter c and has n letters. Rules out nearly all tags without copying their names. */
const SHAPES = new Int32Array(128)
for (const name of KNOWN.split(' ')) SHAPES[name.charCodeAt(0)] = (SHAPES[name.charCodeAt(0)] as number) | (1 << name.length)

/** Characters of a title that are read; a thousand of them are kept. */
const MAX_TITLE_LENGTH = 65_536

/** In a select, parse5 closes the select at these, or keeps what we would read as raw text as markup. Source: 13.2.6.4.16 and .17. */
const ENDS_SELECT = new Set(
  (
    'input keygen textarea caption table tbody tfoot thead tr td th title style iframe xmp noembed noframes plaintext svg math ' +
    'frameset frame template'
  ).split(' '),
)

/** What opens and closes the parts of a table. In a template they may act on a table around it (parse5 looks through the template). */
const TABLE_PARTS = new Set('caption col colgroup table tbody td tfoot th thead tr'.split(' '))

/** In a template, behind an open link: when the template ends, the link stays on the list of formatting elements and is opened again outside. */
const KEEPS_LINK_OPEN = new Set('applet caption marquee object table td template th'.split(' '))

/** Why the scanner cannot tell what parse5 would see. */
export type Doubt = 'foreign' | 'frameset' | 'order' | 'plaintext' | 'select' | 'template'

export interface Scan {
  readonly findings: Findings
  /** Set when the findings may differ from what a document would show; without `guess` the scan then stopped there. */
  readonly doubt: Doubt | undefined
}

/**
 * Reads a page in one pass, in document order, without building anything: what parse5 with scripting off would see, or a doubt.
 * `agent` is the lower-case product token whose own robots meta counts. `guess`: go on after a doubt with the likeliest reading.
 * Cost: linear in the page, whatever it contains; measured in bench/parse.ts.
 */
export function scan(html: string, options: { readonly agent: string; readonly guess?: boolean }): Scan {
  return new Scanner(html, options.agent, options.guess ?? false).run()
}

class Scanner {
  readonly #html: string
  readonly #agent: string
  readonly #guess: boolean
  readonly #findings = new Findings()
  readonly #tag: TagReader
  readonly #raw: RawText
  readonly #attribute: (name: string) => string | undefined
  #doubt: Doubt | undefined
  #templates = 0
  #tables = 0
  /** A table began before the template we are in, and may still be open. */
  #tableAround = false
  /** A link began in the template we are in, and may still be open. */
  #linkInTemplate = false
  #inSelect = false
  #foreign: ForeignContent | undefined
  /** What was contested before the first table. What is misplaced in a table moves in front of it, and may then be the first after all. */
  #contestedBeforeTable: number | undefined

  constructor(html: string, agent: string, guess: boolean) {
    this.#html = html
    this.#agent = agent
    this.#guess = guess
    this.#tag = new TagReader(html)
    this.#raw = new RawText(html)
    this.#attribute = (name) => this.#tag.attribute(name)
  }

  run(): Scan {
    const html = this.#html
    let at = html.indexOf('<')
    while (at !== -1) {
      const c = html.charCodeAt(at + 1)
      let next: number
      if (isLetter(c)) next = this.#startTag(at + 1)
      else if (c === SLASH) next = isLetter(html.charCodeAt(at + 2)) ? this.#endTag(at + 2) : bogusCommentEnd(html, at)
      else if (c === BANG) next = this.#markup(at)
      else if (c === QUESTION) next = bogusCommentEnd(html, at)
      else next = at + 1
      if (next === -1 || (this.#doubt !== undefined && !this.#guess)) break
      at = html.indexOf('<', next)
    }
    if (this.#findings.contested > (this.#contestedBeforeTable ?? Number.POSITIVE_INFINITY)) this.#unsure('order', -1)
    return { findings: this.#findings, doubt: this.#doubt }
  }

  /** `<!`: a comment, a CDATA section (foreign content only), a doctype or a bogus comment; the last two end at the first `>`. */
  #markup(at: number): number {
    const html = this.#html
    if (html.charCodeAt(at + 2) === DASH && html.charCodeAt(at + 3) === DASH) return this.#raw.commentEnd(at)
    if (this.#foreign !== undefined && html.startsWith('[CDATA[', at + 2)) {
      const end = closedBy(html, ']]>', at + 9)
      return this.#foreign.atIntegrationPoint ? this.#unsure('foreign', end) : end
    }
    return bogusCommentEnd(html, at)
  }

  #startTag(nameStart: number): number {
    const html = this.#html
    const nameStop = nameEnd(html, nameStart)
    const next = this.#tag.read(nameStop)
    if (next === -1) return -1
    if (this.#foreign !== undefined) return this.#foreignStart(this.#foreign, lowerCase(html.slice(nameStart, nameStop)), next)
    if (this.#inSelect) return this.#startInSelect(lowerCase(html.slice(nameStart, nameStop)), next)
    if (this.#templates > 0) return this.#startInTemplate(lowerCase(html.slice(nameStart, nameStop)), next)
    const length = nameStop - nameStart
    const shapes = SHAPES[html.charCodeAt(nameStart) | 0x20] as number
    return length < 10 && ((shapes >> length) & 1) === 1 ? this.#element(lowerCase(html.slice(nameStart, nameStop)), next) : next
  }

  /** An HTML element that may matter. Returns where to go on: behind its text, for those whose text is no markup. */
  #element(name: string, next: number): number {
    switch (name) {
      case 'a':
      case 'area':
        if (this.#templates === 0) this.#findings.hyperlink(name, this.#tag.attribute('href'), this.#tag.attribute('rel'))
        return next
      case 'base':
        if (this.#templates === 0) this.#findings.baseElement(this.#attribute)
        return next
      case 'link':
        if (this.#templates === 0) this.#findings.linkElement(this.#attribute)
        return next
      case 'meta':
        if (this.#templates === 0) this.#findings.meta(this.#attribute, this.#agent)
        return next
      case 'html':
        if (this.#templates === 0) this.#findings.html(this.#attribute)
        return next
      case 'title':
        return this.#title(next)
      case 'iframe':
        if (this.#templates === 0) this.#findings.hyperlink('frame', this.#tag.attribute('src'), undefined)
        return this.#raw.elementEnd(next, name)
      case 'noembed':
      case 'noframes':
      case 'style':
      case 'textarea':
      case 'xmp':
        return this.#raw.elementEnd(next, name)
      case 'script':
        return this.#raw.scriptEnd(next)
      case 'template':
        this.#templates++
        this.#tableAround ||= this.#tables > 0
        return next
      case 'select':
        this.#inSelect = true
        return next
      case 'svg':
      case 'math':
        if (!this.#tag.selfClosing) this.#foreign = new ForeignContent(name)
        return next
      case 'table':
        this.#tables++
        this.#contestedBeforeTable ??= this.#findings.contested
        return next
      case 'frame':
        if (this.#guess && this.#templates === 0) this.#findings.hyperlink('frame', this.#tag.attribute('src'), undefined)
        return next // outside a frameset it is ignored
      case 'frameset':
        return this.#unsure('frameset', next)
      case 'plaintext':
        return this.#unsure('plaintext', this.#html.length)
      default:
        return next
    }
  }

  #startInTemplate(name: string, next: number): number {
    // A first `col` switches to a mode that ignores nearly everything, raw text elements too (13.2.6.4.18).
    if (name === 'col' || (this.#tableAround && TABLE_PARTS.has(name)) || (this.#linkInTemplate && KEEPS_LINK_OPEN.has(name)))
      return this.#unsure('template', next)
    if (name === 'a') this.#linkInTemplate = true
    return this.#element(name, next)
  }

  #endInTemplate(name: string, next: number): number {
    if (this.#tableAround && TABLE_PARTS.has(name)) return this.#unsure('template', next)
    if (name === 'a') this.#linkInTemplate = false
    if (name === 'template' && --this.#templates === 0) {
      this.#tableAround = false
      this.#linkInTemplate = false
    }
    return next
  }

  #startInSelect(name: string, next: number): number {
    if (ENDS_SELECT.has(name)) {
      this.#inSelect = false
      return this.#unsure('select', this.#guess ? this.#element(name, next) : next)
    }
    if (name === 'select') this.#inSelect = false
    else if (name === 'script') return this.#raw.scriptEnd(next)
    else if (name === 'html') return this.#element(name, next)
    return next // options, and what is ignored
  }

  #foreignStart(foreign: ForeignContent, name: string, next: number): number {
    if (!foreign.start(name, this.#tag.selfClosing)) {
      this.#foreign = undefined
      return this.#unsure('foreign', this.#guess ? this.#element(name, next) : next)
    }
    if (name === 'a' && foreign.isSvg && this.#templates === 0)
      this.#findings.hyperlink('a', this.#tag.attribute('href') ?? this.#tag.attribute('xlink:href'), this.#tag.attribute('rel'))
    return next
  }

  #endTag(nameStart: number): number {
    const html = this.#html
    const nameStop = nameEnd(html, nameStart)
    const next = html.charCodeAt(nameStop) === GT ? nameStop + 1 : this.#tag.read(nameStop)
    if (next === -1) return -1
    if (this.#foreign !== undefined) {
      const nested = this.#foreign.end(lowerCase(html.slice(nameStart, nameStop)))
      if (!nested || this.#foreign.ended) this.#foreign = undefined
      return nested ? next : this.#unsure('foreign', next)
    }
    if (this.#inSelect) {
      const name = lowerCase(html.slice(nameStart, nameStop))
      if (name === 'select') this.#inSelect = false
      else if (ENDS_SELECT.has(name)) return this.#unsure('select', next)
      return next
    }
    if (this.#templates > 0) return this.#endInTemplate(lowerCase(html.slice(nameStart, nameStop)), next)
    return next
  }

  #title(next: number): number {
    const end = this.#raw.elementEnd(next, 'title')
    if (this.#templates === 0)
      this.#findings.titleText(decodeHTML(normalizeText(this.#html.slice(next, Math.min(end, next + MAX_TITLE_LENGTH)))))
    return end
  }

  #unsure(doubt: Doubt, next: number): number {
    this.#doubt ??= doubt
    return next
  }
}

const isLetter = (c: number): boolean => (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a)

const closedBy = (html: string, closer: string, from: number): number => {
  const found = html.indexOf(closer, from)
  return found === -1 ? -1 : found + closer.length
}

/** A bogus comment or doctype ends at the first `>`, wherever it stands (13.2.5.41, .53 to .68). */
const bogusCommentEnd = (html: string, at: number): number => closedBy(html, '>', at + 2)

/** A-Z only, as tokenizers do: String.toLowerCase would make a k of U+212A. */
const lowerCase = (name: string): string => (/[A-Z]/.test(name) ? name.replace(/[A-Z]+/g, (upper) => upper.toLowerCase()) : name)
