export const MONTHS: readonly string[] = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const TIME = String.raw`(?<h>\d\d):(?<m>\d\d):(?<s>\d\d)`

/** The three forms of an HTTP date that a recipient must read. Source: RFC 9110 5.6.7. */
const HTTP_DATES = [
  new RegExp(String.raw`^[a-z]{3}, (?<day>\d\d) (?<month>[a-z]{3}) (?<year>\d{4}) ${TIME} GMT$`, 'i'),
  new RegExp(String.raw`^[a-z]{6,9}, (?<day>\d\d)-(?<month>[a-z]{3})-(?<year>\d\d) ${TIME} GMT$`, 'i'),
  new RegExp(String.raw`^[a-z]{3} (?<month>[a-z]{3}) (?<day>[ \d]\d) ${TIME} (?<year>\d{4})$`, 'i'),
]

/** A server that asks for more is taken to ask for this: keeps the value an ordinary integer. */
const MAX_RETRY_AFTER_MS = 365 * 86_400_000

/**
 * Milliseconds to wait from `nowMs` (Unix time), from a Retry-After header in either form; a date in the past is 0, more than a year is
 * a year, anything else undefined. Source: RFC 9110 10.2.3.
 */
export function parseRetryAfter(header: string, nowMs: number): number | undefined {
  const value = header.trim()
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1_000 : httpDateMs(value, nowMs) - nowMs
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(0, waitMs), MAX_RETRY_AFTER_MS)
}

/** Directives of a Cache-Control header: a comma inside of a quoted string ends none. */
const DIRECTIVES = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g

/** Milliseconds of the first `max-age` of a Cache-Control header (at most a year), undefined without a readable one. Source: RFC 9111 5.2.2.1. */
export function parseMaxAge(cacheControl: string): number | undefined {
  for (const directive of cacheControl.match(DIRECTIVES) ?? []) {
    const [name = '', ...argument] = directive.split('=')
    if (name.trim().toLowerCase() !== 'max-age') continue
    const seconds = /^\s*(?:"(\d+)"|(\d+))\s*$/.exec(argument.join('='))
    if (seconds === null) return undefined // RFC 9111 4.2.1: an invalid freshness is none
    return Math.min(Number(seconds[1] ?? seconds[2]) * 1_000, MAX_RETRY_AFTER_MS)
  }
  return undefined
}

/** Unix time in milliseconds; NaN for what is no HTTP date. */
function httpDateMs(value: string, nowMs: number): number {
  for (const form of HTTP_DATES) {
    const parts = form.exec(value)?.groups
    if (parts === undefined) continue
    const month = MONTHS.indexOf((parts['month'] ?? '').toLowerCase())
    const day = Number(parts['day'])
    const [h, m, s] = [Number(parts['h']), Number(parts['m']), Number(parts['s'])]
    if (month === -1 || day < 1 || day > 31 || h > 23 || m > 59 || s > 60) return Number.NaN
    return Date.UTC(fullYear(parts['year'] ?? '', nowMs), month, day, h, m, s)
  }
  return Number.NaN
}

/** RFC 9110 5.6.7: a two-digit year more than 50 years in the future is the most recent year in the past with these digits. */
function fullYear(year: string, nowMs: number): number {
  if (year.length === 4) return Number(year)
  const thisYear = new Date(nowMs).getUTCFullYear()
  const guess = thisYear - (thisYear % 100) + Number(year)
  return guess > thisYear + 50 ? guess - 100 : guess
}
