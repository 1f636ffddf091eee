import { MONTHS } from './http-times.ts'

const TIME = String.raw`(?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?:[.,](?<fraction>\d+))?)?`

/** The six forms of W3C-DTF. "ours": a space for the `T`, no colon in the zone, no zone at all, which is UTC. */
const W3C_DTF = new RegExp(
  String.raw`^(?<year>\d{4})(?:-(?<month>\d\d)(?:-(?<day>\d\d)(?:[T ]${TIME} ?(?<zone>Z|[+-]\d\d:?\d\d)?)?)?)?$`,
  'i',
)

/** RFC 822 5.1 with the years of RSS 2.0. "ours": any name of a day, month names in full, a colon in the zone, a comment behind it. */
const RFC_822 = new RegExp(
  String.raw`^(?:[a-z]+\.?,? *)?(?<day>\d\d?)[ -](?<month>[a-z]{3})[a-z]*\.?[ -](?<year>\d{4}|\d\d) ${TIME} ?(?<zone>[a-z]{1,5}|[+-]\d\d:?\d\d)?(?: ?\([^()]*\))?$`,
  'i',
)

/** Hours from UTC. Other names, the military letters among them, are UTC: they are not to be trusted. Source: RFC 5322 4.3. */
const ZONES = new Map([
  ['EDT', -4],
  ['EST', -5],
  ['CDT', -5],
  ['CST', -6],
  ['MDT', -6],
  ['MST', -7],
  ['PDT', -7],
  ['PST', -8],
])

const MAX_DATE_CHARS = 64

/**
 * The time that a sitemap or feed gives, undefined for what is none; the first moment of a year, month or day, in UTC.
 * Source: W3C note "Date and Time Formats" (lastmod, Atom, dc:date); RFC 822 5.1 as RSS 2.0 has it (pubDate).
 */
export function parseSitemapDate(text: string): Date | undefined {
  if (text.length > MAX_DATE_CHARS) return undefined
  const value = text.trim().replaceAll(/\s+/g, ' ')
  const parts = (W3C_DTF.exec(value) ?? RFC_822.exec(value))?.groups
  if (parts === undefined) return undefined
  const { day = '1', hour = '0', minute = '0', second = '0', fraction = '' } = parts
  const month = monthOf(parts['month'] ?? '1')
  const zoneMinutes = zoneOf(parts['zone'] ?? 'Z')
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60 || zoneMinutes === undefined) return undefined
  const date = new Date(0)
  date.setUTCFullYear(yearOf(parts['year'] ?? ''), month - 1, Number(day))
  if (date.getUTCMonth() !== month - 1) return undefined // no such day, or no such month
  date.setUTCHours(Number(hour), Number(minute) - zoneMinutes, Number(second), Number(fraction.slice(0, 3).padEnd(3, '0')))
  return date
}

/** From 1; a month that there is not is not in 1 to 12. */
const monthOf = (month: string): number => (/^\d/.test(month) ? Number(month) : MONTHS.indexOf(month.toLowerCase()) + 1)

/** Two digits are of the years 1950 to 2049. Source: RFC 5322 4.3. */
function yearOf(year: string): number {
  const number = Number(year)
  return year.length > 2 ? number : number + (number < 50 ? 2_000 : 1_900)
}

function zoneOf(zone: string): number | undefined {
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)$/.exec(zone) ?? []
  if (sign === undefined) return (ZONES.get(zone.toUpperCase()) ?? 0) * 60
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined
  return (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -1 : 1)
}
