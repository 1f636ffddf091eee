import { type CanonicalUrl, canonicalize, inScope, type ScopeKind, scopeRoot } from '@warren/web'
import { describe, expect, test } from 'vitest'

const url = (href: string): CanonicalUrl => {
  const canonical = canonicalize(href)
  if (canonical === undefined) throw new Error(`${href} has no canonical form`)
  return canonical
}
const roots = (kind: ScopeKind, ...seeds: string[]) => new Set(seeds.map((seed) => scopeRoot(kind, url(seed))))
const within = (kind: ScopeKind, seed: string, href: string): boolean => inScope(kind, roots(kind, seed), url(href))

describe('scope host', () => {
  test.each([
    ['https://example.org/a', 'https://example.org/b', true],
    ['https://example.org/', 'http://example.org/', true], // default ports dropped: one host
    ['https://example.org/', 'https://example.org:443/', true],
    ['https://example.org/', 'https://example.org:8443/', false],
    ['https://example.org:8443/', 'http://example.org:8443/', true],
    ['https://example.org/', 'https://www.example.org/', false],
    ['https://example.org/', 'https://example.org.evil.example/', false],
    ['http://[::1]/', 'http://[::1]/x', true],
    ['http://[::1]/', 'http://[::1]:81/x', false],
  ])('%s holds %s: %s', (seed, href, expected) => {
    expect(within('host', seed, href)).toBe(expected)
  })
})

describe('scope domain', () => {
  test.each([
    ['https://www.example.org/', 'http://a.b.example.org:8080/', true],
    ['https://www.example.co.uk/', 'https://example.co.uk/', true],
    ['https://a.co.uk/', 'https://b.co.uk/', false], // public suffix
    ['https://a.github.io/', 'https://b.github.io/', false], // private suffix
    ['https://github.io/', 'https://github.io/x', true], // a suffix stands for itself
    ['https://github.io/', 'https://a.github.io/', false],
    ['http://127.0.0.1/', 'http://127.0.0.1:8080/', true],
    ['http://127.0.0.1/', 'http://127.0.0.2/', false],
    ['http://[::1]:81/', 'http://[::1]/', true],
    ['http://[::1]/', 'http://[::2]/', false],
    ['http://intranet/', 'http://intranet:8080/', true],
    ['http://intranet/', 'http://other/', false],
    ['http://a.localhost/', 'http://b.localhost/', false], // an unknown top level is a suffix by the list's default rule
    ['https://xn--bcher-kva.example/', 'https://www.xn--bcher-kva.example/', true],
  ])('%s holds %s: %s', (seed, href, expected) => {
    expect(within('domain', seed, href)).toBe(expected)
  })
})

describe('scope prefix', () => {
  test.each([
    ['https://example.org/docs/', 'https://example.org/docs/a/b?c', true],
    ['https://example.org/docs/index.html?x/y', 'http://example.org/docs/a', true],
    ['https://example.org/docs/', 'https://example.org/docs', false],
    ['https://example.org/docs/', 'https://example.org/docsother/', false],
    ['https://example.org/docs/', 'https://example.org/?/docs/', false],
    ['https://example.org/docs', 'https://example.org/anything', true], // the folder of /docs is /
    ['https://example.org/', 'https://example.org:8443/', false],
    ['https://example.org/', 'https://example.org/', true],
    ['https://example.org//a/', 'https://example.org//a/b', true],
    ['https://example.org//a/', 'https://example.org/a/b', false],
  ])('%s holds %s: %s', (seed, href, expected) => {
    expect(within('prefix', seed, href)).toBe(expected)
  })
})

test('scope any holds everything', () => {
  expect(scopeRoot('any', url('https://example.org/'))).toBe('')
  expect(within('any', 'https://example.org/', 'http://other.example/')).toBe(true)
})

test('several roots: any of them', () => {
  const set = roots('prefix', 'https://a.example/x/', 'https://b.example/')
  expect(['https://a.example/x/y', 'https://b.example/y', 'https://a.example/y'].map((href) => inScope('prefix', set, url(href)))).toEqual([
    true,
    true,
    false,
  ])
})
