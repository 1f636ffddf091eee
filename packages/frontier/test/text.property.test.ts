// Mutants seen failing: without toWellFormed; replacing only the first U+0000; without the replacer in storableJson.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { storable, storableJson } from '../src/text.ts'

const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit % 97 === 0 ? 0 : unit)) })
const stored = (text: string) => text.isWellFormed() && !text.includes('\0')

test('storable: what comes out has no U+0000 and no lone surrogate, and is otherwise as it was', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(stored(storable(text))).toBe(true)
      expect(storable(text)).toBe(text.toWellFormed().replaceAll('\0', ''))
    }),
  )
})

test('storableJson: holds for every string inside', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ a: anyText, b: fc.option(anyText) })), (value) => {
      const json = storableJson(value)
      expect(json).not.toMatch(/(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i)
      expect(JSON.parse(json)).toEqual(value.map(({ a, b }) => ({ a: storable(a), b: b === null ? null : storable(b) })))
    }),
  )
})
