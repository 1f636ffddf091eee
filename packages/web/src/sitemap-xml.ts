import { Parser } from 'htmlparser2'
import { MAX_URL_CHARS } from './canonical-url.ts'
import { parseSitemapDate } from './sitemap-dates.ts'
import { httpUrl, type Reading, type SitemapType, type TakeEntry } from './sitemap-entry.ts'

/** What a child of an entry says: its URL as text, as `href`, or as an identifier that is an absolute one; when it changed. */
type Field = 'location' | 'link' | 'guid' | 'lastmod'

interface Format {
  readonly type: SitemapType
  /** The element that stands for one URL. */
  readonly entry: string
  readonly fields: ReadonlyMap<string, Field>
}

const SITEMAP_FIELDS = new Map<string, Field>([
  ['loc', 'location'],
  ['lastmod', 'lastmod'],
])
const RSS_FIELDS = new Map<string, Field>([
  ['link', 'location'],
  ['guid', 'guid'],
  ['pubdate', 'lastmod'],
  ['dc:date', 'lastmod'],
])
/** `modified` is Atom 0.3's. */
const ATOM_FIELDS = new Map<string, Field>([
  ['link', 'link'],
  ['updated', 'lastmod'],
  ['modified', 'lastmod'],
])

/** By the root element. All names are compared in lower case and without the prefix, but for those that have one here. */
const FORMATS: ReadonlyMap<string, Format> = new Map<string, Format>([
  ['sitemapindex', { type: 'index', entry: 'sitemap', fields: SITEMAP_FIELDS }],
  ['urlset', { type: 'xml', entry: 'url', fields: SITEMAP_FIELDS }],
  ['rss', { type: 'rss', entry: 'item', fields: RSS_FIELDS }],
  ['rdf', { type: 'rss', entry: 'item', fields: RSS_FIELDS }],
  ['feed', { type: 'atom', entry: 'entry', fields: ATOM_FIELDS }],
])

/** All that is looked at. The parser's own collection of attributes could grow to many times the size of the file. */
const ATTRIBUTES = new Set(['href', 'ispermalink', 'rel', 'xml:base'])
type Attributes = ReadonlyMap<string, string>

/** Both spellings of the relation that is meant when there is none. Source: RFC 4287 4.2.7.2. */
const ALTERNATE = new Set(['alternate', 'http://www.iana.org/assignments/relation/alternate'])

/** A tag costs the parser as much as there are open elements; no feed has so many, and without a limit the whole would be quadratic. */
const MAX_DEPTH = 256

/** Reads markup up to the end of its root element, or as long as `take` wants more. A root that is none of ours is read no further. */
export function readXml(chunks: Iterable<string>, url: string, take: TakeEntry): Reading {
  const reader = new EntryReader(httpUrl(url), take)
  const parser = new Parser(reader, { xmlMode: true, lowerCaseTags: true, lowerCaseAttributeNames: true })
  for (const chunk of chunks) {
    parser.write(chunk)
    if (reader.stopped) break
  }
  reader.finishEntry() // the parser is not ended: it would close the elements that the file leaves open, and their text may be cut
  return reader
}

interface Entry {
  readonly depth: number
  readonly attributes: Attributes
  location?: { readonly href: string; readonly attributes: Attributes }
  guid?: string
  lastmod?: string
}

/**
 * The parser's events, made into entries. Outside of an entry it waits for one to open; inside of it, it waits for its children that are
 * fields and gathers their text. Entries do not nest: the next one ends the one before, and so do its end tag and the end of the file.
 */
class EntryReader implements Reading {
  type: SitemapType | null = null
  complete = true // for want of a root; with one, not before its end tag
  stopped = false
  readonly #url: string | undefined
  readonly #take: TakeEntry
  #parser: Parser | undefined
  #format: Format | undefined
  #depth = 0
  /** Of the latest start tag: the parser tells them after its name. */
  #attributes = new Map<string, string>()
  #rootAttributes: Attributes = this.#attributes
  /** That of the first entry: elements with another one are of some extension. */
  #prefix: string | undefined
  #base: string | undefined
  #entry: Entry | undefined
  #field: Field | undefined
  #text = ''

  constructor(url: string | undefined, take: TakeEntry) {
    this.#url = url
    this.#take = take
  }

  onparserinit(parser: Parser): void {
    this.#parser = parser
  }

  onopentagname(name: string): void {
    if (this.stopped) return
    this.#finishField() // no field has elements in it: this one was not closed
    this.#attributes = new Map()
    this.#depth++
    const colon = name.indexOf(':')
    const prefix = name.slice(0, Math.max(0, colon))
    const local = name.slice(colon + 1)
    if (this.#format === undefined) this.#openRoot(local)
    else if (this.#depth > MAX_DEPTH) this.#stop()
    else if (local === this.#format.entry && (this.#prefix ?? prefix) === prefix) this.#openEntry(prefix)
    else if (this.#depth - 1 === this.#entry?.depth) this.#field = this.#format.fields.get(prefix === this.#prefix ? local : name)
  }

  onattribute(name: string, value: string): void {
    if (ATTRIBUTES.has(name) && !this.#attributes.has(name)) this.#attributes.set(name, value.trim())
  }

  ontext(text: string): void {
    if (this.#field === undefined || this.#text.length > MAX_URL_CHARS) return
    this.#text += this.#text === '' ? text.trimStart() : text
  }

  onclosetag(): void {
    if (this.stopped) return
    this.#finishField()
    if (this.#depth === this.#entry?.depth) this.finishEntry()
    this.#depth--
    if (this.#depth > 0 || this.stopped) return
    this.complete = true
    this.#stop() // what follows the root is no part of the document
  }

  finishEntry(): void {
    const entry = this.#entry
    if (entry === undefined) return
    this.#entry = undefined
    const { location, guid = '' } = entry
    const url =
      location === undefined ? httpUrl(guid) : httpUrl(location.href, baseOf(location.attributes, baseOf(entry.attributes, this.#base)))
    const lastmod = entry.lastmod === undefined ? undefined : parseSitemapDate(entry.lastmod)
    if (!this.#take(url === undefined ? undefined : { url, ...(lastmod === undefined ? {} : { lastmod }) })) this.#stop()
  }

  /** An end tag that closes several elements still tells of all of them. */
  #stop(): void {
    this.stopped = true
    this.#parser?.pause()
  }

  #openRoot(local: string): void {
    this.#format = FORMATS.get(local)
    this.#rootAttributes = this.#attributes
    this.type = this.#format?.type ?? null
    this.complete = this.type === null
    if (this.type === null) this.#stop()
  }

  #openEntry(prefix: string): void {
    this.finishEntry() // that one was not closed
    if (this.#prefix === undefined) this.#base = baseOf(this.#rootAttributes, this.#url)
    this.#prefix = prefix
    this.#entry = { depth: this.#depth, attributes: this.#attributes }
  }

  /** The first of each field counts, so that an entry costs no more than one does. */
  #finishField(): void {
    const [entry, field, text, attributes] = [this.#entry, this.#field, this.#text.trim(), this.#attributes]
    this.#field = undefined
    this.#text = ''
    if (entry === undefined || field === undefined) return
    if (field === 'link') {
      const href = attributes.get('href') ?? ''
      if (href !== '' && ALTERNATE.has(attributes.get('rel')?.toLowerCase() ?? 'alternate')) entry.location ??= { href, attributes }
    } else if (text === '') return
    else if (field === 'lastmod') entry.lastmod ??= text
    else if (field === 'location') entry.location ??= { href: text, attributes }
    else if (attributes.get('ispermalink')?.toLowerCase() !== 'false') entry.guid ??= text
  }
}

/** `xml:base` is obeyed on the root, the entry and its field, not on elements between them. Source: XML Base 4; RFC 4287 2. */
function baseOf(attributes: Attributes, outer: string | undefined): string | undefined {
  const base = attributes.get('xml:base')
  return base === undefined ? outer : (httpUrl(base, outer) ?? outer)
}
