import { Command, CommanderError } from 'commander'
import { expect, test } from 'vitest'
import {
  applyOptions,
  baseConfig,
  type ClusterOptions,
  type CrawlOptions,
  refuseChangedScope,
  withClusterOptions,
  withCrawlOptions,
} from '../src/crawl-options.ts'

function parse(...argv: string[]): CrawlOptions {
  const command = withCrawlOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
  return command.parse(argv, { from: 'user' }).opts()
}
const configOf = (...argv: string[]) => applyOptions(baseConfig('1.2.3'), parse(...argv))

test('without options the defaults stand, and no public address may be dialled', () => {
  expect(configOf()).toEqual(baseConfig('1.2.3'))
  expect(configOf().fetch).toMatchObject({ userAgent: 'Warren/1.2.3', contact: null })
})
test('a contact is in the User-Agent, with an own product name too', () => {
  expect(configOf('--contact', 'you@example.org').fetch.userAgent).toBe('Warren/1.2.3 (+you@example.org)')
  expect(configOf('--contact', 'https://example.org/bot', '--user-agent', 'Mine/2').fetch.userAgent).toBe(
    'Mine/2 (+https://example.org/bot)',
  )
})
test('an explicit depth goes level by level, unless told otherwise', () => {
  expect(configOf('--max-depth', '3')).toMatchObject({ maxDepth: 3, depthByLevel: true })
  expect(configOf('--max-depth', '3', '--depth-order', 'loose')).toMatchObject({ depthByLevel: false })
  expect(configOf().depthByLevel).toBe(false)
})
test.each([
  ['--delay', '5'],
  ['--max-pages', '0'],
  ['--max-pages', 'ten'],
  ['--scope', 'planet'],
  ['--include', '('],
  ['--exclude', '(?=look)'],
  ['--allow-address', '10.0.0.0/40'],
  ['--resolve', 'host'],
  ['--resolve', 'host:not-an-ip'],
  ['--contact', 'nobody'],
  ['--contact', 'a@b.c\r\nX: y'],
  ['--host-concurrency', '0'],
])('%s %j is refused', (option, value) => {
  expect(() => parse(option, value)).toThrow(CommanderError)
})
test('addresses for names are collected, IPv6 in brackets or not', () => {
  expect(parse('--resolve', 'A.example:127.0.0.2', '--resolve', 'b.example:[::1]', '--resolve', 'c.example:::1').resolve).toEqual({
    'a.example': '127.0.0.2',
    'b.example': '::1',
    'c.example': '::1',
  })
})
test('a changed scope or filter is refused with both values; the same or none is not', () => {
  const held = configOf('--scope', 'domain', '--include', 'docs')
  expect(() => refuseChangedScope(held, parse(), 'DIR')).not.toThrow()
  expect(() => refuseChangedScope(held, parse('--scope', 'domain', '--include', 'docs'), 'DIR')).not.toThrow()
  expect(() => refuseChangedScope(held, parse('--scope', 'host'), 'DIR')).toThrow(/--scope: it has "domain", you asked for "host"/)
  expect(() => refuseChangedScope(held, parse('--include', 'blog'), 'DIR')).toThrow(
    /--include: it has \["docs"\], you asked for \["blog"\]/,
  )
})

test('limits by host, priorities, passes', () => {
  expect(configOf('--max-pages-per-host', '10', '--max-bytes-per-host', '5MB', '--max-time-per-host', '2h')).toMatchObject({
    maxPagesPerHost: 10,
    maxBytesPerHost: 5_000_000,
    maxTimePerHostMs: 7_200_000,
  })
  expect(configOf('--priority', '/news/=10', '--priority', '[?]a=b=-5').priorities).toEqual([
    { match: '/news/', priority: 10 },
    { match: '[?]a=b', priority: -5 },
  ])
  expect(configOf('--recrawl-every', '1h..7d', '--keep-passes', '3')).toMatchObject({
    recrawl: { firstIntervalMs: 86_400_000, minIntervalMs: 3_600_000, maxIntervalMs: 604_800_000, schedule: null },
    keepPasses: 3,
  })
  expect(configOf('--recrawl-every', '2h').recrawl).toMatchObject({
    firstIntervalMs: 7_200_000,
    minIntervalMs: 7_200_000,
    maxIntervalMs: 7_200_000,
  })
})

test('a delay brings the limits by address along, unless they are given', () => {
  const limits = (...argv: string[]) => {
    const { addressSlots, addressSpacingMs } = configOf(...argv)
    return [addressSlots, addressSpacingMs]
  }
  expect(limits()).toEqual([4, 250])
  expect(limits('--delay', '0')).toEqual([0, 250])
  expect(limits('--delay', '0', '--address-slots', '2')).toEqual([2, 250])
  expect(limits('--delay', '0', '--address-spacing', '1s')).toEqual([4, 1_000])
  expect(limits('--delay', '100ms')).toEqual([4, 100])
  expect(limits('--delay', '5s')).toEqual([4, 250])
  expect(limits('--delay', '100ms', '--address-spacing', '50ms')).toEqual([4, 50])
  const fast = configOf('--delay', '0')
  expect(applyOptions(fast, parse('--delay', '1s'))).toMatchObject({ addressSlots: 4, addressSpacingMs: 250 })
  expect(applyOptions(fast, parse('--max-pages', '7'))).toMatchObject({ delayMs: 0, addressSlots: 0 })
})

test('in a cluster: weight, retention, the priority of seeds', () => {
  const cluster = (...argv: string[]): ClusterOptions =>
    withClusterOptions(withCrawlOptions(new Command()))
      .exitOverride()
      .configureOutput({ writeErr: () => {} })
      .parse(argv, { from: 'user' })
      .opts()
  expect(applyOptions(baseConfig('1'), cluster('--weight', '2.5', '--retention', '30d'))).toMatchObject({
    weight: 2.5,
    retentionMs: 2_592_000_000,
  })
  expect(applyOptions({ ...baseConfig('1'), retentionMs: 5 }, cluster('--retention', 'never')).retentionMs).toBeNull()
  expect(cluster('--seed-priority', '-7').seedPriority).toBe(-7)
  for (const [option, value] of [
    ['--weight', '0'],
    ['--weight', '101'],
    ['--weight', 'heavy'],
    ['--retention', '0'],
    ['--retention', 'always'],
    ['--seed-priority', '101'],
    ['--seed-priority', '1.5'],
  ] as const)
    expect(() => cluster(option, value)).toThrow(CommanderError)
})

test.each([
  ['--max-pages-per-host', '0'],
  ['--max-bytes-per-host', 'much'],
  ['--max-time-per-host', '0'],
  ['--max-time', '0'],
  ['--priority', '/news/'],
  ['--priority', '=5'],
  ['--priority', '/news/=high'],
  ['--priority', '/news/=101'],
  ['--priority', '(=5'],
  ['--address-slots', '-1'],
  ['--address-spacing', '5'],
  ['--recrawl-every', '1h..'],
  ['--recrawl-every', '2d..1h'],
  ['--recrawl-every', '1h..2h..3h'],
  ['--recrawl-every', '0..1h'],
  ['--keep-passes', '0'],
])('%s %j is refused too', (option, value) => {
  expect(() => parse(option, value)).toThrow(CommanderError)
})
