/**
 * Seen failing on these mutants:
 * - src/http-times.ts: no upper bound; a date in the past is negative; asctime is read by Date.parse (local time)
 * - src/robots-directives.ts: MEANING is read without Object.hasOwn; names are compared with their case
 * - src/encoding.ts: the header's label is returned as it is
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
