/*
 * Mutants that these tests kill:
 * - http-times.ts: a wait has no upper bound
 *     `Math.min(Math.max(0, waitMs), MAX_RETRY_AFTER_MS)` => `Math.max(0, waitMs)`
 * - http-times.ts: a date in the past is a negative wait
 *     `Math.min(Math.max(0, waitMs), MAX_RETRY_AFTER_MS)` => `Math.min(waitMs, MAX_RETRY_AFTER_MS)`
 * - http-times.ts: a date is in the time zone of the machine, or any other
 *     `return Date.UTC(fullYear(parts['year'] ?? '', nowMs), month, day, h, m, s)` => `return Date.UTC(fullYear(parts['year'] ?? '', nowMs), month, day, h - 1, m, s)`
 * - http-times.ts: a year of two digits is of the past
 *     `return guess > thisYear + 50 ? guess - 100 : guess` => `return guess > thisYear ? guess - 100 : guess`
 * - http-times.ts: a comma in a quoted string ends a directive
 *     `/(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g` => `/[^,]+/g`
 * - http-times.ts: an age has no upper bound
 *     `Math.min(Number(seconds[1] ?? seconds[2]) * 1_000, MAX_RETRY_AFTER_MS)` => `Number(seconds[1] ?? seconds[2]) * 1_000`
 * - robots-directives.ts: what every object has is a directive
 *     `if (Object.hasOwn(MEANING, directive)) for` => `for`
 * - robots-directives.ts: names are compared with their case
 *     `const own = agent.toLowerCase()` => `const own = agent`
 * - robots-directives.ts: a part for another crawler ends at the next comma
 *     `if (named) concerned =` => `concerned = !named ||`
 * - robots-directives.ts: every part concerns everyone
 *     `if (!concerned) continue` => ``
 * - encoding.ts: the label of the header is the encoding
 *     `return sniffHtmlEncoding(body, {` => `return label ?? sniffHtmlEncoding(body, {`
 */
import { parseMaxAge, parseRetryAfter, robotsDirectives, sniffEncoding } from '@warren/web'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0)
const YEAR_MS = 365 * 86_400_000
const isWait = (ms: number | undefined): boolean => ms === undefined || (Number.isInteger(ms) && ms >= 0 && ms <= YEAR_MS)

test('any Retry-After or Cache-Control gives nothing or whole milliseconds from 0 to a year', () => {
  const date = fc.date({ noInvalidDate: true }).map((date) => date.toUTCString())
  fc.assert(
    fc.property(fc.oneof(fc.string(), date, fc.bigInt({ min: 0n, max: 1n << 80n }).map(String)), (header) => {
      expect(isWait(parseRetryAfter(header, NOW))).toBe(true)
      expect(isWait(parseMaxAge(header))).toBe(true)
      expect(isWait(parseMaxAge(`max-age=${header}`))).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('max-age is found among any directives (RFC 9111 5.2)', () => {
  const quoted = fc
    .array(fc.constantFrom('a', ',', '=', ' ', 'max-age=1', '\\"', '\\\\', ';'), { maxLength: 5 })
    .map((chars) => `"${chars.join('')}"`)
  const other = fc
    .tuple(fc.constantFrom('private', 'no-cache', 's-maxage', 'x-max-age', 'max-agent'), fc.option(fc.oneof(quoted, fc.constant('5'))))
    .map(([name, value]) => (value === null ? name : `${name}=${value}`))
  const others = fc.array(other, { maxLength: 3 })
  fc.assert(
    fc.property(others, others, fc.nat(31_536_000), fc.boolean(), (before, after, seconds, inQuotes) => {
      const header = [...before, `Max-Age=${inQuotes ? `"${seconds}"` : seconds}`, ...after].join(', ')
      expect([header, parseMaxAge(header)]).toEqual([header, seconds * 1_000])
      expect(parseMaxAge([...before, ...after].join(','))).toBeUndefined()
    }),
    { numRuns: 1_000 },
  )
})

test('the three forms of one HTTP date are one time', () => {
  const [DAYS, MONTHS] = [
    ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'],
    ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'],
  ]
  fc.assert(
    fc.property(fc.integer({ min: 0, max: YEAR_MS / 1_000 }), (seconds) => {
      const date = new Date(NOW + seconds * 1_000)
      const [weekday, month, day] = [DAYS[date.getUTCDay()] ?? '', MONTHS[date.getUTCMonth()], String(date.getUTCDate())]
      const [year, time] = [date.getUTCFullYear(), date.toISOString().slice(11, 19)]
      for (const form of [
        date.toUTCString(),
        `${weekday}, ${day.padStart(2, '0')}-${month}-${year % 100} ${time} GMT`,
        `${weekday.slice(0, 3)} ${month} ${day.padStart(2)} ${time} ${year}`,
      ])
        expect([form, parseRetryAfter(form, NOW)]).toEqual([form, seconds * 1_000])
    }),
  )
})

test('any robots meta or X-Robots-Tag is read without an error, in any case', () => {
  const word = fc.oneof(
    fc.constantFrom('noindex', 'nofollow', 'none', 'warren:', 'other:', 'constructor', '__proto__', ',', ':', ' '),
    fc.string(),
  )
  const value = fc.array(word, { maxLength: 8 }).map((words) => words.join(''))
  fc.assert(
    fc.property(fc.array(value, { maxLength: 4 }), fc.oneof(fc.constant('Warren'), fc.string()), (values, agent) => {
      const directives = robotsDirectives(values, agent)
      for (const set of Object.values(directives)) expect(typeof set).toBe('boolean')
      if (/^[a-z]+$/i.test(agent)) expect(robotsDirectives([`${agent.toLowerCase()}: noindex`], agent).noindex).toBe(true)
      const ascii = [agent, ...values].every((text) => /^[ -~]*$/.test(text))
      if (ascii)
        expect(
          robotsDirectives(
            values.map((value) => value.toUpperCase()),
            agent.toUpperCase(),
          ),
        ).toEqual(directives)
    }),
    { numRuns: 500 },
  )
})

test('a name in a line holds until the next name, the strictest word of all lines wins', () => {
  const name = fc.constantFrom(undefined, 'warren', 'robots', '*', 'otherbot', 'warrenbot')
  const word = fc.constantFrom('noindex', 'nofollow', 'none', 'all', 'max-snippet:5', 'unavailable_after: 25 Jun 2010 15:00:00 PST')
  const line = fc.array(fc.tuple(name, word), { maxLength: 5 })
  fc.assert(
    fc.property(fc.array(line, { maxLength: 3 }), (lines) => {
      const expected = { noindex: false, nofollow: false }
      for (const line of lines) {
        let concerned = true
        for (const [name, word] of line) {
          if (name !== undefined) concerned = ['warren', 'robots', '*'].includes(name)
          expected.noindex ||= concerned && ['noindex', 'none'].includes(word)
          expected.nofollow ||= concerned && ['nofollow', 'none'].includes(word)
        }
      }
      const values = lines.map((line) => line.map(([name, word]) => (name === undefined ? word : `${name}: ${word}`)).join(', '))
      expect([values, robotsDirectives(values, 'Warren')]).toMatchObject([values, expected])
    }),
    { numRuns: 1_000 },
  )
})

test('the encoding of any bytes under any header is one that TextDecoder takes, but for x-user-defined and replacement', () => {
  const contentType = fc.oneof(
    fc.constant(null),
    fc.string(),
    fc
      .oneof(fc.string(), fc.constantFrom('utf-8', 'hz-gb-2312', 'x-user-defined', 'utf-16', '"koi8-r"'))
      .map((label) => `text/html; charset=${label}`),
  )
  const prefix = fc.constantFrom(
    '',
    '<meta charset=',
    '<meta http-equiv=content-type content="x; charset=',
    '<?xml encoding="',
    '\xEF\xBB\xBF',
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), contentType, prefix, (bytes, contentType, prefix) => {
      const name = sniffEncoding(new Uint8Array([...Buffer.from(prefix, 'latin1'), ...bytes]), contentType)
      if (name !== 'x-user-defined' && name !== 'replacement') expect(() => new TextDecoder(name)).not.toThrow()
    }),
    { numRuns: 500 },
  )
})
