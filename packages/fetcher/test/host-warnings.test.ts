import { ManualClock } from '@warren/async'
import { expect, test } from 'vitest'
import { HostWarnings } from '../src/host-warnings.ts'

function scene() {
  const lines: object[] = []
  const clock = new ManualClock()
  const warnings = new HostWarnings({ warn: (fields: object, message: string) => void lines.push({ ...fields, message }) }, clock)
  return { lines, clock, warnings }
}

test('HostWarnings: one line a minute for each host key and kind; the next one tells how many were left out', async () => {
  const { lines, clock, warnings } = scene()
  for (let n = 1; n <= 5; n++) warnings.warn('http://bad.test', 'kind one', { n })
  warnings.warn('http://bad.test', 'kind two', {})
  warnings.warn('http://other.test', 'kind one', {})
  await clock.advance(59_999)
  warnings.warn('http://bad.test', 'kind one', { n: 6 })
  await clock.advance(1)
  warnings.warn('http://bad.test', 'kind one', { n: 7 })
  await clock.advance(60_000)
  warnings.warn('http://bad.test', 'kind one', { n: 8 })
  expect(lines).toEqual([
    { hostKey: 'http://bad.test', n: 1, message: 'kind one' },
    { hostKey: 'http://bad.test', message: 'kind two' },
    { hostKey: 'http://other.test', message: 'kind one' },
    { hostKey: 'http://bad.test', n: 7, leftOut: 5, message: 'kind one' },
    { hostKey: 'http://bad.test', n: 8, message: 'kind one' },
  ])
})

test('HostWarnings: of very many hosts it forgets how much was left out, never who was told', async () => {
  const { lines, clock, warnings } = scene()
  for (let round = 0; round < 2; round++) for (let n = 0; n < 1_500; n++) warnings.warn(`http://${n}.test`, 'kind', {})
  expect(lines).toHaveLength(1_500)
  await clock.advance(60_000)
  lines.length = 0
  warnings.warn('http://0.test', 'kind', {})
  warnings.warn('http://1499.test', 'kind', {})
  expect(lines).toEqual([
    { hostKey: 'http://0.test', message: 'kind' },
    { hostKey: 'http://1499.test', leftOut: 1, message: 'kind' },
  ])
})
