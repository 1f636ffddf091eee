/*
 * Mutants that these tests kill:
 * - canonical-rules.ts: the two steps that shorten paths are taken once
 *     `end = file` => `return path.slice(0, file)`
 * - canonical-rules.ts: a session id is cut without a look at what it hid
 *     `return DOT_SEGMENT.test(path) ? (canonicalize(plain) ?? url) : (plain as CanonicalUrl)` => `return plain as CanonicalUrl`
 * - canonical-rules.ts: another port is taken for https
 *     ` && !pieces.host.includes(':', pieces.host.indexOf(']') + 1)` => ``
 * - canonical-rules.ts: the root's slash goes too
 *     `while (noSlash && end > 1 &&` => `while (noSlash && end > 0 &&`
 */
import { applyCanonicalRules, CANONICAL_RULES, canonicalize } from '@warren/web'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const word = fc.constantFrom(
  ...['a', 'b%2Fc', 'index.html', 'Default.aspx', '..;jsessionid=1', '.;jsessionid=2', ';JSESSIONID=3;v=1', '', 'p;jsessionid=4'],
)
const parameter = fc.constantFrom(
  ...['b=2', 'a=1', 'a=0', 'utm_source=x', 'UTM_Medium=', 'gclid', 'PHPSESSID=9', 'sid=1', '', '=', 'sidebar=1'],
)
const url = fc
  .record({
    scheme: fc.constantFrom('http', 'https'),
    host: fc.constantFrom('a.test', 'a.test:8080', 'a.test:443', '[::1]', '[::1]:81'),
    path: fc.array(word, { maxLength: 5 }),
    query: fc.option(fc.array(parameter, { maxLength: 5 })),
  })
  .map(({ scheme, host, path, query }) =>
    canonicalize(`${scheme}://${host}/${path.join('/')}${query === null ? '' : `?${query.join('&')}`}`),
  )
  .filter((url) => url !== undefined)
const rules = fc.subarray([...CANONICAL_RULES]).map((names) => new Set(names))

test('what the rules make is canonical, and they change nothing the second time', () => {
  fc.assert(
    fc.property(url, rules, (url, rules) => {
      const once = applyCanonicalRules(url, rules)
      expect(canonicalize(once)).toBe(once)
      expect(applyCanonicalRules(once, rules)).toBe(once)
    }),
    { numRuns: 3_000 },
  )
})

test('host and port stay, and without rules everything does', () => {
  fc.assert(
    fc.property(url, rules, (url, rules) => {
      expect(applyCanonicalRules(url, new Set())).toBe(url)
      expect(new URL(applyCanonicalRules(url, rules)).host).toBe(new URL(url).host)
    }),
  )
})

test('parameters that no rule names stay, with their values and, name by name, in their order', () => {
  const kept = (text: string) =>
    new URL(text).searchParams
      .entries()
      .filter(([name]) => /^(?:a|b|sidebar)$/.test(name))
      .toArray()
  const byName = (text: string) => kept(text).toSorted(([a], [b]) => a.localeCompare(b))
  fc.assert(
    fc.property(url, rules, (url, rules) => {
      expect(byName(applyCanonicalRules(url, rules))).toEqual(byName(url))
      if (!rules.has('sorted-query')) expect(kept(applyCanonicalRules(url, rules))).toEqual(kept(url))
    }),
  )
})
