/*
 * docs/urls.md says what the code does.
 *
 * Mutants that these tests kill:
 * - canonical-rules.ts: an empty query keeps its question mark
 *     `query: kept.length === 0 ? undefined : kept.join('&')` => `query: kept.join('&')`
 */
import { readFileSync } from 'node:fs'
import { applyCanonicalRules, CANONICAL_RULES, canonicalize } from '@warren/web'
import { expect, test } from 'vitest'

const text = readFileSync(new URL('../../../docs/urls.md', import.meta.url), 'utf8')
const always = [...text.matchAll(/^\| `(\S[^`|]*)` \| (?:`([^`|]*)`|none) \|$/gm)].map(([, before = '', after]) => ({ before, after }))
const onRequest = [...text.matchAll(/^\| `([a-z-]+)` \| `([^`|]*)` \| `([^`|]*)` \|$/gm)].map(([, rule = '', before = '', after = '']) => ({
  rule: CANONICAL_RULES.find((name) => name === rule),
  before,
  after,
}))

test.each(always)('always: $before is $after', ({ before, after }) => {
  expect(canonicalize(before)).toBe(after)
})

test.each(onRequest)('$rule: $before is $after', ({ rule, before, after }) => {
  const url = canonicalize(before)
  expect(url && rule && applyCanonicalRules(url, new Set([rule]))).toBe(after)
})

test('every rule is told, in the order in which they are taken', () => {
  expect([...new Set(onRequest.map(({ rule }) => rule))]).toEqual([...CANONICAL_RULES])
  expect(always.length).toBeGreaterThan(10)
})
