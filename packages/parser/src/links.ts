import type { Link } from '@warren/protocol'
import { canonicalize } from '@warren/web'
import type { Findings, Reference } from './findings.ts'
import { parseLinkHeaders } from './link-header.ts'
import { parseRefresh } from './refresh.ts'
import { resolver } from './resolver.ts'

export interface LinkSources {
  readonly findings: Findings
  readonly linkHeaders: readonly string[]
  readonly refreshHeader: string | undefined
  /** Base of headers; undefined when the page's own URL is none. */
  readonly pageUrl: string | undefined
  /** Base of everything in the page. */
  readonly base: string | undefined
  /** The page as a whole says nofollow. */
  readonly nofollow: boolean
  readonly maxLinks: number
}

export interface CollectedLinks {
  readonly links: Link[]
  readonly linksDropped: number
  readonly canonical: string | null
  readonly refresh: string | null
}

/**
 * References made absolute and canonical, each URL once, in order: headers first, then the document's. A URL that is met again keeps its
 * first kind; it is nofollow only if all its references are. Beyond `maxLinks` references are only counted, as written:
 * resolving a million of them against an 8 KB base would take gigabytes.
 */
export function collectLinks(sources: LinkSources): CollectedLinks {
  const { findings, pageUrl, base } = sources
  const list = new LinkList(sources.nofollow, sources.maxLinks)
  const headerLinks = parseLinkHeaders(sources.linkHeaders)
  list.against(pageUrl)
  for (const { href, relations } of headerLinks) list.add({ kind: 'header', href, nofollow: relations.includes('nofollow') })
  const headerRefresh = sources.refreshHeader === undefined ? undefined : parseRefresh(sources.refreshHeader)
  if (headerRefresh) list.add({ kind: 'refresh', href: headerRefresh, nofollow: false })
  list.against(base)
  for (const reference of findings.references) list.add(reference)
  const headerCanonical = headerLinks.find(({ relations }) => relations.includes('canonical'))?.href
  return {
    links: list.links,
    linksDropped: list.dropped + findings.unkept,
    canonical: resolve(findings.canonical, base) ?? resolve(headerCanonical, pageUrl) ?? null,
    refresh:
      (headerRefresh === undefined ? resolve(findings.refresh || undefined, base) : resolve(headerRefresh || undefined, pageUrl)) ?? null,
  }
}

/** URL of a base element that counts: any scheme but data and javascript (HTML Standard 4.2.3, set the frozen base URL). */
export function documentBase(href: string, pageUrl: string | undefined): string | undefined {
  const url = URL.parse(href, pageUrl)
  return url === null || url.protocol === 'data:' || url.protocol === 'javascript:' ? undefined : url.href
}

/** The same characters in memory of their own: a substring keeps its whole page alive in V8. Cost: one short allocation. */
export const copy = (text: string): string => ` ${text}`.slice(1)

const resolve = (href: string | undefined, base: string | undefined): string | undefined => {
  const url = href === undefined ? undefined : canonicalize(href, base)
  return url === undefined ? undefined : copy(url)
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

class LinkList {
  readonly links: Mutable<Link>[] = []
  readonly #nofollow: boolean
  readonly #maxLinks: number
  readonly #byUrl = new Map<string, Mutable<Link>>()
  /** References as written (without fragment): pages repeat themselves, and this is far cheaper than parsing a URL again. undefined: unusable. */
  readonly #byReference = new Map<string, Mutable<Link> | undefined>()
  #resolve: (href: string) => string | undefined = () => undefined
  #dropped = 0

  constructor(nofollow: boolean, maxLinks: number) {
    this.#nofollow = nofollow
    this.#maxLinks = maxLinks
  }

  get dropped(): number {
    return this.#dropped
  }

  /** What follows is relative to `base`. */
  against(base: string | undefined): void {
    this.#byReference.clear()
    this.#resolve = resolver(base)
  }

  add(reference: Reference): void {
    const hash = reference.href.indexOf('#') // starts the fragment wherever it stands (URL Standard 4.4)
    const href = hash === -1 ? reference.href : reference.href.slice(0, hash)
    if (this.#byReference.has(href)) this.#again(this.#byReference.get(href), reference)
    else this.#byReference.set(href, this.#first(href, reference))
  }

  #first(href: string, reference: Reference): Mutable<Link> | undefined {
    if (this.links.length >= this.#maxLinks) {
      if (!hasOtherScheme(href)) this.#dropped++
      return undefined
    }
    const url = this.#resolve(href)
    if (url === undefined) return undefined
    const known = this.#byUrl.get(url)
    if (known !== undefined) {
      this.#again(known, reference)
      return known
    }
    const link = { url: copy(url), kind: reference.kind, nofollow: this.#nofollow || reference.nofollow }
    this.links.push(link)
    this.#byUrl.set(link.url, link)
    return link
  }

  #again(link: Mutable<Link> | undefined, reference: Reference): void {
    if (link !== undefined && !reference.nofollow && !this.#nofollow) link.nofollow = false
  }
}

/** A scheme that is not http(s): mailto, javascript, tel, data... */
const hasOtherScheme = (href: string): boolean => /^[\0- ]*(?!https?:)[a-z][a-z0-9+.-]*:/i.test(href)
