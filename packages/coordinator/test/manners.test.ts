/*
 * Mutants that these tests kill:
 * - manners.ts: a delay of the default is told
 *     `delayMs < DELAY_MS` => `delayMs <= DELAY_MS`
 * - manners.ts: an address limit that is off is told as one that is wide
 *     `addressSlots > 0 && addressSpacingMs` => `addressSpacingMs`
 */
import { impoliteness } from '@warren/coordinator'
import { type CrawlConfig, defaultCrawlConfig } from '@warren/protocol'
import { expect, test } from 'vitest'

const told = (config: Partial<CrawlConfig>) => impoliteness({ ...defaultCrawlConfig('Test/1'), ...config })
const giveUp = (ms: number) => ({ unreachable: { tries: 3, ms: 1_000 }, refusing: { tries: 3, ms } })

test('the defaults are polite, and so is whatever is slower', () => {
  expect(told({})).toEqual([])
  expect(told({ delayMs: 60_000, addressSlots: 1, addressSpacingMs: 5_000, giveUp: giveUp(1) })).toEqual([])
})

test.each<[Partial<CrawlConfig>, string]>([
  [{ delayMs: 0 }, 'delay 0: requests to a host follow each other without a pause'],
  [{ delayMs: 999 }, 'delay 0.999 s: a host is asked up to 1 times a second'],
  [{ delayMs: 150 }, 'delay 0.15 s: a host is asked up to 6.7 times a second'],
  [{ hostConcurrency: 2 }, 'host concurrency 2: a host has up to so many requests in flight'],
  [{ addressSlots: 0, addressSpacingMs: 0 }, 'address slots 0: hosts that share an address are asked as if each had a server of its own'],
  [{ addressSlots: 5 }, 'address slots 5: so many hosts of one address are visited at once'],
  [{ addressSpacingMs: 0 }, 'address spacing 0: hosts of one address are asked as fast as each of them allows'],
  [{ addressSpacingMs: 100 }, 'address spacing 0.1 s: an address is asked up to 10 times a second'],
  [{ giveUp: giveUp(30 * 86_400_000) }, 'give-up 30d: a host without an answer is asked again for so long'],
])('%j is one line', (config, line) => {
  expect(told(config)).toEqual([line])
})

test('each deviation has a line of its own', () => {
  expect(told({ delayMs: 0, hostConcurrency: 8, addressSlots: 0 }).map((line) => line.split(':')[0])).toEqual([
    'delay 0',
    'host concurrency 8',
    'address slots 0',
  ])
})
