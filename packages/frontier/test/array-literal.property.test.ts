/*
 * Mutants that these tests kill:
 * - array-literal.ts: quotes and backslashes are written as they are
 *     `return SPECIAL.test(text)` => `return SPECIAL.test('')`
 * - array-literal.ts: only the first is escaped
 *     `const EACH_SPECIAL = /["\\]/g` => `const EACH_SPECIAL = /["\\]/`
 * - array-literal.ts: null is text
 *     `  if (text === null) return 'NULL'` => `  if (text === null) return '"NULL"'`
 * - array-literal.ts: null is left out
 *     `value ?? 'NULL'` => `value`
 */
import fc from 'fast-check'
import pg from 'pg'
import { expect, test } from 'vitest'
import { numberArray, textArray } from '../src/array-literal.ts'

/** How the driver reads a column of that type. */
const reader = (oid: number): ((literal: string) => unknown) => pg.types.getTypeParser(oid as Parameters<typeof pg.types.getTypeParser>[0])
const textsIn = reader(1009)
const numbersIn = reader(1007)

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', ',', ' ', 'N', 'U', 'L') }),
  fc.constantFrom('NULL', 'null', ''),
)

test('Array literals: the driver reads what was written', () =>
  fc.assert(
    fc.property(fc.array(fc.option(text)), fc.array(fc.option(fc.integer())), (texts, numbers) => {
      expect(textsIn(textArray(texts))).toEqual(texts)
      expect(numbersIn(numberArray(numbers))).toEqual(numbers)
    }),
  ))
