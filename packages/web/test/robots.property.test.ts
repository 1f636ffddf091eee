/**
 * Seen failing on these mutants of src/robots.ts and src/robots-pattern.ts:
 * - ties go to disallow; the shortest match decides; the last group of a name replaces the ones before
 * - `$` of a wildcard pattern is only looked for at the end, so that it may overlap what matched before (`path.length - tail.length >= at` left out)
 * - a part between wildcards is looked for from where the one before began
 * - an escape with lower-case digits is none; escaped unreserved characters stay escaped
 * - CR alone ends no line
 * - `Buffer.from(bytes.buffer)` without offset
 */
import { parseRobots } from '@warren/web'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const parse = (text: string) => parseRobots(Buffer.from(text))

const path = fc.array(fc.constantFrom('a', 'b', '/', '.'), { maxLength: 12 }).map((chars) => `/${chars.join('')}`)
const pattern = fc
  .tuple(fc.array(fc.constantFrom('a', 'b', '/', '.', '*'), { maxLength: 8 }), fc.constantFrom('', '', '$'))
  .map(([chars, end]) => `/${chars.join('')}${end}`)
const rule = fc.record({ allow: fc.boolean(), pattern })
type Rule = { allow: boolean; pattern: string }

const lineOf = ({ allow, pattern }: Rule): string => `${allow ? 'Allow' : 'Disallow'}: ${pattern}`

/** RFC 9309 2.2.2 and 2.2.3 word by word, by a backtracking matcher; only for short strings. */
function reference(rules: readonly Rule[], path: string): boolean {
  const matching = rules.filter(({ pattern }) => {
    const source = pattern.replace(/[.]/g, '\\.').replaceAll('*', '.*')
    return new RegExp(`^${source}`).test(path)
  })
  const longest = Math.max(0, ...matching.map(({ pattern }) => pattern.replace(/\*+/g, '*').length))
  const deciding = matching.filter(({ pattern }) => pattern.replace(/\*+/g, '*').length === longest)
  return deciding.length === 0 || deciding.some(({ allow }) => allow)
}

test('the most octets decide, allow among equals, like a naive reading of RFC 9309 2.2.2', () => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 6 }), path, (rules, path) => {
      const robots = parse(`User-agent: *\n${rules.map(lineOf).join('\n')}\n`)
      expect(robots.check('x', `https://h${path}`).allowed).toBe(reference(rules, path))
    }),
    { numRuns: 1_000 },
  )
})

test('wildcards match like a backtracking matcher (RFC 9309 2.2.3)', () => {
  const dense = fc
    .tuple(fc.array(fc.constantFrom('a', 'b', '*'), { maxLength: 9 }), fc.constantFrom('', '$'))
    .map(([chars, end]) => `/${chars.join('')}${end}`)
  const short = fc.array(fc.constantFrom('a', 'b'), { maxLength: 7 }).map((chars) => `/${chars.join('')}`)
  fc.assert(
    fc.property(dense, fc.array(short, { minLength: 8, maxLength: 8 }), (pattern, paths) => {
      const robots = parse(`User-agent: *\nDisallow: ${pattern}\n`)
      for (const path of paths)
        expect([path, robots.check('x', path).allowed]).toEqual([path, reference([{ allow: false, pattern }], path)])
    }),
    { numRuns: 1_000 },
  )
})

test('a group may be cut in pieces anywhere, with other groups in between (RFC 9309 2.2.1)', () => {
  fc.assert(
    fc.property(
      fc.array(rule, { minLength: 1, maxLength: 6 }),
      fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
      path,
      (rules, cuts, path) => {
        const whole = `User-agent: bot\n${rules.map(lineOf).join('\n')}\n`
        const pieces = rules.map(
          (rule, i) => `${i > 0 && cuts[i] ? 'User-agent: other\nDisallow: /\nUser-agent: BOT\n' : ''}${lineOf(rule)}`,
        )
        const cut = `User-agent: bot\n${pieces.join('\n')}\n`
        expect(parse(cut).check('bot', path).allowed).toBe(parse(whole).check('bot', path).allowed)
      },
    ),
    { numRuns: 500 },
  )
})

test('the three line ends are one (RFC 9309 2.2, NL)', () => {
  const ends = fc.array(fc.constantFrom('\n', '\r', '\r\n'), { minLength: 8, maxLength: 8 })
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 6 }), ends, path, (rules, ends, path) => {
      const lines = ['User-agent: *', ...rules.map(lineOf)]
      const mixed = lines.map((line, i) => line + ends[i]).join('')
      expect(parse(mixed).check('x', path)).toEqual(parse(lines.join('\n')).check('x', path))
    }),
    { numRuns: 500 },
  )
})

test('spelling an unreserved character as an escape changes nothing, in rule or URL, in either case (RFC 9309 2.2.2)', () => {
  const escapeSome = (text: string, which: readonly boolean[], lower: boolean): string =>
    [...text]
      .map((char, i) => {
        const hex = `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`
        return which[i] && /[a-z.~]/.test(char) ? (lower ? hex : hex.toUpperCase()) : char
      })
      .join('')
  const choice = fc.array(fc.boolean(), { minLength: 16, maxLength: 16 })
  fc.assert(
    fc.property(rule, path, choice, choice, fc.boolean(), ({ allow, pattern }, path, inRule, inUrl, lower) => {
      const rules = (pattern: string): string => `User-agent: *\nDisallow: /\n${lineOf({ allow, pattern })}\n`
      const plain = parse(rules(pattern)).check('x', path).allowed
      expect(parse(rules(escapeSome(pattern, inRule, lower))).check('x', escapeSome(path, inUrl, lower)).allowed).toBe(plain)
    }),
    { numRuns: 500 },
  )
})

test('escapes of other octets match in either case of their digits', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), (octet) => {
      const hex = octet.toString(16).padStart(2, '0')
      const robots = parse(`User-agent: *\nDisallow: /x%${hex}y\n`)
      expect(robots.check('x', `/x%${hex.toUpperCase()}y`).allowed).toBe(false)
      expect(robots.check('x', '/xy').allowed).toBe(true)
    }),
  )
})

test('any bytes are a robots.txt, and /robots.txt is always allowed (RFC 9309 2.3.1.5, 2.2.2)', () => {
  const fragment = fc.oneof(
    fc.constantFrom('User-agent:', 'Disallow:', 'Allow: /', 'Crawl-delay: 1', 'Sitemap: x', '*', '$', '%', '\r', '\n', '\0', '#', '\uFEFF'),
    fc.string(),
  )
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.array(fragment, { maxLength: 30 }).map((parts) => new Uint8Array(Buffer.from(parts.join('')))),
  )
  fc.assert(
    fc.property(bytes, fc.string(), fc.string(), (bytes, agent, url) => {
      const robots = parseRobots(bytes)
      expect(typeof robots.check(agent, url).allowed).toBe('boolean')
      expect(robots.check(agent, 'https://h/robots.txt').allowed).toBe(true)
      const delay = robots.crawlDelayMs(agent)
      expect(delay === undefined || (Number.isInteger(delay) && delay >= 0)).toBe(true)
    }),
    { numRuns: 1_000 },
  )
})

test('a view into a larger buffer is read from its own start to its own end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), path, (before, after, path) => {
      const text = Buffer.from('User-agent: *\nDisallow: /a\n')
      const all = new Uint8Array([...before, ...text, ...after])
      const view = all.subarray(before.length, before.length + text.length)
      expect(parseRobots(view).check('x', path)).toEqual(parseRobots(text).check('x', path))
    }),
  )
})
