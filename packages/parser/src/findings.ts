import type { Link } from '@warren/protocol'
import { parseRefresh } from './refresh.ts'

/** An attribute's decoded value by lower-case name; undefined when the element does not have it. */
export type Attributes = (name: string) => string | undefined

/** A reference as the page writes it, before any base. */
export interface Reference {
  readonly kind: Link['kind']
  readonly href: string
  readonly nofollow: boolean
}

/** References that are kept of one page; a page of 10 MiB can have a million. */
const MAX_REFERENCES = 100_000

/** Relations of a link element (or header) that name another page one would go to. */
const NAVIGATIONAL = new Set(['next', 'prev', 'previous', 'canonical'])

/**
 * What a page's elements say, collected in document order by either reader of HTML: the scanner and the document
 * feed it the same elements, so the two can differ only in which elements they see.
 */
export class Findings {
  #title: string | undefined
  #lang: string | undefined
  #base: string | undefined
  #canonical: string | undefined
  #refresh: string | undefined
  #contested = 0
  #unkept = 0
  readonly references: Reference[] = []
  /** Contents of robots meta elements with the agent they speak to, lower case ('robots' is everyone). */
  readonly robots: { readonly agent: string; readonly content: string }[] = []

  get title(): string | undefined {
    return this.#title
  }
  get lang(): string | undefined {
    return this.#lang
  }
  /** href of the first base element that has one (HTML Standard 4.2.3). */
  get base(): string | undefined {
    return this.#base
  }
  get canonical(): string | undefined {
    return this.#canonical
  }
  get refresh(): string | undefined {
    return this.#refresh
  }
  /** How often something was passed over because only the first of its kind counts: so often the order of elements mattered. */
  get contested(): number {
    return this.#contested
  }

  /** References beyond the first 100 000. */
  get unkept(): number {
    return this.#unkept
  }

  /** An html start tag; a second one adds what the first lacks (13.2.6.4.7). */
  html(attribute: Attributes): void {
    this.#lang ??= attribute('lang') ?? attribute('xml:lang')
  }

  /** Text of a title element; the first one counts, even an empty one (3.1.5 document.title). */
  titleText(text: string): void {
    if (this.#title === undefined) this.#title = text
    else this.#contested++
  }

  baseElement(attribute: Attributes): void {
    const href = attribute('href')
    if (this.#base === undefined) this.#base = href
    else if (href !== undefined) this.#contested++
  }

  /** a and area with `href`, frame and iframe with `src`. */
  hyperlink(kind: 'a' | 'area' | 'frame', href: string | undefined, rel: string | undefined): void {
    if (href === undefined) return
    this.#refer({ kind, href, nofollow: rel !== undefined && isNofollow(rel) })
  }

  linkElement(attribute: Attributes): void {
    const rel = attribute('rel')
    const href = rel === undefined ? undefined : attribute('href')
    if (rel === undefined || href === undefined) return
    const relations = tokens(rel)
    if (relations.includes('canonical')) {
      if (this.#canonical === undefined) this.#canonical = href
      else this.#contested++
    }
    if (isNavigational(relations)) this.#refer({ kind: 'link', href, nofollow: relations.includes('nofollow') })
  }

  #refer(reference: Reference): void {
    if (this.references.length < MAX_REFERENCES) this.references.push(reference)
    else this.#unkept++
  }

  meta(attribute: Attributes, agent: string): void {
    const content = attribute('content')
    if (content === undefined) return
    const name = attribute('name')?.trim().toLowerCase()
    if (name === 'robots' || (name !== undefined && name === agent)) this.robots.push({ agent: name, content })
    if (attribute('http-equiv')?.toLowerCase() === 'refresh') this.#refreshTo(content)
  }

  /** Only the first refresh with a valid time counts, even one without a URL (4.2.5.3, shared declarative refresh steps). */
  #refreshTo(content: string): void {
    const target = parseRefresh(content)
    if (target === undefined) return
    if (this.#refresh !== undefined) {
      this.#contested++
      return
    }
    this.#refresh = target
    if (target) this.#refer({ kind: 'refresh', href: target, nofollow: false })
  }
}

/** Space-separated tokens, lower case (HTML Standard, infra 4.6). */
export const tokens = (value: string): string[] => value.toLowerCase().split(/[\t\n\f\r ]+/)

/** Most values of rel are shorter than the word. */
const isNofollow = (rel: string): boolean => rel.length >= 8 && tokens(rel).includes('nofollow')

export const isNavigational = (relations: readonly string[]): boolean => relations.some((relation) => NAVIGATIONAL.has(relation))
