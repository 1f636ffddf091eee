/*
 * Mutants that these tests kill:
 * - canonical-url.ts: escapes are decoded beside a bare percent sign
 *     `const decode = !BARE_PERCENT.test(url)` => `const decode = true`
 * - canonical-url.ts: a host whose final dots were cut is not parsed again
 *     `canonicalize(scheme + bare + rest)` => `((scheme + bare + rest) as CanonicalUrl)`
 * - canonical-url.ts: credentials stay
 *     `if (hostStart !== authority) url =` => `if (hostStart < authority) url =`
 * - canonical-url.ts: hex stays in lower case
 *     `: triplet.toUpperCase()` => `: triplet`
 * - canonical-url.ts: an escape is decoded whatever it is
 *     `return decode && isUnreserved(code) ?` => `return decode ?`
 * - canonical-url.ts: the fragment stays
 *     `if (hash !== -1) url = url.slice(0, hash)` => ``
 * - canonical-url.ts: the fragment is cut before the parse
 *     `const parsed = URL.parse(href, base)` => `const parsed = URL.parse(href.split('#')[0] ?? '', base)`
 * - fingerprint.ts: the last origin is remembered without its slash
 *     `url.slice(0, url.indexOf('/', 8) + 1)` => `url.slice(0, url.indexOf('/', 8))`
 * - fingerprint.ts: the last origin is never replaced
 *     `if (!url.startsWith(lastOrigin)) {` => `if (lastOrigin === ' ') {`
 * - host-key.ts: an IPv6 host is searched for its port from its start
 *     `origin[hostStart] === '[' ? origin.indexOf(']') : hostStart` => `hostStart`
 */
import { createHash } from 'node:crypto'
import { type CanonicalUrl, canonicalize, fingerprint, hostKeyOf, MAX_URL_CHARS, robotsUrlOf } from '@warren/web'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const piece = fc.constantFrom(
  ...[
    'http://',
    'https://',
    '//',
    '/',
    '\\',
    '@',
    ':',
    ':80',
    ':443',
    '.',
    '..',
    '%2e',
    '%2E',
    '%',
    '%%',
    '3',
    '4',
    '%34',
    '%41',
    '%7e',
    '%2f',
    '%00',
  ],
  ...[
    '?',
    '#',
    '[',
    ']',
    '[::1]',
    '::',
    '0x7f',
    '1',
    '127.0.0.1',
    'a',
    'example.org',
    'xn--',
    '\u00e9',
    '\u3002',
    '\ud800',
    ' ',
    '\t',
    ';',
    '&',
    '=',
    '*',
    "'",
  ],
)
const soup = fc.array(piece, { maxLength: 14 }).map((parts) => parts.join(''))
const host = fc.oneof(
  fc.constantFrom(
    'a',
    'a.b',
    'example.org',
    'example.org.',
    'a..',
    '1.2.3.4',
    '0x7f.1..',
    '[::1]',
    '[2001:db8::80]',
    'b\u00fccher.example',
  ),
  fc.domain(),
)
const port = fc.constantFrom('', ':80', ':443', ':8080')
const tail = fc.oneof(soup, fc.webPath())
const webUrl = fc
  .tuple(fc.constantFrom('http://', 'https://', 'HTTPS://u:p@'), host, port, tail)
  .map(([scheme, host, port, tail]) => `${scheme}${host}${port}/${tail}`)
const href = fc.oneof(soup, webUrl, fc.string(), fc.webUrl({ withFragments: true, withQueryParameters: true }))

test('canonicalize never throws, whatever the strings', () => {
  fc.assert(
    fc.property(href, fc.option(href, { nil: undefined }), (href, base) => {
      const url = canonicalize(href, base)
      expect(url === undefined || url.length <= MAX_URL_CHARS).toBe(true)
    }),
    { numRuns: 3_000 },
  )
})

test('canonicalize is idempotent', () => {
  fc.assert(
    fc.property(href, (href) => {
      const url = canonicalize(href)
      if (url !== undefined) expect(canonicalize(url)).toBe(url)
    }),
    { numRuns: 5_000 },
  )
})

test('a canonical URL is an http(s) URL without credentials, fragment, final dot, lower-case or needless escapes', () => {
  fc.assert(
    fc.property(href, (href) => {
      const url = canonicalize(href)
      if (url === undefined) return
      const parsed = new URL(url)
      expect(parsed.href).toBe(url)
      expect(parsed.protocol).toMatch(/^https?:$/)
      expect([parsed.username, parsed.password, parsed.hash]).toEqual(['', '', ''])
      expect(url).not.toContain('#')
      expect(parsed.hostname).not.toMatch(/\.$/)
      for (const triplet of url.match(/%[0-9a-f]{2}/gi) ?? []) expect(triplet).toBe(triplet.toUpperCase())
      if (!/%(?![0-9a-f]{2})/i.test(url)) expect(url).not.toMatch(/%(4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9ae]|3\d|2[de]|5f)/i)
    }),
    { numRuns: 3_000 },
  )
})

test('path and query keep their meaning: the same octets behind the escapes', () => {
  const octets = (text: string): string => text.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  const delimiters = (text: string): string => text.replace(/%(?!2f|3f|23|26|3d|25)[0-9a-f]{2}/gi, '').replace(/[^%/?#&=]/g, '')
  fc.assert(
    fc.property(webUrl, (href) => {
      const [parsed, url] = [URL.parse(href), canonicalize(href)]
      if (parsed === null || url === undefined) return
      const [before, after] = [parsed.pathname + parsed.search, new URL(url).pathname + new URL(url).search]
      expect(octets(after)).toBe(octets(before))
      expect(delimiters(after).toUpperCase()).toBe(delimiters(before).toUpperCase())
    }),
    { numRuns: 3_000 },
  )
})

test('a host key names scheme, host and port, as the URL class sees them, and its rules have the same host key', () => {
  fc.assert(
    fc.property(webUrl, (href) => {
      const url = canonicalize(href)
      if (url === undefined) return
      const parsed = new URL(url)
      const port = parsed.port || (parsed.protocol === 'https:' ? '443' : '80')
      expect(hostKeyOf(url)).toBe(`${parsed.protocol}//${parsed.hostname}:${port}`)
      const robotsUrl = robotsUrlOf(hostKeyOf(url))
      expect(robotsUrl).toBe(new URL('/robots.txt', url).href)
      expect(hostKeyOf(robotsUrl)).toBe(hostKeyOf(url))
    }),
    { numRuns: 2_000 },
  )
})

test('a fingerprint is 32 bits of the host key and 96 of the URL, whatever was asked before', () => {
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
  const similar = fc.constantFrom(
    'http://a/',
    'http://a/b',
    'http://ab/',
    'http://a:81/',
    'https://a/',
    'http://a/?b',
    'http://a.b/',
    'https://a:80/',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(similar, webUrl), { minLength: 1, maxLength: 8 }), (hrefs) => {
      const urls = hrefs.map((href) => canonicalize(href)).filter((url): url is CanonicalUrl => url !== undefined)
      for (const url of urls) {
        const print = fingerprint(url)
        expect(print).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
        expect(print.replaceAll('-', '')).toBe(sha256(hostKeyOf(url)).slice(0, 8) + sha256(url).slice(0, 24))
      }
    }),
    { numRuns: 500 },
  )
})
