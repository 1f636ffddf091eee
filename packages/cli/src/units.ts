const DURATION_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const SIZE_BYTES = { '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, kib: 1_024, mib: 1_048_576, gib: 1_073_741_824 } as const

/** Milliseconds of `1s`, `100ms`, `2m`, `1.5h`, `1d` or `0`. Errors: RangeError that shows the forms. */
export function parseDuration(text: string): number {
  if (text === '0') return 0
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  const ms = match === null ? Number.NaN : Number(match[1]) * DURATION_MS[match[2] as keyof typeof DURATION_MS]
  if (!(ms <= 366 * DURATION_MS.d)) throw new RangeError('write a number and a unit: 100ms, 1s, 2m, 1h, 1d (at most 366d), or 0')
  return Math.round(ms)
}

/** Bytes of `500`, `64KB`, `5MB`, `10MiB`, `1GB`. Errors: RangeError that shows the forms. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s?([kmgt]?i?b?)$/i.exec(text)
  const unit = match?.[2]?.toLowerCase() as keyof typeof SIZE_BYTES | undefined
  const bytes = match === null || unit === undefined || !(unit in SIZE_BYTES) ? Number.NaN : Number(match[1]) * SIZE_BYTES[unit]
  if (!(bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER))
    throw new RangeError('write a number of bytes or a number and a unit: 500KB, 5MB, 10MiB, 1GB')
  return Math.round(bytes)
}

/** Bytes per second of `5MB/s`. Errors: RangeError that shows the form. */
export function parseRate(text: string): number {
  const match = /^(.+)\/s$/.exec(text)
  if (match?.[1] === undefined) throw new RangeError('write bytes per second: 500KB/s, 5MB/s')
  return parseBytes(match[1])
}

/** A whole number of at least `min`. Errors: RangeError that names the bound. */
export const parseCount =
  (min: number, max = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const n = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (!(n >= min && n <= max))
      throw new RangeError(
        max === Number.MAX_SAFE_INTEGER ? `write a whole number of at least ${min}` : `write a whole number from ${min} to ${max}`,
      )
    return n
  }

/** `1h 02m`, `3m 05s`, `12.3s`. */
export function showDuration(ms: number): string {
  const s = ms / 1_000
  if (s < 60) return `${s < 10 ? s.toFixed(1) : Math.round(s)}s`
  const two = (n: number) => String(Math.floor(n)).padStart(2, '0')
  return s < 3_600 ? `${Math.floor(s / 60)}m ${two(s % 60)}s` : `${Math.floor(s / 3_600)}h ${two((s % 3_600) / 60)}m`
}

/** In the largest unit that gives a whole number: `4 s`, `3 min`, `5 h`, `12 d`. */
export function showSpan(ms: number): string {
  const s = Math.abs(ms) / 1_000
  if (s < 0.95) return `${Math.round(s * 1_000)} ms`
  if (s < 90) return `${Math.round(s)} s`
  if (s < 5_400) return `${Math.round(s / 60)} min`
  return s < 172_800 ? `${Math.round(s / 3_600)} h` : `${Math.round(s / 86_400)} d`
}

/** `in 4 s`, `3 min ago`, `now`. */
export function showWhen(time: Date, now: Date): string {
  const ms = time.getTime() - now.getTime()
  if (Math.abs(ms) < 500) return 'now'
  return ms > 0 ? `in ${showSpan(ms)}` : `${showSpan(ms)} ago`
}

/** `812 B`, `64.2 KB`, `1.3 GB`. */
export function showBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  return step === 0 ? `${bytes} B` : `${(bytes / 1_000 ** step).toFixed(1)} ${units[step]}`
}

const thousands = new Intl.NumberFormat('en')
/** `12,345`. */
export const showCount = (n: number): string => thousands.format(n)
