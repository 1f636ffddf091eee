/*
 * Mutants that these tests kill:
 * - scope.ts: the loop over folders ends before the host itself
 *     `slash !== -1; slash` => `slash > folder.indexOf('/'); slash`
 * - scope.ts: it tries only the URL's own folder
 *     `slash = folder.lastIndexOf('/', slash - 1)` => `slash = -1`
 * - scope.ts: the query is taken for a part of the path
 *     `const path = query === -1 ? url : url.slice(0, query)` => `const path = query === -1 ? url : url`
 * - scope.ts: the root of a prefix keeps the name of the file
 *     `path.lastIndexOf('/') + 1)` => `path.length)`
 */
import { type CanonicalUrl, canonicalize, inScope, scopeRoot } from '@warren/web'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const segment = fc.constantFrom('a', 'b', 'ab', '')
const url = fc
  .tuple(fc.constantFrom('http://h', 'https://h', 'https://h:81'), fc.array(segment, { maxLength: 5 }), fc.constantFrom('', '?a/b/', '?/'))
  .map(([origin, path, query]) => canonicalize(`${origin}/${path.join('/')}${query}`) as CanonicalUrl)

test('a URL is in the scope of a prefix exactly when it starts with it, scheme and query apart', () => {
  const bare = (url: string): string => (url.split('?')[0] ?? '').replace(/^https?:\/\//, '')
  fc.assert(
    fc.property(fc.array(url, { maxLength: 3 }), url, (seeds, url) => {
      const roots = new Set(seeds.map((seed) => scopeRoot('prefix', seed)))
      for (const [i, root] of [...roots].entries()) expect(root.endsWith('/'), String(seeds[i])).toBe(true)
      const expected = seeds.some((seed) => bare(url).startsWith(bare(seed).slice(0, bare(seed).lastIndexOf('/') + 1)))
      expect(inScope('prefix', roots, url)).toBe(expected)
    }),
    { numRuns: 1_000 },
  )
})

test('every seed is in its own scope, of every kind', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        url,
        fc.webUrl().map((href) => canonicalize(href) as CanonicalUrl),
      ),
      (seed) => {
        for (const kind of ['host', 'domain', 'prefix', 'any'] as const)
          expect(inScope(kind, new Set([scopeRoot(kind, seed)]), seed), kind).toBe(true)
      },
    ),
    { numRuns: 200 },
  )
})
