/*
 * Mutants that these tests kill:
 * - printable.ts: only the first of them
 *     `\u2066-\u2069]/g` => `\u2066-\u2069]/`
 */
import { expect, test } from 'vitest'
import { printable } from '../src/printable.ts'

test('what others wrote cannot steer a terminal', () => {
  expect(printable('Disallow: /\u001b[2J\u001b]0;owned\u0007')).toBe('Disallow: /\\u001b[2J\\u001b]0;owned\\u0007')
  expect(printable('a\r\nb\tc\u0085d\u202eevil\u2069')).toBe('a\\u000d\\u000ab\\u0009c\\u0085d\\u202eevil\\u2069')
})
test('everything else is as it was', () => {
  const text = 'Ünïcode 兎 🐇 \u00a0 "quoted" \\ back'
  expect(printable(text)).toBe(text)
})
