/*
 * Mutants that these tests kill:
 * - robots.ts: ties go to disallow
 *     `Number(b.meaning.allowed) - Number(a.meaning.allowed)` => `Number(a.meaning.allowed) - Number(b.meaning.allowed)`
 * - robots.ts: the shortest match decides
 *     `rules.sort((a, b) => b.pattern.octets - a.pattern.octets` => `rules.sort((a, b) => a.pattern.octets - b.pattern.octets`
 * - robots.ts: the last group of a name replaces the ones before
 *     `known.push({ group, place })` => `mentions.set(name, [{ group, place }])`
 * - robots.ts: /robots.txt has to be allowed
 *     `if (path.bare === '/robots.txt') return ALLOWED` => `if (path.bare === '') return ALLOWED`
 * - robots-pattern.ts: the end of a pattern may overlap what matched before
 *     `return wildcard ? path.length - tail.length >= at && path.endsWith(tail)` => `return wildcard ? path.endsWith(tail)`
 * - robots-pattern.ts: a part between wildcards is looked for from where the one before began
 *     `return found === -1 ? -1 : found + part.length` => `return found`
 * - robots-pattern.ts: a run of wildcards counts as one octet
 *     `octets: text.length` => `octets: text.replace(/[*]+/g, '*').length`
 * - robots-pattern.ts: an escape with lower-case digits is none
 *     `/^[0-9A-Fa-f]{2}$/.test(pair)` => `/^[0-9A-F]{2}$/.test(pair)`
 * - robots-pattern.ts: escaped unreserved characters stay escaped
 *     `const keep = escaped ? !ESCAPED_DELIMITERS.has(code)` => `const keep = escaped ? false`
 * - robots-pattern.ts: a long part is given up at its first difference
 *     `while (length > 0 && codes[length] !== code) length = borders[length - 1] ?? 0` => `if (codes[length] !== code) length = 0`
 * - robots-pattern.ts: the borders of a long part are those of its first half
 *     `for (let i = 1; i < codes.length; i++)` => `for (let i = 1; i * 2 < codes.length; i++)`
 * - robots-pattern.ts: a long part is looked for from the start of the path
 *     `for (let i = from; i < path.length; i++)` => `for (let i = 0; i < path.length; i++)`
 * - robots-lines.ts: CR alone ends no line
 *     `/\r\n|\r|\n/g` => `/\r\n|\n/g`
 * - robots-lines.ts: a view is read from the start of its buffer
 *     `Buffer.from(bytes.buffer, bytes.byteOffset,` => `Buffer.from(bytes.buffer, 0,`
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
  const longest = Math.max(0, ...matching.map(({ pattern }) => pattern.length))
  const deciding = matching.filter(({ pattern }) => pattern.length === longest)
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

test('parts of hundreds of characters are found like short ones', () => {
  const block = fc.array(fc.constantFrom('a', 'a', 'b'), { minLength: 1, maxLength: 8 }).map((chars) => chars.join(''))
  const part = fc
    .tuple(block, block, fc.integer({ min: 201, max: 230 }))
    .map(([block, end, length]) => block.repeat(length).slice(0, length) + end)
  const cut = fc.integer({ min: 100, max: 230 })
  fc.assert(
    fc.property(
      part,
      part,
      fc.array(fc.oneof(block, cut, fc.constantFrom('first', 'second')), { maxLength: 6 }),
      (first, second, pieces) => {
        const url = `/${pieces.map((piece) => (piece === 'first' ? first : piece === 'second' ? second : typeof piece === 'number' ? first.slice(0, piece) : piece)).join('')}`
        const found = url.indexOf(first, 1)
        const matches = found !== -1 && url.includes(second, found + first.length)
        expect(parse(`User-agent: *\nDisallow: /*${first}*${second}\n`).check('x', url).allowed).toBe(!matches)
        expect(parse(`User-agent: *\nDisallow: /*${first}\n`).check('x', url).allowed).toBe(found === -1)
      },
    ),
    { numRuns: 2_000 },
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
      const closed = parseRobots(Buffer.concat([bytes, Buffer.from('\nUser-agent: *\nDisallow: /robots.txt\n')]))
      expect(closed.check('*', '/robots.txt').allowed).toBe(true)
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
