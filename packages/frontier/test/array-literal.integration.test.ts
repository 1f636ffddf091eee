import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { numberArray, textArray } from '../src/array-literal.ts'
import { storable } from '../src/text.ts'
import { World } from './support.ts'

let world: World
beforeAll(async () => {
  world = await World.create()
})
afterAll(() => world[Symbol.asyncDispose]())

const text = fc.oneof(
  fc.string({ unit: 'binary' }).map(storable),
  fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', ',', ' ', 'N', 'U', 'L') }),
  fc.constantFrom('NULL', 'null', ''),
)

test('Array literals: Postgres reads what was written', async () => {
  const session = await world.session()
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(text)), fc.array(fc.option(fc.integer())), async (texts, numbers) => {
      const { rows } = await session.query('select $1::text[] as texts, $2::int[] as numbers', [textArray(texts), numberArray(numbers)])
      expect(rows).toEqual([{ texts, numbers }])
    }),
    { numRuns: 200 },
  )
})
