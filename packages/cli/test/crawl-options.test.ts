import { Command, CommanderError } from 'commander'
import { expect, test } from 'vitest'
import { applyOptions, baseConfig, type CrawlOptions, refuseChangedScope, withCrawlOptions } from '../src/crawl-options.ts'

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
