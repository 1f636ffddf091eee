/*
 * Mutants that these tests kill:
 * - sitemap-xml.ts: a document of any depth is read
 *     `const MAX_DEPTH = 256` => `const MAX_DEPTH = 1_000_000`
 * - sitemap-xml.ts: what the end of the file cuts is closed there
 *     `reader.finishEntry() // the parser` => `parser.end() // the parser`
 * - sitemap-xml.ts: text that comes in pieces is its last one
 *     `this.#text += this.#text === ''` => `this.#text = this.#text === ''`
 * - sitemap-xml.ts: an element is not left
 *     `    this.#depth--` => ``
 * - sitemap-xml.ts: every entry without a URL is free
 *     `if (!this.#take(url === undefined ? undefined : {` => `if (url !== undefined && !this.#take({`
 * - sitemap-xml.ts: any base is long enough to be one
 *     `(httpUrl(base, outer) ?? outer)` => `(URL.parse(base, outer)?.href ?? outer)`
 * - sitemap-entry.ts: a URL that is resolved may be longer than others
 *     ` && url.href.length <= MAX_URL_CHARS ?` => ` ?`
 * - sitemap.ts: a long line is kept and looked through again
 *     `.slice(0, MAX_URL_CHARS + 1)` => ``
 * - sitemap.ts: of a line that is not complete nothing but its start is kept, white space included
 *     `.trimStart().slice(0, MAX_URL_CHARS + 1)` => `.slice(0, MAX_URL_CHARS + 1)`
 * - sitemap.ts: each piece is decoded by itself
 *     `{ stream: true }` => `{}`
 * - sitemap.ts: the pieces overlap
 *     `bytes.subarray(at, at + CHUNK_BYTES)` => `bytes.subarray(at, at + CHUNK_BYTES + 1)`
 * - sitemap.ts: a UTF-16 file is text
 *     `new Set([0x00, 0x09,` => `new Set([0x09,`
 * - sitemap.ts: what is no sitemap has URLs
 *     `urls: type === null ? [] : urls` => `urls`
 * - sitemap-dates.ts: months count from 0
 *     `MONTHS.indexOf(month.toLowerCase()) + 1` => `MONTHS.indexOf(month.toLowerCase())`
 */
import { gzipSync } from 'node:zlib'
import { parseSitemap, type Sitemap, type SitemapOptions } from '@warren/web'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const AT = 'https://example.org/news/sitemap.xml'
const CHUNK_BYTES = 65_536
const MAX_URL_CHARS = 8_192

const parse = (body: string | Uint8Array, options: Partial<SitemapOptions> = {}): Sitemap =>
  parseSitemap(typeof body === 'string' ? Buffer.from(body) : body, { url: AT, ...options })
const urlsOf = (body: string | Uint8Array, options?: Partial<SitemapOptions>): string[] => parse(body, options).urls.map(({ url }) => url)

interface Entry {
  readonly url: string
  readonly lastmod: Date | undefined
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
const tag = (name: string, text: string | undefined): string => (text === undefined ? '' : `<${name}>${text}</${name}>`)
const cdata = (text: string): string => `<![CDATA[${text}]]>`
const sitemap = (root: string, name: string, entries: readonly Entry[]): string =>
  tag(root, entries.map(({ url, lastmod }) => tag(name, tag('loc', escaped(url)) + tag('lastmod', lastmod?.toISOString()))).join('\n'))
const channel = (root: string, items: string): string => `<${root}><channel><link>${AT}</link></channel>${items}</${root}>`

const FORMATS: Record<NonNullable<Sitemap['type']> | 'rdf', (entries: readonly Entry[]) => string> = {
  index: (entries) => sitemap('sitemapindex', 'sitemap', entries),
  xml: (entries) => sitemap('urlset', 'url', entries),
  text: (entries) => entries.map(({ url }) => url).join('\r\n'),
  rss: (entries) =>
    channel(
      'rss',
      entries.map(({ url, lastmod }) => tag('item', tag('pubDate', lastmod?.toUTCString()) + tag('link', cdata(url)))).join(''),
    ),
  rdf: (entries) =>
    channel(
      'rdf:RDF',
      entries.map(({ url, lastmod }) => tag('item', tag('link', cdata(url)) + tag('dc:date', lastmod?.toISOString()))).join(''),
    ),
  atom: (entries) =>
    tag(
      'feed',
      entries
        .map(({ url, lastmod }) =>
          tag('entry', `<link rel='self' href='x'/><link href="${escaped(url)}"/>${tag('updated', lastmod?.toISOString())}`),
        )
        .join('\n'),
    ),
}

const url = fc.webUrl({ withQueryParameters: true, withFragments: true, size: 'small' }).map((href) => new URL(href).href)
const date = fc.date({ min: new Date('1950-01-01'), max: new Date('2049-12-31'), noInvalidDate: true })
const entry: fc.Arbitrary<Entry> = fc.record({ url, lastmod: fc.option(date, { nil: undefined }) })
const entries = fc.array(entry, { minLength: 1, maxLength: 8 })
const format = fc.constantFrom(...(Object.keys(FORMATS) as (keyof typeof FORMATS)[]))
const ENCODINGS = {
  'UTF-8': (text: string) => Buffer.from(text),
  'UTF-8 with a mark': (text: string) => Buffer.from(`\uFEFF${text}`),
  'UTF-16LE': (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le'),
  'UTF-16BE': (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le').swap16(),
}
const encoding = fc.constantFrom(...(Object.keys(ENCODINGS) as (keyof typeof ENCODINGS)[]))
const zipped = (body: Uint8Array, times: number): Uint8Array => (times === 0 ? body : zipped(gzipSync(body), times - 1))

test('what is written in any format, encoding and number of gzip layers comes back', () => {
  fc.assert(
    fc.property(format, entries, encoding, fc.integer({ min: 0, max: 2 }), (format, entries, encoding, layers) => {
      const seconds = (date: Date): Date => (format === 'rss' ? new Date(Math.floor(date.getTime() / 1_000) * 1_000) : date)
      const { type, urls, truncated } = parse(zipped(ENCODINGS[encoding](FORMATS[format](entries)), layers))
      expect([type, truncated]).toEqual([format === 'rdf' ? 'rss' : format, false])
      expect(urls).toEqual(
        entries.map(({ url, lastmod }) => (lastmod === undefined || format === 'text' ? { url } : { url, lastmod: seconds(lastmod) })),
      )
    }),
    { numRuns: 300 },
  )
})

test('markup that ends early lists the first URLs of the whole', () => {
  fc.assert(
    fc.property(format, entries, fc.nat(), (format, entries, at) => {
      fc.pre(format !== 'text')
      const body = FORMATS[format](entries)
      const found = urlsOf(body.slice(0, at % body.length))
      expect(found).toEqual(entries.slice(0, found.length).map(({ url }) => url))
    }),
    { numRuns: 500 },
  )
})

test('where the pieces end in which a file is read changes nothing', () => {
  const list = [
    { url: 'https://example.org/caf\u00e9?\u{1F980}&"', lastmod: new Date('2020-02-29') },
    { url: `${AT}?<>`, lastmod: undefined },
  ]
  const expectSame = (format: keyof typeof FORMATS, encode: (text: string) => Buffer, back: number) => {
    const body = FORMATS[format](list)
    const mark = encode('').length
    const spaces = (CHUNK_BYTES - mark) / (encode(' ').length - mark) - (back % body.length)
    expect(parse(encode(' '.repeat(spaces) + body))).toEqual(parse(body))
  }
  for (const format of ['xml', 'text', 'atom'] as const)
    for (let back = 0; back < FORMATS[format](list).length; back++) expectSame(format, ENCODINGS['UTF-8'], back)
  fc.assert(
    fc.property(format, encoding, fc.nat(), (format, encoding, back) => expectSame(format, ENCODINGS[encoding], back)),
    { numRuns: 100 },
  )
})

/** What holds for every answer. */
function expectSound({ type, urls, truncated }: Sitemap): void {
  if (type === null) expect(urls).toEqual([])
  expect(typeof truncated).toBe('boolean')
  for (const { url, lastmod } of urls) {
    expect(URL.parse(url)?.href).toBe(url)
    expect(url).toMatch(/^https?:/)
    expect(url.length).toBeLessThanOrEqual(MAX_URL_CHARS)
    if (lastmod !== undefined) expect(lastmod.getTime()).not.toBeNaN()
  }
}

test('any bytes are read without a fault, as gzip too', () => {
  const bytes = fc.uint8Array({ maxLength: 300 })
  const magic = fc.constantFrom([], [0x1f, 0x8b, 8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], [0xff, 0xfe, 0x3c, 0], [0x3c])
  fc.assert(
    fc.property(magic, bytes, fc.integer({ min: 0, max: 3 }), (magic, bytes, layers) => {
      expectSound(parse(zipped(Uint8Array.from([...magic, ...bytes]), layers)))
    }),
    { numRuns: 1_000 },
  )
})

test('any option is taken: an unusable URL, header or limit', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.option(fc.string()),
      fc.nat(100),
      fc.nat(3),
      entries,
      (url, contentType, limitBytes, limitUrls, entries) => {
        const body = Buffer.from(FORMATS.xml(entries))
        for (const bytes of [body, gzipSync(body)]) {
          const sitemap = parse(bytes, { url, contentType: contentType && `text/xml;charset=${contentType}`, limitBytes, limitUrls })
          expectSound(sitemap)
          expect(sitemap.urls.length).toBeLessThanOrEqual(limitUrls)
        }
      },
    ),
  )
})

test('a sitemap that was tampered with is read without a fault', () => {
  const pieces = [
    '<',
    '>',
    '/',
    '&',
    '&#',
    ';',
    '"',
    ']]>',
    '<![CDATA[',
    '<!--',
    '-->',
    '<!DOCTYPE x [',
    '<?',
    '\0',
    ':',
    'url',
    ' xml:base="',
    'href=',
  ]
  const long = fc.constantFrom(...['x', '../', ' '].map((text) => text.repeat(MAX_URL_CHARS)))
  const edit = fc.record({
    at: fc.nat(),
    drop: fc.nat(20),
    insert: fc.oneof(fc.constantFrom('', ...pieces), fc.string({ maxLength: 3 }), long),
  })
  const flip = fc.option(fc.record({ at: fc.nat(), value: fc.nat(255) }))
  fc.assert(
    fc.property(format, entries, fc.array(edit, { minLength: 1, maxLength: 6 }), flip, (format, entries, edits, flip) => {
      let body = FORMATS[format](entries)
      for (const { at, drop, insert } of edits) {
        const start = at % (body.length + 1)
        body = body.slice(0, start) + insert + body.slice(start + drop)
      }
      expectSound(parse(body))
      const packed = gzipSync(body)
      if (flip !== null) packed[flip.at % packed.length] = flip.value
      expectSound(parse(packed))
    }),
    { numRuns: 1_000 },
  )
})

/**
 * The work of a parse, in characters and elements: those that are split into lines or parsed as URLs, with the base that they are resolved
 * against, and those of the lists that are searched or moved, such as the parser's stack of open elements.
 */
function workOf(body: string, options: Partial<SitemapOptions> = {}): number {
  let work = 0
  const lengthOf = (value: unknown): number => (typeof value === 'string' || Array.isArray(value) ? value.length : 0)
  const watch = (owner: object, name: string, cost: (self: unknown, args: unknown[]) => number): (() => void) => {
    const original = Reflect.get(owner, name)
    const put = (value: unknown) => Object.defineProperty(owner, name, { value, configurable: true, writable: true, enumerable: false })
    put(function (this: unknown, ...args: unknown[]) {
      work += cost(this, args)
      return Reflect.apply(original, this, args)
    })
    return () => put(original)
  }
  const bytes = Buffer.from(body)
  const restores = [
    ...['indexOf', 'shift', 'unshift'].map((name) => watch(Array.prototype, name, lengthOf)),
    watch(String.prototype, 'split', (text) => String(text).length),
    watch(URL, 'parse', (_, [href, base]) => lengthOf(href) + lengthOf(base)),
  ]
  try {
    parse(bytes, options)
  } finally {
    for (const restore of restores) restore()
  }
  return work
}

test.each([
  ['elements that are not closed', (n: number) => `<urlset>${'<a>'.repeat(n)}`],
  [
    'end tags of elements that were not opened, below such that are not closed',
    (n: number) => `<rss>${'<a>'.repeat(n)}${'</b>'.repeat(n)}`,
  ],
  ['entries that are not closed', (n: number) => `<urlset>${'<url><loc>/a</loc>'.repeat(n)}`],
  ['one line', (n: number) => 'x'.repeat(200 * n)],
  ['many lines', (n: number) => `${AT}\n`.repeat(n)],
  ['one URL', (n: number) => `<urlset><url><loc>${'&amp;'.repeat(50 * n)}</loc></url></urlset>`],
  ['one base', (n: number) => `<feed xml:base="/${'a/'.repeat(50 * n)}">${'<entry><link href="b"/></entry>'.repeat(n)}</feed>`],
  ['one entry with many links', (n: number) => `<feed><entry>${'<link xml:base="/a/" href="b"/>'.repeat(n)}</entry></feed>`],
])('twice the input is at most twice the work: %s', (_, body) => {
  const [once, twice] = [workOf(body(4_000)), workOf(body(8_000))]
  expect(twice).toBeLessThanOrEqual(2.2 * once + 10_000)
})

test('entries without a valid URL cost no more than the limit of entries allows', () => {
  const longest = `/${'a'.repeat(MAX_URL_CHARS - 100)}/`
  const body = `<feed xml:base="${longest}">${`<entry><link href="${'b'.repeat(200)}"/></entry>`.repeat(2_000)}</feed>`
  expect(workOf(body, { limitUrls: 10 })).toBeLessThan(30 * MAX_URL_CHARS)
})
