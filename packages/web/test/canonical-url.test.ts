import { canonicalize, hostKeyOf, MAX_URL_CHARS, robotsUrlOf } from '@warren/web'
import { describe, expect, test } from 'vitest'

const must = (href: string, base?: string) => {
  const url = canonicalize(href, base)
  if (url === undefined) throw new Error(`${href} has no canonical form`)
  return url
}

describe('canonicalize', () => {
  test.each([
    // WHATWG URL Standard, 4.4 URL parsing
    ['HTTP://EXAMPLE.org', 'http://example.org/'],
    ['  https://example.org/a\tb\n ', 'https://example.org/ab'],
    ['https:\\\\example.org\\a', 'https://example.org/a'],
    ['http://example.org:80/', 'http://example.org/'],
    ['https://example.org:443/', 'https://example.org/'],
    ['http://example.org:443/', 'http://example.org:443/'],
    ['http://example.org:/', 'http://example.org/'],
    ['https://example.org/a/./b/../c', 'https://example.org/a/c'],
    ['https://example.org/a/%2E/b/%2e%2E/c', 'https://example.org/a/c'],
    ['https://example.org/%2e%2e%2e', 'https://example.org/...'],
    ['https://example.org//a//', 'https://example.org//a//'],
    ['https://b\u00fccher.example/\u00e9?\u00e9', 'https://xn--bcher-kva.example/%C3%A9?%C3%A9'],
    ['http://0x7f.1/', 'http://127.0.0.1/'],
    ['http://2130706433/', 'http://127.0.0.1/'],
    ['http://[::FFFF:127.0.0.1]/', 'http://[::ffff:7f00:1]/'],
    // only http and https
    ['ftp://example.org/', undefined],
    ['mailto:a@example.org', undefined],
    ['javascript:alert(1)', undefined],
    ['data:text/html,x', undefined],
    ['httpx://example.org/', undefined],
    ['http://', undefined],
    ['', undefined],
    ['/relative', undefined],
    ['http://[::1', undefined],
    ['http://exa mple.org/', undefined],
    ['http://a.5/', undefined],
    // the fragment never reaches the server
    ['https://example.org/a#b', 'https://example.org/a'],
    ['https://example.org/#', 'https://example.org/'],
    ['https://example.org/?a#b?c', 'https://example.org/?a'],
    ['https://example.org/a #b', 'https://example.org/a%20'],
    ['https://example.org/%23', 'https://example.org/%23'],
    // credentials
    ['https://user:pass@example.org/', 'https://example.org/'],
    ['https://user@example.org:8443/@b', 'https://example.org:8443/@b'],
    ['https://:@example.org/', 'https://example.org/'],
    ['https://a@b@example.org/', 'https://example.org/'],
    ['https://example.org/@a', 'https://example.org/@a'],
    // the dots that end a host
    ['https://example.org./', 'https://example.org/'],
    ['https://example.org.:8443/a.', 'https://example.org:8443/a.'],
    ['https://user@example.org../', 'https://example.org/'],
    ['http://1.2.3.4./', 'http://1.2.3.4/'],
    ['http://0x7f.1../', 'http://127.0.0.1/'],
    ['http://./', undefined],
    ['http://.:80/', undefined],
    // RFC 3986 6.2.2.1: hex in upper case; 6.2.2.2: unreserved characters are never escaped
    ['https://example.org/%7euser', 'https://example.org/~user'],
    ['https://example.org/%41%2d%5f?%61=%2f', 'https://example.org/A-_?a=%2F'],
    ['https://example.org/a%2fb', 'https://example.org/a%2Fb'],
    ['https://example.org/%2561', 'https://example.org/%2561'],
    ['https://example.org/%%34%31', 'https://example.org/%%34%31'],
    ['https://example.org/100%?%3a', 'https://example.org/100%?%3A'],
    // RFC 3986 6.2.3: "Normalization should not remove delimiters when their associated component is empty"
    ['https://example.org/?', 'https://example.org/?'],
    ['https://example.org?', 'https://example.org/?'],
    // what may have a meaning stays
    ['https://example.org/index.html?b=1&a=2&utm_source=x', 'https://example.org/index.html?b=1&a=2&utm_source=x'],
    ['https://example.org/A+b;c=d', 'https://example.org/A+b;c=d'],
  ])('%s -> %s', (href, expected) => {
    expect(canonicalize(href)).toBe(expected)
  })

  test('a base resolves what is relative, and is not needed for what is not', () => {
    const base = 'https://example.org/a/b?c#d'
    expect(canonicalize('x', base)).toBe('https://example.org/a/x')
    expect(canonicalize('?x', base)).toBe('https://example.org/a/b?x')
    expect(canonicalize('', base)).toBe('https://example.org/a/b?c')
    expect(canonicalize('#x', base)).toBe('https://example.org/a/b?c')
    expect(canonicalize('//other.example', base)).toBe('https://other.example/')
    expect(canonicalize('x', 'no base')).toBeUndefined()
  })

  test('is never longer than 8 192 characters, before and after', () => {
    const room = MAX_URL_CHARS - 'https://h/'.length
    expect(canonicalize(`https://h/${'a'.repeat(room)}`)).toHaveLength(MAX_URL_CHARS)
    expect(canonicalize(`https://h/${'a'.repeat(room + 1)}`)).toBeUndefined()
    expect(canonicalize(`https://h/${'\u00e9'.repeat(2_000)}`)).toBeUndefined()
    expect(canonicalize('a'.repeat(100), `https://h/${'b'.repeat(8_150)}/`)).toBeUndefined()
  })

  test('keeps nothing of what it was cut from', () => {
    expect(canonicalize(' https://example.org/x#y ')).toBe('https://example.org/x')
  })
})

describe('host key', () => {
  test.each([
    ['https://example.org/a:b', 'https://example.org:443', 'https://example.org/robots.txt'],
    ['http://example.org/?x', 'http://example.org:80', 'http://example.org/robots.txt'],
    ['http://example.org:443/', 'http://example.org:443', 'http://example.org:443/robots.txt'],
    ['https://example.org:80/', 'https://example.org:80', 'https://example.org:80/robots.txt'],
    ['http://example.org:8080/', 'http://example.org:8080', 'http://example.org:8080/robots.txt'],
    ['http://[::1]/', 'http://[::1]:80', 'http://[::1]/robots.txt'],
    ['https://[2001:db8::80]:8443/', 'https://[2001:db8::80]:8443', 'https://[2001:db8::80]:8443/robots.txt'],
    ['http://[::80]/', 'http://[::80]:80', 'http://[::80]/robots.txt'],
  ])('of %s is %s, its rules are at %s (RFC 9309 2.3)', (href, hostKey, robotsUrl) => {
    expect(hostKeyOf(must(href))).toBe(hostKey)
    expect(robotsUrlOf(hostKeyOf(must(href)))).toBe(robotsUrl)
  })
})
