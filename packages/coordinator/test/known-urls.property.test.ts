/*
 * Mutants that these tests kill:
 * - known-urls.ts: `has` is true for any entry, whatever its depth
 *     `return (this.#entries[at + DEPTH] as number) <= depth + 1` => `return true`
 * - known-urls.ts: `add` overwrites a smaller depth by a larger one
 *     `if (found < 0 || depth + 1 < known)` => `if (depth >= 0)`
 * - known-urls.ts: the depth of the entry that gave way stays
 *     `if (found < 0 || depth + 1 < known)` => `if (known === 0 || depth + 1 < known)`
 * - known-urls.ts: crawls are not told apart
 *     `entries[at + CRAWL] === crawlId && ` => ``
 * - known-urls.ts: the last word of a fingerprint alone counts
 *     ` && this.#isAt(at)` => ``
 * - known-urls.ts: the first word of a fingerprint does not count
 *     `for (let i = 0; i < 4; i++) if` => `for (let i = 1; i < 4; i++) if`
 * - known-urls.ts: letters of a fingerprint are read as digits
 *     `code - LETTER_A + 10` => `code - LETTER_A`
 * - known-urls.ts: a full group takes no more
 *     `return ~oldest` => `return oldest`
 * - known-urls.ts: the youngest gives way
 *     `if (age <= oldestAge) continue` => `if (oldestAge >= 0 && age >= oldestAge) continue`
 * - known-urls.ts: a look does not keep an entry young
 *     `if (at < 0) return false` => `if (at >= 0) return (this.#entries[at + DEPTH] as number) <= depth + 1; else return false`
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KnownUrls } from '../src/known-urls.ts'

/** Fingerprints that differ in one digit of one word. */
const word = fc.constantFrom('00000000', 'a0000000')
const print = fc
  .tuple(word, word, word, word)
  .map(([a, b, c, d]) => `${a}-${b.slice(0, 4)}-${b.slice(4)}-${c.slice(0, 4)}-${c.slice(4)}${d}`)
const step = fc.record({ add: fc.boolean(), crawl: fc.integer({ min: 1, max: 2 }), print, depth: fc.integer({ min: 0, max: 4 }) })

test('KnownUrls never claims what it was not told, at the depth it was told', () =>
  fc.assert(
    fc.property(fc.array(step, { minLength: 60, maxLength: 200 }), fc.integer({ min: 1, max: 100 }), (steps, capacity) => {
      const known = new KnownUrls(capacity)
      const told = new Map<string, number>()
      for (const { add, crawl, print, depth } of steps) {
        const key = `${crawl}/${print}`
        if (add) {
          known.add(crawl, print, depth)
          told.set(key, Math.min(depth, told.get(key) ?? Number.POSITIVE_INFINITY))
        } else if (known.has(crawl, print, depth)) expect(told.get(key)).toBeLessThanOrEqual(depth)
        expect(known.size).toBeLessThanOrEqual(capacity)
      }
    }),
  ))

test('KnownUrls forgets what was used longest ago, when it has no place for another', () =>
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 200 }), fc.integer({ min: 1, max: 8 }), (steps, capacity) => {
      const known = new KnownUrls(capacity)
      const model = new Map<string, number>() // the least recently used first
      for (const { add, crawl, print, depth } of steps) {
        const key = `${crawl}/${print}`
        const held = model.get(key)
        expect(known.has(crawl, print, depth)).toBe(held !== undefined && held <= depth)
        if (add) known.add(crawl, print, depth)
        if (!add && held === undefined) continue
        model.delete(key)
        model.set(key, add ? Math.min(depth, held ?? depth) : (held as number))
        if (model.size > capacity) model.delete(model.keys().next().value as string)
        expect(known.size).toBe(model.size)
      }
    }),
  ))
