import type { Link } from '@warren/protocol'
import { canonicalize, robotsDirectives } from '@warren/web'
import { readDocument, TooLarge } from './document.ts'
import { decodeBody } from './encoding.ts'
import type { Findings } from './findings.ts'
import { collectLinks, copy, documentBase } from './links.ts'
import { type Doubt, scan } from './scan.ts'

/** Characters of a title that are kept; longer ones are cut. */
const MAX_TITLE_LENGTH = 1_000
/** The longest language tags of RFC 5646 that mean something have 35 characters. */
const MAX_LANG_LENGTH = 64
export const DEFAULT_MAX_LINKS = 2_000

/** Response headers by name, in any case; several lines of one header as an array. */
export type PageHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

export interface PageInput {
  /** Decoded of its Content-Encoding; bytes as they are otherwise. Not changed, not kept. */
  readonly body: Uint8Array
  /** The raw Content-Type header. */
  readonly contentType: string | null
  /** The URL that was fetched. */
  readonly url: string
  /** Those that say something about a page are read: Link, X-Robots-Tag, Refresh. */
  readonly headers?: PageHeaders
  /** As sent; its product token decides which robots meta elements and X-Robots-Tag lines are meant for us. */
  readonly userAgent: string
  /** Links that are kept; default 2 000. */
  readonly maxLinks?: number
}

/** What a page says. null: the page does not say it. No string in here shares memory with the page. */
export interface ParsedPage {
  /** WHATWG name. */
  readonly encoding: string
  /** White space collapsed, at most 1 000 characters. */
  readonly title: string | null
  readonly lang: string | null
  /** Canonical URL of the first link rel=canonical, or of the Link header's. */
  readonly canonical: string | null
  /** URL of the base element, when there is one that counts. */
  readonly base: string | null
  /** Navigational links, absolute and canonical, each once, in document order; those of headers first. */
  readonly links: Link[]
  /** Different references beyond `maxLinks`. */
  readonly linksDropped: number
  /** Target of a meta refresh or Refresh header; also among the links. */
  readonly refresh: string | null
  /** Robots meta elements and X-Robots-Tag, joined for the agent: what any of them forbids is forbidden. */
  readonly robots: ReturnType<typeof robotsDirectives>
  /** Which reader was used: the scanner alone, or a document because the scanner had a doubt. */
  readonly reader: 'scan' | 'document'
  /** Why a document was needed; 'too-large' or 'failed' when that could not be built either, so that the scanner's best guess stands. */
  readonly doubt: Doubt | 'too-large' | 'failed' | null
}

/**
 * Reads links and metadata of an HTML page. Never throws, whatever the input.
 * Cost: linear for the scanner (bench/parse.ts); a page that needs a document costs about 60 times that.
 * Source: HTML Standard; equal to parse5 with scripting off.
 */
export function parsePage(input: PageInput): ParsedPage {
  const { text, encoding } = decodeBody(input.body, input.contentType)
  const agent = productToken(input.userAgent)
  const { findings, reader, doubt } = read(text, agent)
  const headers = new Map(Object.entries(input.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]))
  const lines = (name: string): readonly string[] => [headers.get(name) ?? []].flat()
  const robots = robotsDirectives([...lines('x-robots-tag'), ...findings.robots.map(({ content }) => content)], agent)
  const pageUrl = canonicalize(input.url)
  const base = findings.base === undefined ? undefined : documentBase(findings.base, pageUrl)
  const collected = collectLinks({
    findings,
    linkHeaders: lines('link'),
    refreshHeader: lines('refresh')[0],
    pageUrl,
    base: base ?? pageUrl,
    nofollow: robots.nofollow,
    maxLinks: input.maxLinks ?? DEFAULT_MAX_LINKS,
  })
  return {
    encoding,
    title: words(findings.title, MAX_TITLE_LENGTH),
    lang: words(findings.lang, MAX_LANG_LENGTH),
    base: base === undefined ? null : copy(base),
    ...collected,
    robots,
    reader,
    doubt,
  }
}

function read(text: string, agent: string): { findings: Findings } & Pick<ParsedPage, 'reader' | 'doubt'> {
  const scanned = scan(text, { agent })
  if (scanned.doubt === undefined) return { findings: scanned.findings, reader: 'scan', doubt: null }
  try {
    return { findings: readDocument(text, agent), reader: 'document', doubt: scanned.doubt }
  } catch (error) {
    return {
      findings: scan(text, { agent, guess: true }).findings,
      reader: 'scan',
      doubt: error instanceof TooLarge ? 'too-large' : 'failed',
    }
  }
}

/** `Product` of `Product/Version (+contact)`, lower case (RFC 9309 2.2.1, RFC 9110 10.1.5). */
const productToken = (userAgent: string): string => (/^[^/\s(]*/.exec(userAgent.trim())?.[0] ?? '').toLowerCase()

/** White space collapsed and cut to `limit`, as a string of its own; null when nothing is left. */
function words(text: string | undefined, limit: number): string | null {
  if (text === undefined) return null
  const collapsed = text.replace(/[\t\n\f\r ]+/g, ' ').replace(/^ | $/g, '')
  if (collapsed === '') return null
  const cut = collapsed.length > limit ? collapsed.slice(0, isHighSurrogate(collapsed, limit - 1) ? limit - 1 : limit) : collapsed
  return copy(cut)
}

const isHighSurrogate = (text: string, at: number): boolean => (text.charCodeAt(at) & 0xfc00) === 0xd800
