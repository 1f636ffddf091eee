/*
 * Mutants that these tests kill:
 * - sitemap-xml.ts: children of any prefix are fields
 *     `this.#format.fields.get(prefix === this.#prefix ? local : name)` => `this.#format.fields.get(local)`
 * - sitemap-xml.ts: a field may be anywhere below its entry
 *     `this.#depth - 1 === this.#entry?.depth` => `this.#entry !== undefined`
 * - sitemap-xml.ts: entries may have any prefix
 *     `(this.#prefix ?? prefix) === prefix` => `true`
 * - sitemap-xml.ts: an element in a field is a part of its text
 *     `this.#finishField() // no field` => `// no field`
 * - sitemap-xml.ts: every piece of text loses the white space in front
 *     `this.#text += this.#text === '' ? text.trimStart() : text` => `this.#text += text.trimStart()`
 * - sitemap-xml.ts: an entry that is not closed swallows the next one
 *     `this.finishEntry() // that one` => `// that one`
 * - sitemap-xml.ts: the last entry of a file that ends early is lost
 *     `reader.finishEntry() // the parser` => `// the parser`
 * - sitemap-xml.ts: any link of an Atom entry is its page
 *     `ALTERNATE.has(attributes.get('rel')?.toLowerCase() ?? 'alternate')` => `true`
 * - sitemap-xml.ts: a link without a relation is none
 *     `?.toLowerCase() ?? 'alternate'` => `?.toLowerCase() ?? ''`
 * - sitemap-xml.ts: an identifier is always a URL
 *     `else if (attributes.get('ispermalink')?.toLowerCase() !== 'false') entry` => `else entry`
 * - sitemap-xml.ts: the base of an entry is forgotten
 *     `baseOf(entry.attributes, this.#base)` => `this.#base`
 * - sitemap-xml.ts: the base of the root is forgotten
 *     `this.#base = baseOf(this.#rootAttributes, this.#url)` => `this.#base = this.#url`
 * - sitemap-xml.ts: a document of any depth is read
 *     `const MAX_DEPTH = 256` => `const MAX_DEPTH = 1_000_000`
 * - sitemap-xml.ts: a file is complete without the end of its root
 *     `this.complete = this.type === null` => `this.complete = true`
 * - sitemap-xml.ts: what follows the root is read too
 *     `this.#stop() // what follows` => `// what follows`
 * - sitemap-entry.ts: any scheme will do
 *     `/^https?:$/.test(url.protocol)` => `true`
 * - sitemap-entry.ts: a URL may be of any length when its parse is short
 *     `if (href.length > MAX_URL_CHARS) return undefined` => ``
 * - sitemap.ts: the last line may be a part of one
 *     `if (!cut) yield rest` => `yield rest`
 * - sitemap.ts: one URL makes any text a sitemap
 *     `surplus += url === undefined ? -1 : 1` => `surplus += url === undefined ? 0 : 1`
 * - sitemap.ts: CR alone ends no line
 *     `.split(/\r\n?|\n/)` => `.split(/\r?\n/)`
 * - sitemap.ts: text with a URL in front is a URL
 *     `const url = /\s/.test(text) ? undefined : httpUrl(text)` => `const url = httpUrl(text)`
 * - sitemap.ts: one entry more than the limit
 *     `entries++ >= limitUrls` => `entries++ > limitUrls`
 * - sitemap.ts: gzip is unpacked once
 *     `const MAX_GZIP_LAYERS = 2` => `const MAX_GZIP_LAYERS = 1`
 * - sitemap.ts: gzip is unpacked as often as it takes
 *     `const MAX_GZIP_LAYERS = 2` => `const MAX_GZIP_LAYERS = 3`
 * - sitemap.ts: nobody is told that gzip data was cut
 *     `cut ||= unpacked.cut` => `cut ||= false`
 * - gunzip.ts: broken data gives nothing
 *     `const SEARCH_STEPS = 8` => `const SEARCH_STEPS = 0`
 * - gunzip.ts: data that ends early is broken
 *     `constants.Z_SYNC_FLUSH` => `constants.Z_FINISH`
 * - encoding.ts: a sitemap's encoding is found like that of HTML
 *     `sniff(body, contentType, true)` => `sniff(body, contentType, false)`
 * - sitemap-dates.ts: a zone has the wrong sign
 *     `Number(minute) - zoneMinutes` => `Number(minute) + zoneMinutes`
 * - sitemap-dates.ts: days that there are not are of the next month
 *     `if (date.getUTCMonth() !== month - 1) return undefined` => ``
 * - sitemap-dates.ts: fractions are not of a second
 *     `fraction.slice(0, 3).padEnd(3, '0')` => `fraction.slice(0, 3)`
 * - sitemap-dates.ts: named zones are UTC
 *     `(ZONES.get(zone.toUpperCase()) ?? 0) * 60` => `0`
 * - sitemap-dates.ts: years of two digits are of this century
 *     `number < 50 ? 2_000 : 1_900` => `2_000`
 * - sitemap-location.ts: what robots.txt says does not matter
 *     `if (listedInRobotsOf.has(hostKey)) return true` => ``
 * - sitemap-location.ts: another scheme or port is the same host
 *     `return hostKey === hostKeyOf(sitemapUrl) && url` => `return url`
 * - sitemap-location.ts: a sitemap may list all of its host
 *     `startsWith(folderOf(sitemapUrl))` => `startsWith('')`
 */
import { gzipSync } from 'node:zlib'
import {
  type CanonicalUrl,
  canonicalize,
  hostKeyOf,
  parseSitemap,
  SITEMAP_LIMIT_URLS,
  type SitemapOptions,
  sitemapMayList,
} from '@warren/web'
import { describe, expect, test } from 'vitest'

const AT = 'https://example.org/news/sitemap.xml'

const parse = (body: string | Uint8Array, options: Partial<SitemapOptions> = {}) =>
  parseSitemap(typeof body === 'string' ? Buffer.from(body) : body, { url: AT, ...options })
/** The type and the URLs, those of example.org without their origin. */
const listed = (body: string | Uint8Array, options?: Partial<SitemapOptions>): (string | null)[] => {
  const { type, urls } = parse(body, options)
  return [type, ...urls.map(({ url }) => url.replace('https://example.org', ''))]
}
const dates = (body: string): (string | undefined)[] => parse(body).urls.map(({ lastmod }) => lastmod?.toISOString())

const urlset = (...entries: string[]): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n${entries.join('\n')}\n</urlset>\n`
const loc = (url: string): string => `<url><loc>${url}</loc></url>`
const A = 'https://example.org/a'
const B = 'https://example.org/b'

describe('sitemaps.org protocol, "XML tag definitions": urlset, url, loc, lastmod', () => {
  test('the sample: optional tags may be missing, their order does not matter', () => {
    const body = urlset(`<url><lastmod>2005-01-01</lastmod><loc>${A}</loc><changefreq>monthly</changefreq></url>`, loc(B))
    expect(parse(body)).toEqual({ type: 'xml', urls: [{ url: A, lastmod: new Date('2005-01-01') }, { url: B }], truncated: false })
  })

  test('"index": a sitemap index lists sitemaps', () => {
    const body = `<sitemapindex><sitemap><loc>${A}.xml.gz</loc><lastmod>2004-10-01T18:23:17+00:00</lastmod></sitemap></sitemapindex>`
    expect(parse(body)).toEqual({
      type: 'index',
      urls: [{ url: `${A}.xml.gz`, lastmod: new Date('2004-10-01T18:23:17Z') }],
      truncated: false,
    })
  })

  test('namespaces may be wrong, missing, or have a prefix; names may be in upper case', () => {
    expect(listed(`<urlset xmlns="urn:x">${loc(A)}</urlset>`)).toEqual(['xml', '/a'])
    expect(listed(`<urlset>${loc(A)}</urlset>`)).toEqual(['xml', '/a'])
    expect(listed(`<sm:urlset xmlns:sm="x"><sm:url><sm:loc>${A}</sm:loc></sm:url></sm:urlset>`)).toEqual(['xml', '/a'])
    expect(listed(`<URLSET>${loc(A).toUpperCase()}</URLSET>`)).toEqual(['xml', '/A'])
  })

  test('"Extending the Sitemaps protocol": elements of other namespaces are no pages, wherever they stand', () => {
    const images = `<image:loc>${B}/1</image:loc><image:image><image:loc>${B}/2</image:loc><loc>${B}/3</loc></image:image>`
    const video = `<video:video><video:content_loc>${B}/4</video:content_loc><video:player_loc>${B}/5</video:player_loc></video:video>`
    const others = `<xhtml:link rel="alternate" hreflang="de" href="${B}/6"/><x:url><x:loc>${B}/7</x:loc></x:url>`
    expect(listed(urlset(`<url>${images}${video}<loc>${A}</loc>${others}</url>`))).toEqual(['xml', '/a'])
    expect(listed(urlset(loc(A), `<x:url><x:loc>${B}</x:loc></x:url>`))).toEqual(['xml', '/a'])
  })

  test('white space around a URL is none of it, nor are line ends inside', () => {
    expect(listed(urlset(`<url>\n <loc>\n\t${A}/\nb \r\n </loc></url>`))).toEqual(['xml', '/a/b'])
  })

  test('"Entity escaping": the five entities and numbers; a bare ampersand is a character', () => {
    expect(listed(urlset(loc(`${A}?&lt;&gt;&quot;&apos;&amp;b=&#x62;&#98;`)))).toEqual(['xml', '/a?%3C%3E%22%27&b=bb'])
    expect(listed(urlset(loc(`${A}?b &amp; c`)))).toEqual(['xml', '/a?b%20&%20c'])
    expect(listed(urlset(loc(`${A}?b=1&c=2&copy=3&eacute;`)))).toEqual(['xml', '/a?b=1&c=2&copy=3&eacute;'])
    expect(listed(urlset(loc(`${A}?&#0;&#xFFFFFFFF;&#`)))).toEqual(['xml', '/a?%EF%BF%BD%EF%BF%BD&#'])
  })

  test('CDATA is text, comments and processing instructions are nothing', () => {
    expect(listed(urlset(loc(`<![CDATA[${A}?b&c]]>`), `<!-- ${loc(B)} --><?x ${B} ?>`))).toEqual(['xml', '/a?b&c'])
    expect(listed(urlset(loc(`https://example.org<!-- x -->/a`)))).toEqual(['xml', '/a'])
  })

  test('what is no http(s) URL is left out; "ours": a relative one is resolved', () => {
    const bad = [
      '',
      ' ',
      'https://',
      'ftp://example.org/',
      'mailto:a@example.org',
      'javascript:1',
      `${A}?${'x'.repeat(8_192)}`,
      `${A}/${'../'.repeat(3_000)}`,
    ]
    expect(listed(urlset(...bad.map(loc), '<url><loc/></url>', '<url/>', loc('b'), loc('/c'), loc('//example.com/')))).toEqual([
      'xml',
      '/news/b',
      '/c',
      'https://example.com/',
    ])
    expect(listed(urlset(loc('/c'), loc(A)), { url: 'nowhere' })).toEqual(['xml', '/a'])
  })

  test('the first loc of an entry counts', () => {
    expect(listed(urlset(`<url><loc>${A}</loc><loc>${B}</loc></url>`))).toEqual(['xml', '/a'])
  })
})

describe('faults', () => {
  test('a file that ends early gives what came before, without an element that it cuts', () => {
    const body = `<urlset>${loc(A)}<url><loc>${B}</loc>`
    expect(parse(body)).toEqual({ type: 'xml', urls: [{ url: A }, { url: B }], truncated: true })
    expect(listed(body.slice(0, -1))).toEqual(['xml', '/a'])
    expect(listed(`<urlset>${loc(A)}<url><loc><![CDATA[${B}`)).toEqual(['xml', '/a'])
  })

  test('tags that are not closed, or were not opened', () => {
    expect(listed(`<urlset><url><loc>${A}</loc><url><loc>${B}<lastmod>2020</lastmod></url></loc></urlset>`)).toEqual(['xml', '/a', '/b'])
    expect(listed(`<urlset></x></url>${loc(A)}</b><a><url><loc>${B}</loc></urlset>`)).toEqual(['xml', '/a', '/b'])
  })

  test('what follows the root element is not read', () => {
    expect(parse(`<urlset>${loc(A)}</urlset>${loc(B)}<`)).toEqual({ type: 'xml', urls: [{ url: A }], truncated: false })
  })

  test('white space in front of the XML declaration', () => {
    expect(listed(` \r\n\t${urlset(loc(A))}`)).toEqual(['xml', '/a'])
  })

  test('ours: what is nested deeper than 256 elements is not read, nor what follows', () => {
    const nested = (depth: number) => parse(urlset(loc(A), '<x>'.repeat(depth) + '</x>'.repeat(depth), loc(B)))
    expect([nested(255).urls.length, nested(255).truncated]).toEqual([2, false])
    expect([nested(256).urls.length, nested(256).truncated]).toEqual([1, true])
  })

  test.each([
    ['an HTML page', `<!DOCTYPE html><html><body><urlset>${loc(A)}</urlset><a href="${A}">x</a></body></html>`],
    ['XHTML', `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><url><loc>${A}</loc></url></html>`],
    ['another root', `<sitemap><loc>${A}</loc></sitemap>`],
    ['what every object has', `<constructor>${loc(A)}</constructor>`],
    ['prose', `See\n${A}\nfor more.`],
    ['JSON', `{"url": "${A}"}`],
    ['nothing', ''],
    ['one character', '<'],
    ['bytes', '\0\x01\x02'],
  ])('%s is no sitemap', (_, body) => {
    expect(parse(body, { contentType: 'application/xml' })).toEqual({ type: null, urls: [], truncated: false })
  })
})

describe('DOCTYPE: nothing is expanded, nothing is fetched', () => {
  test('a billion laughs', () => {
    const laughs = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`)
    const doctype = `<!DOCTYPE urlset [\n<!ENTITY l0 "lol">\n${laughs.join('\n')}\n]>`
    expect(listed(`<?xml version="1.0"?>${doctype}<urlset>${loc(`${A}?&l9;`)}${loc(B)}</urlset>`)).toEqual(['xml', '/a?&l9;', '/b'])
  })

  test('an external entity', () => {
    const doctype = '<!DOCTYPE urlset [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY % y SYSTEM "http://127.0.0.1/"> %y;]>'
    expect(listed(`${doctype}<urlset>${loc('&x;')}${loc(B)}</urlset>`)).toEqual(['xml', '/news/&x;', '/b'])
    expect(listed(`<!DOCTYPE urlset SYSTEM "http://127.0.0.1/x.dtd"><urlset>${loc(B)}</urlset>`)).toEqual(['xml', '/b'])
  })
})

describe('sitemaps.org protocol, "Other Sitemap formats": text', () => {
  test('"one URL per line", whatever ends a line, with a byte order mark or without', () => {
    expect(listed(`${A}\n${B}`)).toEqual(['text', '/a', '/b'])
    expect(listed(`\uFEFF${A}\r\n\r\n ${B} \r${A}\n`)).toEqual(['text', '/a', '/b', '/a'])
  })

  test('ours: other lines are left out, as long as they are fewer', () => {
    expect(listed(`# pages\n${A}\n${B}`)).toEqual(['text', '/a', '/b'])
    expect(listed(`# pages\n${A}`)).toEqual([null])
    expect(listed(`${A} is a page\n${A}\n/b\n${B}\n${A}`)).toEqual(['text', '/a', '/b', '/a'])
    expect(listed(`${A}?${'x'.repeat(100_000)}\n${A}\n${B}`)).toEqual(['text', '/a', '/b'])
  })
})

describe('sitemaps.org protocol, "Other Sitemap formats": feeds', () => {
  const rss = (...items: string[]): string =>
    `<rss version="2.0"><channel><title>x</title><link>${B}/home</link><image><url>${B}</url><link>${B}</link></image>${items.join('')}</channel></rss>`

  test('RSS 2.0: link and pubDate of the items, not those of the channel', () => {
    const body = rss(`<item><title>x</title><link>${A}</link><pubDate>Sat, 07 Sep 2002 00:00:01 GMT</pubDate></item>`)
    expect(parse(body)).toEqual({ type: 'rss', urls: [{ url: A, lastmod: new Date('2002-09-07T00:00:01Z') }], truncated: false })
  })

  test('RSS 2.0: without a link, a guid that is a permalink, as it is when nothing is said', () => {
    const guid = (attributes: string, text = A) => listed(rss(`<item><guid${attributes}>${text}</guid></item>`))
    expect([guid(''), guid(' isPermaLink="true"'), guid(' isPermaLink="false"')]).toEqual([['rss', '/a'], ['rss', '/a'], ['rss']])
    expect(guid('', '12345')).toEqual(['rss'])
    expect(listed(rss(`<item><guid>${B}</guid><link>${A}</link></item>`))).toEqual(['rss', '/a'])
  })

  test('RSS: the links of other namespaces are not those of the item', () => {
    const body = rss(`<item><atom:link href="${B}"/><media:content url="${B}"><link>${B}</link></media:content><link>${A}</link></item>`)
    expect(listed(body)).toEqual(['rss', '/a'])
  })

  test('RSS 0.91', () => {
    expect(
      listed(`<!DOCTYPE rss SYSTEM "http://my.netscape.com/publish/formats/rss-0.91.dtd">${rss(`<item><link>${A}</link></item>`)}`),
    ).toEqual(['rss', '/a'])
  })

  test('RSS 1.0: the items stand beside the channel, dates are of Dublin Core', () => {
    const channel = `<channel rdf:about="${B}"><link>${B}</link><items><rdf:Seq><rdf:li resource="${A}"/></rdf:Seq></items></channel>`
    const item = `<item rdf:about="${A}"><title>x</title><link>${A}</link><dc:date>2003-04-19T23:40:26+01:00</dc:date></item>`
    const body = `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">${channel}${item}</rdf:RDF>`
    expect(parse(body)).toEqual({ type: 'rss', urls: [{ url: A, lastmod: new Date('2003-04-19T22:40:26Z') }], truncated: false })
  })

  test('Atom, RFC 4287 4.2.7.2: the alternate link of the entry, which is one without rel as well', () => {
    const links = `<link rel="self" href="${B}"/><link rel="enclosure" href="${B}"/><link href="${A}"/><link rel="alternate" href="${B}"/>`
    const entry = `<entry><id>${B}</id>${links}<updated>2003-12-13T18:30:02.25Z</updated><source><link href="${B}"/></source></entry>`
    const body = `<feed xmlns="http://www.w3.org/2005/Atom"><link href="${B}"/>${entry}</feed>`
    expect(parse(body)).toEqual({ type: 'atom', urls: [{ url: A, lastmod: new Date('2003-12-13T18:30:02.250Z') }], truncated: false })
    const iana = 'http://www.iana.org/assignments/relation/alternate'
    expect(listed(`<a:feed><a:entry><a:link rel="${iana}" href="${A}"></a:link></a:entry></a:feed>`)).toEqual(['atom', '/a'])
  })

  test('Atom, RFC 4287 2: xml:base of the feed, the entry and the link', () => {
    const entry = (base: string, link: string) => `<entry ${base}><link ${link}/></entry>`
    const body = `<feed xml:base="/f/">${entry('', 'href="1"')}${entry('xml:base="e/"', 'href="2"')}${entry('', 'href="3" xml:base="l/"')}</feed>`
    expect(listed(body)).toEqual(['atom', '/f/1', '/f/e/2', '/f/l/3'])
  })

  test('Atom 0.3', () => {
    const body = `<feed version="0.3"><entry><link rel="alternate" type="text/html" href="${A}"/><modified>2003-12-13T18:30:02Z</modified></entry></feed>`
    expect(dates(body)).toEqual(['2003-12-13T18:30:02.000Z'])
  })
})

describe('dates', () => {
  const lastmod = (text: string) => dates(urlset(`<url><loc>${A}</loc><lastmod>${text}</lastmod></url>`))[0]

  test.each([
    ['1997', '1997-01-01T00:00:00.000Z'],
    ['1997-07', '1997-07-01T00:00:00.000Z'],
    [' 1997-07-16\n', '1997-07-16T00:00:00.000Z'],
    ['1997-07-16T19:20+01:00', '1997-07-16T18:20:00.000Z'],
    ['1997-07-16T19:20:30-05:30', '1997-07-17T00:50:30.000Z'],
    ['1997-07-16T19:20:30.45Z', '1997-07-16T19:20:30.450Z'],
    ['1997-07-16T19:20:30.123456789Z', '1997-07-16T19:20:30.123Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['0050-01-01', '0050-01-01T00:00:00.000Z'],
  ])('W3C "Date and Time Formats": %s', (text, expected) => {
    expect(lastmod(text)).toBe(expected)
  })

  test.each([
    ['1997-07-16 19:20:30', '1997-07-16T19:20:30.000Z'],
    ['1997-07-16T19:20', '1997-07-16T19:20:00.000Z'],
    ['1997-07-16T19:20:30+0100', '1997-07-16T18:20:30.000Z'],
  ])('ours: %s', (text, expected) => {
    expect(lastmod(text)).toBe(expected)
  })

  test.each([
    ['Sat, 07 Sep 2002 00:00:01 GMT', '2002-09-07T00:00:01.000Z'],
    ['07 Sep 02 00:00 UT', '2002-09-07T00:00:00.000Z'],
    ['Mon, 7 Sep 98 00:00:01 Z', '1998-09-07T00:00:01.000Z'],
    ['Sat, 07 Sep 2002 23:00:01 -0430', '2002-09-08T03:30:01.000Z'],
    ['Sat, 07 Sep 2002 12:00:00 EST', '2002-09-07T17:00:00.000Z'],
    ['Sat, 07 Sep 2002 12:00:00 pdt', '2002-09-07T19:00:00.000Z'],
    ['Sat, 07 Sep 2002 12:00:00 A', '2002-09-07T12:00:00.000Z'],
    ['Saturday, 07 September 2002 12:00:00 +0000 (UTC)', '2002-09-07T12:00:00.000Z'],
    ['Sat,  07 Sep 2002 23:59:60', '2002-09-08T00:00:00.000Z'],
  ])('RFC 822 5.1, RSS 2.0: %s', (text, expected) => {
    expect(lastmod(text)).toBe(expected)
  })

  test.each([
    '',
    'today',
    '97-07-16',
    '1997-13-01',
    '1997-00-01',
    '1997-02-29',
    '1997-07-32',
    '1997-07-00',
    '1997-07-16T24:00Z',
    '1997-07-16T19:60Z',
    '1997-07-16T19Z',
    '1997-07-16T19:20+24:00',
    '1997-W29-3',
    '07 Foo 2002 00:00 GMT',
    '31 Sep 2002 00:00 GMT',
    'Sat, 07 Sep 2002',
    `1997-07-16${' '.repeat(100)}x`,
  ])('none: "%s"', (text) => {
    expect(lastmod(text)).toBeUndefined()
  })
})

describe('encodings, RFC 7303 3.2', () => {
  const page = 'https://example.org/caf\u00e9'
  const expected = ['xml', '/caf%C3%A9']
  const declared = (encoding: string) => Buffer.from(`<?xml version='1.0' encoding='${encoding}'?><urlset>${loc(page)}</urlset>`, 'latin1')

  test('UTF-8 without a word, whatever the header calls the file', () => {
    expect(listed(`<urlset>${loc(page)}</urlset>`)).toEqual(expected)
    expect(listed(`<urlset>${loc(page)}</urlset>`, { contentType: 'text/html' })).toEqual(expected)
    expect(listed(page, { contentType: 'text/plain' })).toEqual(['text', '/caf%C3%A9'])
  })

  test('the XML declaration, over which the header goes', () => {
    expect(listed(declared('iso-8859-1'))).toEqual(expected)
    expect(listed(declared('utf-8'), { contentType: 'text/xml; charset="latin1"' })).toEqual(expected)
    expect(listed(declared('klingon').toString('latin1'))).toEqual(expected)
  })

  test('a byte order mark goes before both', () => {
    const text = `\uFEFF<?xml version="1.0" encoding="koi8-r"?><urlset>${loc(page)}</urlset>`
    const utf16 = Buffer.from(text, 'utf16le')
    for (const body of [Buffer.from(text), utf16, Buffer.from(utf16).swap16()])
      expect(listed(body, { contentType: 'application/xml; charset=koi8-r' })).toEqual(expected)
    expect(listed(Buffer.from(`\uFEFF${page}\r\n`, 'utf16le'))).toEqual(['text', '/caf%C3%A9'])
  })

  test('UTF-16 without a mark is known by its declaration', () => {
    expect(listed(Buffer.from(`<?xml version="1.0"?><urlset>${loc(page)}</urlset>`, 'utf16le'))).toEqual(expected)
  })

  test('an encoding that must not be decoded gives nothing', () => {
    expect(listed(declared('iso-2022-kr'))).toEqual([null])
  })
})

describe('gzip', () => {
  const body = Buffer.from(urlset(loc(A), loc(B)))
  const random = (count: number): Buffer => {
    let seed = 1 // lines that deflate can do little with
    const digits = () => {
      seed = (seed * 48_271) % 0x7fffffff
      return seed.toString(36)
    }
    return Buffer.from(Array.from({ length: count }, () => `https://example.org/${digits()}${digits()}\n`).join(''))
  }

  test('by its magic number, once or twice, not three times', () => {
    expect(listed(gzipSync(body), { contentType: 'application/xml' })).toEqual(['xml', '/a', '/b'])
    expect(listed(gzipSync(gzipSync(body)))).toEqual(['xml', '/a', '/b'])
    expect(listed(gzipSync(gzipSync(gzipSync(body))))).toEqual([null])
  })

  test('data that ends early gives what it has', () => {
    const { type, urls } = parse(gzipSync(random(2_000)).subarray(0, -5_000))
    expect([type, urls.length > 1_000]).toEqual(['text', true])
  })

  test('broken data gives most of what comes before, and says so', () => {
    const broken = gzipSync(random(2_000), { memLevel: 1 }) // many blocks
    broken.fill(0xff, broken.length >>> 1)
    const { type, urls, truncated } = parse(broken)
    expect([type, urls.length > 800, urls.length < 1_100, truncated]).toEqual(['text', true, true, true])
    expect(parse(Buffer.concat([gzipSync('').subarray(0, 10), Buffer.alloc(50, 0xff)]))).toEqual({ type: null, urls: [], truncated: true })
  })

  test('a bomb is cut', () => {
    const bomb = gzipSync(gzipSync(Buffer.concat([Buffer.from(`<urlset>${loc(A)}`), Buffer.alloc(8_000_000, ' ')])))
    expect(parse(bomb, { limitBytes: 1_000_000 })).toEqual({ type: 'xml', urls: [{ url: A }], truncated: true })
  })

  test('what passes the limit is cut in the second half of it', () => {
    const lines = random(10_000)
    const { urls, truncated } = parse(gzipSync(lines), { limitBytes: lines.length >>> 1 })
    expect([urls.length > 2_450, urls.length <= 5_000, truncated]).toEqual([true, true, true])
    expect(parse(gzipSync(lines), { limitBytes: lines.length })).toMatchObject({ truncated: false })
  })
})

describe('sitemaps.org protocol, "Using Sitemap index files": limits', () => {
  test('52 428 800 bytes, uncompressed: what comes after is not read', () => {
    const body = Buffer.alloc(52_428_801, ' ')
    const entry = loc(A)
    body.write(`<urlset>${entry}`)
    body.write(`${entry}</urlset>`, body.length - entry.length - '</urlset>'.length)
    expect(parse(body)).toEqual({ type: 'xml', urls: [{ url: A }, { url: A }], truncated: true })
    expect(parse(body.subarray(0, -1)).urls).toHaveLength(2)
  })

  test('a URL that the limit cuts is none', () => {
    const text = `${A}/1\n${A}/23`
    expect(parse(text, { limitBytes: text.length - 1 })).toEqual({ type: 'text', urls: [{ url: `${A}/1` }], truncated: true })
    expect(listed(text, { limitBytes: text.length })).toEqual(['text', '/a/1', '/a/23'])
  })

  test('50 000 entries, those without a valid URL too', () => {
    const entries = Array.from({ length: SITEMAP_LIMIT_URLS }, (_, i) => (i % 2 === 0 ? loc(A) : '<url/>'))
    const { urls, truncated } = parse(urlset(...entries))
    expect([SITEMAP_LIMIT_URLS, urls.length, truncated]).toEqual([50_000, 25_000, false])
    expect(parse(urlset(...entries, loc(B)))).toMatchObject({ truncated: true, urls: { length: 25_000 } })
    expect(parse(`${A}\n`.repeat(50_001))).toMatchObject({ type: 'text', truncated: true, urls: { length: 50_000 } })
    expect(parse(urlset(loc(A), loc(B)), { limitUrls: 1 })).toEqual({ type: 'xml', urls: [{ url: A }], truncated: true })
  })
})

describe('sitemapMayList', () => {
  const canonical = (text: string): CanonicalUrl => {
    const url = canonicalize(text)
    if (url === undefined) throw new Error(`Cannot canonicalize ${text}`)
    return url
  }
  /** `hosts`: those whose robots.txt names the sitemap, each as its root. */
  const mayList = (sitemap: string, url: string, ...hosts: string[]): boolean =>
    sitemapMayList(canonical(sitemap), canonical(url), { listedInRobotsOf: new Set(hosts.map((root) => hostKeyOf(canonical(root)))) })

  test('"Sitemap file location": what starts with the folder of the sitemap', () => {
    const may = (url: string) => mayList('http://example.com/catalog/sitemap.xml?x=/y/', url)
    expect(may('http://example.com/catalog/show?item=23')).toBe(true)
    expect(may('http://example.com/catalog/deep/er')).toBe(true)
    expect(may('http://example.com/catalog/')).toBe(true)
    for (const path of ['catalog', 'catalogue/x', 'image/show?item=23', '?/catalog/']) expect(may(`http://example.com/${path}`)).toBe(false)
    expect(mayList('http://example.com/sitemap.xml', 'http://example.com')).toBe(true)
  })

  test('"must use the same protocol and reside on the same host", port included', () => {
    for (const url of ['https://example.com/', 'http://subdomain.example.com/', 'http://example.com:100/', 'http://example.com.org/'])
      expect(mayList('http://example.com/sitemap.xml', url)).toBe(false)
    expect(mayList('http://example.com:100/sitemap.xml', 'http://example.com:100/x')).toBe(true)
    expect(mayList('http://example.com:80/sitemap.xml', 'http://example.com/x')).toBe(true)
  })

  test('"Sitemaps & Cross Submits": all of a host whose robots.txt names the sitemap, and of no other', () => {
    const host = 'http://www.host1.com/'
    expect(mayList('http://www.sitemaphost.com/a/sitemap-host1.xml', 'http://www.host1.com/b', host)).toBe(true)
    expect(mayList('http://www.sitemaphost.com/a/sitemap-host1.xml', 'https://www.host1.com/b', host)).toBe(false)
    expect(mayList('http://www.sitemaphost.com/a/sitemap-host1.xml', 'http://www.host2.com/b', host)).toBe(false)
    expect(mayList('http://www.sitemaphost.com/a/sitemap-host1.xml', 'http://www.sitemaphost.com/a/b', host)).toBe(true)
  })

  test('ours: the own host may lift the bound to the folder', () => {
    expect(mayList('https://example.com/a/sitemap.xml', 'https://example.com/b', 'https://example.com/')).toBe(true)
  })
})
