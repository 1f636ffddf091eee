/*
 * Mutants that these tests kill:
 * - schedule.ts: the zone is left out
 *     `{ timezone: timeZone, mode: '5-part', paused: true }` => `{ mode: '5-part', paused: true }`
 * - schedule.ts: seconds are taken for minutes
 *     `mode: '5-part', ` => ``
 * - schedule.ts: a pass is started for a crawl that still runs
 *     `isOurs && nextAt !== null && ended` => `isOurs && nextAt !== null`
 * - schedule.ts: everybody starts it
 *     `isOurs && nextAt !== null && ended` => `nextAt !== null && ended`
 * - schedule.ts: the first look starts one
 *     `isOurs && nextAt !== null && ended` => `isOurs && ended`
 */
import type { DuePass } from '@warren/frontier'
import { expect, test } from 'vitest'
import { nextPassAt, type Passes, startDuePasses } from '../src/schedule.ts'

const at = (cron: string, timeZone: string, after: string) => nextPassAt({ cron, timeZone }, new Date(after))?.toISOString()

test.each([
  [
    'four in the morning is of the zone, not of this machine',
    '0 4 * * *',
    'Europe/Berlin',
    '2026-11-27T00:00:00Z',
    '2026-11-27T03:00:00.000Z',
  ],
  ['and moves with summer time', '0 4 * * *', 'Europe/Berlin', '2026-07-01T00:00:00Z', '2026-07-01T02:00:00.000Z'],
  ['a time that spring leaves out', '30 2 * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z', '2026-03-29T01:00:00.000Z'],
  ['a time that autumn repeats comes once', '30 2 25 10 *', 'Europe/Berlin', '2026-10-25T00:30:00Z', '2027-10-25T00:30:00.000Z'],
  ['names and steps', '*/20 * * * mon', 'UTC', '2026-11-27T00:00:00Z', '2026-11-30T00:00:00.000Z'],
  ['strictly after', '0 4 * * *', 'UTC', '2026-11-27T04:00:00Z', '2026-11-28T04:00:00.000Z'],
])('schedule: %s', (_name, cron, timeZone, after, next) => {
  expect(at(cron, timeZone, after)).toBe(next)
})

test('schedule: no such day is no time', () => {
  expect(at('0 0 30 2 *', 'UTC', '2026-11-27T00:00:00Z')).toBeUndefined()
})

test.each([
  ['0 4 * *', 'UTC', /"0 4 \* \*" in "UTC"/],
  ['0 0 4 * * *', 'UTC', /"0 0 4 \* \* \*"/],
  ['61 4 * * *', 'UTC', /"61 4/],
  ['0 4 * * *', 'Mars/Olympus', /"Mars\/Olympus"/],
])('schedule: %s in %s is refused by name', (cron, timeZone, message) => {
  expect(() => nextPassAt({ cron, timeZone }, new Date(0))).toThrow(message)
})

test('passes: begun when due, by one coordinator, of a crawl that has ended; a first look only finds the time', async () => {
  const now = new Date('2026-11-27T04:00:01Z')
  const due: DuePass = { crawlId: 1, name: 'one', schedule: { cron: '0 4 * * *', timeZone: 'UTC' }, now, nextAt: now, ended: true }
  const started: number[] = []
  const moved: [number, Date][] = []
  const frontier: Passes = {
    scheduledPasses: async () => [due, { ...due, crawlId: 2, ended: false }, { ...due, crawlId: 3, nextAt: null }, { ...due, crawlId: 4 }],
    setNextPass: async (crawlId: number, _before: Date | null, next: Date) => {
      moved.push([crawlId, next])
      return crawlId !== 4
    },
    startPass: async (crawlId: number) => started.push(crawlId),
  }
  expect(await startDuePasses(frontier)).toEqual([{ name: 'one', pass: 1 }])
  expect(started).toEqual([1])
  expect(moved).toEqual([1, 2, 3, 4].map((id) => [id, new Date('2026-11-28T04:00:00Z')]))
})
