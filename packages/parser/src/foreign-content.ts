/** Tags that end SVG or MathML content and go on as HTML; font does so for some attributes only. Source: HTML Standard 13.2.6.5. */
const BREAKOUT = new Set(
  (
    'b big blockquote body br center code dd div dl dt em embed font h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta nobr ol p pre ' +
    'ruby s small span strong strike sub sup table tt u ul var'
  ).split(' '),
)

/** Elements whose content is HTML again, by the root they stand in. Source: 13.2.6 (integration points). */
const INTEGRATION = {
  svg: new Set(['foreignobject', 'desc', 'title']),
  math: new Set(['mi', 'mo', 'mn', 'ms', 'mtext', 'annotation-xml']),
} as const

/**
 * Follows SVG or MathML content tag by tag, as long as it stays foreign: then the tree builder does nothing but push and pop,
 * and so do we. Anything else is answered with false: only a document can tell what becomes of it.
 */
export class ForeignContent {
  readonly #root: 'svg' | 'math'
  readonly #open: string[]

  constructor(root: 'svg' | 'math') {
    this.#root = root
    this.#open = [root]
  }

  get isSvg(): boolean {
    return this.#root === 'svg'
  }

  /** The root element has been closed. */
  get ended(): boolean {
    return this.#open.length === 0
  }

  /** Text and comments go on as before here; for everything else the standard and parse5 do not agree, or it is HTML again. */
  get atIntegrationPoint(): boolean {
    const current = this.#open.at(-1)
    return current !== undefined && INTEGRATION[this.#root].has(current)
  }

  /** A start tag `name` (lower case); false when it may not be a foreign element. */
  start(name: string, selfClosing: boolean): boolean {
    if (BREAKOUT.has(name) || this.atIntegrationPoint) return false
    if (!selfClosing) this.#open.push(name)
    return true
  }

  /** An end tag closes the innermost element of its name with all that is in it; false when there is none, or in HTML. */
  end(name: string): boolean {
    const at = this.#open.lastIndexOf(name)
    if (at === -1 || (at !== this.#open.length - 1 && this.atIntegrationPoint)) return false
    this.#open.length = at
    return true
  }
}
