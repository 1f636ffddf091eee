import { MAX_URL_CHARS } from './canonical-url.ts'

/** `index` lists sitemaps, all others list pages; RSS 1.0, which is RDF, is `rss`. */
export type SitemapType = 'index' | 'xml' | 'text' | 'rss' | 'atom'

export interface SitemapUrl {
  /** Absolute, http or https, as the WHATWG parse spells it; not yet canonical. */
  readonly url: string
  /** When it last changed, by the word of the site; absent without a readable date. */
  readonly lastmod?: Date
}

/** Takes an entry that was read; undefined: one without a valid URL. False: it was one too many, stop. */
export type TakeEntry = (entry: SitemapUrl | undefined) => boolean

/** What reading a file told besides its entries; not `complete` when it listed more. */
export interface Reading {
  readonly type: SitemapType | null
  readonly complete: boolean
}

/** `href` resolved, when that is an http(s) URL of bounded length. */
export function httpUrl(href: string, base?: string): string | undefined {
  if (href.length > MAX_URL_CHARS) return undefined
  const url = URL.parse(href, base)
  return url !== null && /^https?:$/.test(url.protocol) && url.href.length <= MAX_URL_CHARS ? url.href : undefined
}
