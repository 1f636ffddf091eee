/**
 * Mutants that these properties have been seen to kill:
 *  - `has` answers `true` for any entry, whatever its depth
 *  - `add` overwrites a smaller depth by a larger one
 *  - `has` promotes with the depth that was asked for instead of the one that is known
 *  - the capacity is never looked at
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KnownUrls } from '../src/known-urls.ts'

const step = fc.record({
  add: fc.boolean(),
  crawl: fc.integer({ min: 1, max: 2 }),
  print: fc.integer({ min: 0, max: 5 }).map(String),
  depth: fc.integer({ min: 0, max: 4 }),
})

test('KnownUrls never claims what it was not told, at the depth it was told', () =>
  fc.assert(
    fc.property(fc.array(step, { minLength: 60, maxLength: 200 }), fc.integer({ min: 2, max: 16 }), (steps, capacity) => {
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

test('KnownUrls remembers everything while it has room', () =>
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const known = new KnownUrls(1_000)
      const told = new Map<string, number>()
      for (const { crawl, print, depth } of steps) {
        known.add(crawl, print, depth)
        const key = `${crawl}/${print}`
        told.set(key, Math.min(depth, told.get(key) ?? Number.POSITIVE_INFINITY))
        expect(known.has(crawl, print, told.get(key) ?? 0)).toBe(true)
      }
    }),
  ))
