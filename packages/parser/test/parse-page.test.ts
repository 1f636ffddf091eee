import { describe, expect, test } from 'vitest'
import { type PageInput, parsePage } from '../src/index.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const parse = (html: string | Uint8Array, more: Partial<PageInput> = {}) =>
  parsePage({
    body: typeof html === 'string' ? bytes(html) : html,
    contentType: 'text/html; charset=utf-8',
    url: 'https://example.org/dir/page',
    userAgent: 'Warren/0.1 (+mailto:me@example.org)',
    ...more,
  })
const urls = (html: string, more: Partial<PageInput> = {}) => parse(html, more).links.map(({ url }) => url)

describe('links', () => {
  test('are absolute, canonical, each once, in document order', () => {
    expect(urls('<a href=b><a href="/dir/b#x"><a href=HTTPS://Example.org:443/a><area href="?q=1&amp;r=2"><a href="b">')).toEqual([
      'https://example.org/dir/b',
      'https://example.org/a',
      'https://example.org/dir/page?q=1&r=2',
    ])
  })
  test('that no crawler can follow are left out', () => {
    expect(urls('<a href=mailto:x><a href=javascript:y><a href="https://"><a href="data:,"><a name=x><a href="ftp://h/">')).toEqual([])
  })
  test('of each kind', () => {
    const { links } = parse(
      '<a href=1></a><area href=2><iframe src=3></iframe><link rel="prefetch NEXT" href=4><link rel=prev href=5><link rel=previous href=6>' +
        '<link rel=canonical href=7><link rel=stylesheet href=8><link rel=alternate href=9><meta http-equiv=Refresh content="3; url=10"><svg><a href=11></a></svg>',
    )
    expect(links.map(({ url, kind }) => `${kind} ${url.slice('https://example.org/dir/'.length)}`)).toEqual([
      'a 1',
      'area 2',
      'frame 3',
      'link 4',
      'link 5',
      'link 6',
      'link 7',
      'refresh 10',
      'a 11',
    ])
  })
  test('of framesets are those of the frames', () => {
    expect(parse('<frameset><frame src=x><a href=no></frameset>')).toMatchObject({
      reader: 'document',
      doubt: 'frameset',
      links: [{ url: 'https://example.org/dir/x', kind: 'frame', nofollow: false }],
    })
  })
  test('resolve against the first base with href, which may be relative', () => {
    expect(urls('<a href=x><base target=y><base href="../other/?q"><base href=/no/>')).toEqual(['https://example.org/other/x'])
    expect(parse('<base href="../other/?q">').base).toBe('https://example.org/other/?q')
  })
  test.each(['data:text/html,x', 'javascript:1', 'https://[', ''])('base %j does not count, or changes nothing', (href) => {
    expect(urls(`<base href="${href}"><base href=/no/><a href=x>`)).toEqual(['https://example.org/dir/x'])
  })
  test('are nofollow only if all references to the URL are', () => {
    const { links } = parse(
      '<a href=1 rel="external NoFollow"><a href=2 rel=nofollow><a href=2#x><a href=3><a href=3 rel=nofollow><a href=4 rel=nofollowing>',
    )
    expect(links.map(({ nofollow }) => nofollow)).toEqual([true, false, false, false])
  })
  test('are all nofollow when the page says so', () => {
    const page = parse('<meta name=Robots content="NOINDEX, nofollow"><a href=1><a href=2>')
    expect(page.robots).toMatchObject({ noindex: true, nofollow: true })
    expect(page.links.map(({ nofollow }) => nofollow)).toEqual([true, true])
  })
  test('beyond the limit are counted, each as written once, other schemes not', () => {
    const page = parse('<a href=1><a href=2><a href=3><a href=1><a href=3#x><a href=mailto:x><a href=4><a href=2 rel=nofollow>', {
      maxLinks: 2,
    })
    expect(page.links).toHaveLength(2)
    expect(page.linksDropped).toBe(2)
  })
  test('a million of them against a base of 8 KB cost no gigabytes', () => {
    const html = `<base href="/${'x'.repeat(8_000)}/">${Array.from({ length: 300_000 }, (_, i) => `<a href=${i}>`).join('')}`
    expect(parse(html)).toMatchObject({ links: { length: 2_000 }, linksDropped: 298_000 })
  })
  test('of a page whose own URL is none are the absolute ones', () => {
    expect(urls('<a href=x><a href=http://h/>', { url: 'nonsense' })).toEqual(['http://h/'])
  })
})

describe('headers', () => {
  test('RFC 8288: Link headers come first, against the URL of the page, not its base', () => {
    const page = parse('<base href=/b/><a href=x>', {
      headers: {
        Link: [
          '<n>; rel=next, <p>;rel="x PREV"; title="a, <b>; c"',
          '</c>; rel=canonical;',
          '<s>; rel=stylesheet, <other>; anchor="/e"; rel=next',
        ],
      },
    })
    expect(page.links.map(({ url, kind }) => `${kind} ${url}`)).toEqual([
      'header https://example.org/dir/n',
      'header https://example.org/dir/p',
      'header https://example.org/c',
      'a https://example.org/b/x',
    ])
    expect(page.canonical).toBe('https://example.org/c')
  })
  test('RFC 8288 B.2: what is malformed ends its line', () => {
    const page = parse('', {
      headers: { link: ['<a>; rel=next, b; rel=next, <c>; rel=next', 'nonsense', '<', '<d>;;; rel=next , , <e>;rel=next'] },
    })
    expect(page.links.map(({ url }) => url.at(-1))).toEqual(['a', 'd', 'e'])
  })
  test('X-Robots-Tag for everyone or for us is joined with the meta elements for everyone or for us', () => {
    const robots = (header: string[], html = '') => parse(html, { headers: { 'x-robots-tag': header } }).robots
    expect(robots(['noindex'])).toMatchObject({ noindex: true, nofollow: false })
    expect(robots(['warren: nofollow'], '<meta name=warren content=noindex>')).toMatchObject({ noindex: true, nofollow: true })
    expect(robots(['otherbot: none'], '<meta name=otherbot content=none>')).toMatchObject({ noindex: false, nofollow: false })
  })
  test('Refresh is as good as its meta element', () => {
    expect(parse('', { headers: { refresh: '0;url=/r' } })).toMatchObject({
      refresh: 'https://example.org/r',
      links: [{ kind: 'refresh' }],
    })
  })
})

describe('refresh (HTML Standard, shared declarative refresh steps)', () => {
  test.each([
    ['0; url=r', 'r'],
    ['0;URL = "r" x', 'r'],
    ["5,'r'x", 'r'],
    ['5 r', 'r'],
    [' 1.5;;url=r', ';url=r'],
    ['.5;url=r', 'r'],
    ['1;url="r', 'r'],
    ['1;urlx', 'urlx'],
    ['1', null],
    ['1;', null],
    ['1;url=', null],
    ['x;url=r', null],
    ['-1;url=r', null],
    ['1x;url=r', null],
    ['', null],
  ])('%j', (content, target) => {
    expect(parse(`<meta http-equiv=refresh content="${content.replaceAll('"', '&quot;')}">`).refresh).toBe(
      target === null ? null : new URL(target, 'https://example.org/dir/page').href,
    )
  })
  test('the first valid one counts', () => {
    const meta = (content: string) => `<meta http-equiv=refresh content="${content}">`
    expect(parse(meta('x;url=0') + meta('1;url=1') + meta('0;url=2'))).toMatchObject({
      refresh: 'https://example.org/dir/1',
      links: { length: 1 },
    })
    expect(parse(meta('1') + meta('0;url=2'))).toMatchObject({ refresh: null, links: [] })
  })
})

describe('title, lang, canonical', () => {
  test('title: the first one, white space collapsed, references decoded', () => {
    expect(parse('<title>\n a &amp; &eacute;\t b\f</title><title>no</title>').title).toBe('a & é b')
    expect(parse('<svg><title>no</title></svg><title>yes</title>').title).toBe('yes')
    expect(parse('<title> </title><title>no</title>').title).toBeNull()
    expect(parse('').title).toBeNull()
  })
  test('title: cut to 1 000 characters, never within a character', () => {
    expect(parse(`<title>${'x'.repeat(999)}😀</title>`).title).toBe('x'.repeat(999))
    expect(parse(`<title>${'y'.repeat(5_000)}</title>`).title).toHaveLength(1_000)
  })
  test('lang of the html element', () => {
    expect(parse('<html lang=" de-AT ">').lang).toBe('de-AT')
    expect(parse('<html xml:lang=fr>').lang).toBe('fr')
    expect(parse('<html lang=""><p lang=en>').lang).toBeNull()
  })
  test('canonical: the first link element that can be one, resolved; before the header', () => {
    const page = parse('<link rel="x canonical" href="/c?b=1#f"><link rel=canonical href=/no>', {
      headers: { link: '</h>; rel=canonical' },
    })
    expect(page.canonical).toBe('https://example.org/c?b=1')
    expect(parse('<link rel=canonical href=mailto:x>').canonical).toBeNull()
  })
})

describe('encoding (HTML Standard 13.2.3.2)', () => {
  const page = (text: string, encoding: 'latin1' | 'utf16le' | 'utf8') => new Uint8Array(Buffer.from(text, encoding))
  test.each([
    ['byte order mark before header', page('\ufeff<title>é</title>', 'utf8'), 'text/html; charset=iso-8859-1', 'UTF-8'],
    ['UTF-16 by its mark', page('\ufeff<title>é</title>', 'utf16le'), null, 'UTF-16LE'],
    ['header before meta', page('<meta charset=utf-8><title>é</title>', 'latin1'), 'text/html;charset=latin1', 'windows-1252'],
    ['meta', page('<meta charset=utf-8><title>é</title>', 'utf8'), 'text/html', 'UTF-8'],
    [
      'meta http-equiv',
      page('<meta http-equiv=content-type content="text/html; charset=utf-8"><title>é</title>', 'utf8'),
      'text/html',
      'UTF-8',
    ],
    ['nothing', page('<title>é</title>', 'latin1'), 'text/html', 'windows-1252'],
  ])('%s', (_name, body, contentType, encoding) => {
    expect(parse(body, { contentType })).toMatchObject({ encoding, title: 'é' })
  })
  test('windows-1252 is not latin1', () => {
    const body = Uint8Array.from([...bytes('<title>'), 0x80, 0x93, ...bytes('</title>')])
    expect(parse(body, { contentType: 'text/html; charset=iso-8859-1' }).title).toBe('€“')
  })
  test.each(
    'gbk gb18030 big5 euc-jp iso-2022-jp shift_jis euc-kr koi8-r koi8-u ibm866 macintosh x-mac-cyrillic iso-8859-2 iso-8859-8-i iso-8859-16 windows-874 utf-16be x-user-defined replacement iso-2022-kr'.split(
      ' ',
    ),
  )('%s never throws, with any bytes', (charset) => {
    const body = Uint8Array.from({ length: 4_096 }, (_, i) => (i * 7 + (i >> 3)) & 255)
    expect(parse(body, { contentType: `text/html; charset=${charset}` }).encoding).toBeTypeOf('string')
  })
  test('Shift_JIS', () => {
    const body = Uint8Array.from([...bytes('<title>'), 0x93, 0xfa, 0x96, 0x7b, ...bytes('</title>')])
    expect(parse(body, { contentType: 'text/html; charset=sjis' })).toMatchObject({ encoding: 'Shift_JIS', title: '日本' })
  })
})

describe('limits', { timeout: 30_000 }, () => {
  test('100 000 nested elements are an ordinary page for the scanner', () => {
    expect(parse(`${'<div>'.repeat(100_000)}<a href=x>`)).toMatchObject({ reader: 'scan', doubt: null, links: { length: 1 } })
  })
  test('100 000 nested elements that need a document get one', () => {
    expect(parse(`<select><input>${'<div>'.repeat(100_000)}<a href=x>`)).toMatchObject({ reader: 'document', links: { length: 1 } })
  })
  test('a document that would grow with the square of its page is not built: the best guess stands', () => {
    const fonts = Array.from({ length: 5_000 }, (_, i) => `<p><font id=${i}>`).join('')
    expect(parse(`<title>t</title><select><input>${fonts}<a href=x>`)).toMatchObject({
      reader: 'scan',
      doubt: 'too-large',
      title: 't',
      links: [{ url: 'https://example.org/dir/x' }],
    })
  })
})
