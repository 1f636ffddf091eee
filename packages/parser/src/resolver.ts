import { canonicalize, MAX_URL_CHARS } from '@warren/web'

/**
 * Paths and queries that a URL parser leaves as they are: unreserved characters (RFC 3986 2.3) in segments that are neither empty nor dots.
 * No colon, so no scheme; at least one segment.
 */
const PLAIN = /^(?:(?!\.{1,2}(?:[/?]|$))[\w~.-]+(?:\/|(?=\?|$)))+(?:\?[\w~.=&-]*)?$/
const SLASH = 0x2f

/**
 * Makes references against `base` absolute and canonical: exactly `canonicalize(href, base)`, but plain paths, most of the links of most pages,
 * are only appended to the base's origin, folder, or a folder above it (`../x`). Cost: a fifth of a URL parse for those.
 */
export function resolver(base: string | undefined): (href: string) => string | undefined {
  const root = base === undefined ? undefined : canonicalize('/', base)
  if (root === undefined) return (href) => canonicalize(href, base)
  const folders: (string | undefined)[] = []
  const folder = (up: number): string | undefined => (folders[up] ??= canonicalize(`./${'../'.repeat(up)}`, base))
  return (href) => {
    const fromRoot = href.charCodeAt(0) === SLASH
    let up = 0
    while (!fromRoot && up < 16 && href.startsWith('../', up * 3)) up++
    const start = fromRoot ? root : folder(up)
    const rest = href.slice(fromRoot ? 1 : up * 3)
    if (start === undefined || start.length + rest.length > MAX_URL_CHARS || !PLAIN.test(rest)) return canonicalize(href, base)
    return start + rest
  }
}
