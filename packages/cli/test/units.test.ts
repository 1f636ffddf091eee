import { describe, expect, test } from 'vitest'
import { parseBytes, parseCount, parseDuration, parseRate, showBytes, showDuration, showSpan, showWhen } from '../src/units.ts'

describe('parseDuration', () => {
  test.each([
    ['0', 0],
    ['100ms', 100],
    ['1s', 1_000],
    ['1.5h', 5_400_000],
    ['2d', 172_800_000],
  ])('%s is %i ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })
  test.each(['', '5', '-1s', '1 s', '1S', 'NaNms', '1e9s', '400d', 'Infinity'])('%j is refused', (text) => {
    expect(() => parseDuration(text)).toThrow(RangeError)
  })
})
describe('parseBytes and parseRate', () => {
  test.each([
    ['1', 1],
    ['500', 500],
    ['64KB', 64_000],
    ['10MiB', 10_485_760],
    ['1.5 GB', 1_500_000_000],
    ['5mb', 5_000_000],
  ])('%s is %i bytes', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes)
  })
  test.each(['', '0', '-1', '5XB', 'MB', '1e3', '99999999TB'])('%j is refused', (text) => {
    expect(() => parseBytes(text)).toThrow(RangeError)
  })
  test('a rate is bytes with /s', () => {
    expect(parseRate('5MB/s')).toBe(5_000_000)
    expect(() => parseRate('5MB')).toThrow(RangeError)
  })
})
test('parseCount names the bound that was broken', () => {
  expect(parseCount(1)('12')).toBe(12)
  expect(() => parseCount(1)('0')).toThrow('at least 1')
  expect(() => parseCount(1, 256)('257')).toThrow('from 1 to 256')
  for (const text of ['', '1.5', '-1', '1e3', 'ten']) expect(() => parseCount(0)(text)).toThrow(RangeError)
})
test('what is shown is short', () => {
  expect([0, 950, 9_999, 61_000, 3_661_000].map(showDuration)).toEqual(['0.0s', '0.9s', '10.0s', '1m 01s', '1h 01m'])
  expect([0, 999, 1_000, 64_200, 1.3e9].map(showBytes)).toEqual(['0 B', '999 B', '1.0 KB', '64.2 KB', '1.3 GB'])
})
test('spans and times are read at a glance', () => {
  expect([3, 400, 1_000, 89_000, 91_000, 5_400_000, 172_000_000, 86_400_000 * 30].map(showSpan)).toEqual([
    '3 ms',
    '400 ms',
    '1 s',
    '89 s',
    '2 min',
    '2 h',
    '48 h',
    '30 d',
  ])
  const now = new Date('2026-11-27T12:00:00Z')
  const at = (ms: number) => showWhen(new Date(now.getTime() + ms), now)
  expect([4_000, -180_000, 100, -499].map(at)).toEqual(['in 4 s', '3 min ago', 'now', 'now'])
})
