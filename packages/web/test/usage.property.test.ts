/*
 * Mutants that these tests kill:
 * - usage.ts: what either disallows is allowed when the first allows it
 *     `a[category] === 'n' || b[category] === 'n' ? 'n'` => `a[category] === 'n' ? 'n'`
 * - usage.ts: a string counts like a token
 *     `stated?.get(category)` => `stated?.get(category)?.replaceAll('"', '')`
 * - usage.ts: the canonical text leaves out what is allowed
 *     `preferences[category] === undefined ? []` => `preferences[category] !== 'n' ? []`
 * - usage.ts: the text has no comma
 *     `.join(', ')` => `.join(' ')`
 * - structured-dictionary.ts: the first of equal keys counts
 *     `    members.set(key, member)` => `    if (!members.has(key)) members.set(key, member)`
 * - structured-dictionary.ts: a key alone has the value of the one before
 *     `!given ? '?1'` => `!given ? ([...members.values()].at(-1) ?? '?1')`
 * - structured-dictionary.ts: parameters follow bare keys only
 *     `if (member === undefined || !takeParameters())` => `if (member === undefined || (!given && !takeParameters()))`
 * - structured-dictionary.ts: a parameter has no value
 *     `if (value[at] !== '=') continue` => `if (value[at] !== '~') continue`
 * - structured-dictionary.ts: a trailing comma is no fault
 *     `if (at === value.length) return undefined // a comma` => `if (at === value.length) break // a comma`
 * - structured-dictionary.ts: what cannot be read ends the dictionary
 *     `if (value[at++] !== ',') return undefined` => `if (value[at++] !== ',') break`
 * - structured-dictionary.ts: a decimal is read as an integer
 *     `-?(?:\d{1,12}\.\d{1,3}|\d{1,15})` => `-?(?:\d{1,15})`
 * - structured-dictionary.ts: a string ends at its first quote
 *     `|\\["\\])*"` => `|\\)*"`
 * - structured-dictionary.ts: any octets are a display string
 *     `item?.startsWith('%') && !isDisplayString(item)` => `item?.startsWith('%') && item === ''`
 * - structured-dictionary.ts: items of a list need no space between them
 *     `if (value[at] !== ' ' && value[at] !== ')') return undefined` => ``
 * - robots.ts: of lines that are as specific, the first counts
 *     `found !== undefined && rule.pattern.octets < found.pattern.octets` => `found !== undefined`
 * - robots.ts: every line that matches counts
 *     `if (found !== undefined && rule.pattern.octets < found.pattern.octets) break` => ``
 * - robots.ts: the shortest path counts
 *     `usages.sort((a, b) => b.pattern.octets - a.pattern.octets)` => `usages.sort((a, b) => a.pattern.octets - b.pattern.octets)`
 * - robots.ts: what is disallowed has preferences all the same
 *     `usages.length > 0 && verdictOf(rules, path).allowed ?` => `usages.length > 0 ?`
 * - robots.ts: a line without a path is about the root alone
 *     `matches: () => true` => `matches: ({ bare }) => bare === '/'`
 */
import { combineUsage, parseContentUsage, parseRobots, serializeUsage, type UsageCategory, type UsagePreferences } from '@warren/web'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const CATEGORIES: readonly UsageCategory[] = ['train-ai', 'search', 'ai-use']
const preference = fc.constantFrom<('y' | 'n')[]>('y', 'n')
const preferences: fc.Arbitrary<UsagePreferences> = fc.record(
  { 'train-ai': preference, search: preference, 'ai-use': preference },
  { requiredKeys: [] },
)

test('a canonical text is read as what it was written from', () => {
  fc.assert(
    fc.property(preferences, (preferences) => {
      expect(parseContentUsage(serializeUsage(preferences))).toEqual(preferences)
    }),
  )
})

test('each category is disallowed by any, else allowed by any, else unknown, in any order (vocab-07 5.1)', () => {
  fc.assert(
    fc.property(fc.array(preferences, { maxLength: 4 }), (all) => {
      const expected: Record<string, string> = {}
      for (const category of CATEGORIES) {
        const stated = all.map((one) => one[category])
        if (stated.includes('n')) expected[category] = 'n'
        else if (stated.includes('y')) expected[category] = 'y'
      }
      expect(all.reduce(combineUsage, {})).toEqual(expected)
      expect(all.toReversed().reduce(combineUsage, {})).toEqual(expected)
    }),
  )
})

/** Members of a dictionary by RFC 9651 3, written as RFC 9651 4.1 or less tidily, and the preference that each states. */
const printable = fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code))
const digits = (min: number, max: number) => fc.array(fc.nat(9), { minLength: min, maxLength: max }).map((all) => all.join(''))
const token = fc.constantFrom('n', 'y', 'no', '*', 'a/b:c', "Z!#$%&'+-.^_`|~*")
const bareItem = fc.oneof(
  token,
  fc.tuple(fc.constantFrom('', '-'), digits(1, 15)).map((parts) => parts.join('')),
  fc.tuple(fc.constantFrom('', '-'), digits(1, 12), digits(1, 3)).map(([sign, whole, part]) => `${sign}${whole}.${part}`),
  fc.array(printable, { maxLength: 6 }).map((chars) => JSON.stringify(chars.join(''))),
  fc.constantFrom('"n"', '"y"'),
  fc.uint8Array({ maxLength: 5 }).map((bytes) => `:${Buffer.from(bytes).toString('base64')}:`),
  fc.constantFrom('?0', '?1'),
  fc.tuple(fc.constantFrom('@', '@-'), digits(1, 15)).map((parts) => parts.join('')),
  fc.string({ unit: 'grapheme', maxLength: 4 }).map((text) => {
    const escaped = [...Buffer.from(text)].map((byte) =>
      byte < 0x20 || byte > 0x7e || byte === 0x25 || byte === 0x22 ? `%${byte.toString(16).padStart(2, '0')}` : String.fromCharCode(byte),
    )
    return `%"${escaped.join('')}"`
  }),
)
const key = fc.oneof(fc.constantFrom<string[]>(...CATEGORIES), fc.constantFrom('all', 'x', '*', 'a_b-c.d*1', 'train-genai'))
const parameters = fc
  .array(
    fc.tuple(
      fc.constantFrom(';', '; '),
      key,
      fc.option(
        bareItem.map((item) => `=${item}`),
        { nil: '' },
      ),
    ),
    { maxLength: 2 },
  )
  .map((all) => all.flat().join(''))
const innerList = fc
  .array(
    fc.tuple(bareItem, parameters).map((parts) => parts.join('')),
    { maxLength: 3 },
  )
  .map((items) => `( ${items.join('  ')})`)
const member = fc
  .tuple(key, fc.option(fc.oneof({ weight: 3, arbitrary: token }, bareItem, innerList), { nil: undefined }), parameters)
  .map(([key, item, parameters]) => ({ key, item, text: `${key}${item === undefined ? '' : `=${item}`}${parameters}` }))
const separator = fc.constantFrom(',', ', ', ' ,\t', '\t, ')
const dictionary = fc.array(fc.tuple(member, separator), { maxLength: 6 }).map((all) => ({
  members: all.map(([member]) => member),
  text: all.map(([{ text }, between], i) => (i === 0 ? '' : between) + text).join(''),
}))

test('a dictionary of any members states what the last member of each category says with a token (vocab-07 6.5)', () => {
  fc.assert(
    fc.property(dictionary, fc.constantFrom('', ' ', '  '), ({ members, text }, around) => {
      const expected: Record<string, string> = {}
      for (const category of CATEGORIES) {
        const item = members.findLast(({ key }) => key === category)?.item
        if (item === 'y' || item === 'n') expected[category] = item
      }
      expect([text, parseContentUsage(around + text + around)]).toEqual([text, expected])
    }),
    { numRuns: 2_000 },
  )
})

test('a dictionary with a fault anywhere states nothing (vocab-07 6.5.1)', () => {
  const fault = fc.constantFrom(
    'X=y',
    'x=',
    '=y',
    'x=y z',
    'x=(y',
    'x=(y)z',
    'x=(y"")',
    'x="',
    'x=%"%ff"',
    'x=:a:',
    'x=1.',
    'x;',
    'x;=1',
    '\u00e9',
    '',
  )
  fc.assert(
    fc.property(dictionary, dictionary, fault, (before, after, fault) => {
      const parts = [before.text, fault, after.text]
      fc.pre(before.members.length > 0 || fault !== '')
      fc.pre(after.members.length > 0 || before.members.length > 0)
      expect(parseContentUsage([...parts.filter((part, i) => i === 1 || part !== '')].join())).toEqual({})
    }),
    { numRuns: 2_000 },
  )
})

test('any text is a Content-Usage, any bytes are a robots.txt with it', () => {
  const soup = fc
    .array(
      fc.constantFrom('train-ai', 'search', '=', 'y', 'n', ',', ';', ' ', '"', '(', ')', ':', '%"', '%c3', '@', '?', '\\', '\u00e9', '\0'),
    )
    .map((parts) => parts.join(''))
  const lines = fc
    .array(fc.oneof(soup, fc.constantFrom('\n', 'User-agent: *\n', 'Content-Usage:', 'Content-Usage: /a ', 'Disallow: /b\n')))
    .map((parts) => Buffer.from(parts.join('')))
  fc.assert(
    fc.property(fc.oneof(soup, fc.string({ unit: 'binary' })), lines, fc.uint8Array({ maxLength: 80 }), (value, robots, bytes) => {
      for (const preferences of [
        parseContentUsage(value),
        parseRobots(robots).usage('x', 'https://h/a') ?? {},
        parseRobots(Buffer.concat([Buffer.from('User-agent: *\nContent-Usage: '), bytes])).usage('x', '/') ?? {},
      ]) {
        expect(parseContentUsage(serializeUsage(preferences))).toEqual(preferences)
      }
    }),
    { numRuns: 2_000 },
  )
})

test('of the lines that match, those with the longest path count together (attach-05 3.1)', () => {
  const path = fc.array(fc.constantFrom('a', 'b', '/'), { maxLength: 4 }).map((chars) => `/${chars.join('')}`)
  const line = fc.record({ path: fc.option(path, { nil: '' }), preferences })
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), fc.option(path, { nil: undefined }), path, (lines, disallowed, url) => {
      const matching = lines.filter(({ path }) => url.startsWith(path))
      const longest = Math.max(...matching.map(({ path }) => path.length))
      const counting = matching.filter(({ path }) => path.length === longest).map(({ preferences }) => preferences)
      const forbidden = disallowed !== undefined && url.startsWith(disallowed)
      const robots = parseRobots(
        Buffer.from(
          [
            'User-agent: *',
            ...lines.map(({ path, preferences }) => `Content-Usage: ${path} ${serializeUsage(preferences)}`),
            ...(disallowed === undefined ? [] : [`Disallow: ${disallowed}`]),
          ].join('\n'),
        ),
      )
      expect(robots.usage('x', url)).toEqual(forbidden || counting.length === 0 ? undefined : counting.reduce(combineUsage))
    }),
    { numRuns: 1_000 },
  )
})
