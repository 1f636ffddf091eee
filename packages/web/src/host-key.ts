import type { CanonicalUrl, HostKey } from './canonical-url.ts'

/** The host key of `url`: `https://example.org:443`. Two URLs with the same host key are fetched by the same visit. */
export function hostKeyOf(url: CanonicalUrl): HostKey {
  const start = url.indexOf('//') + 2
  const origin = url.slice(0, url.indexOf('/', start))
  if (hasPort(origin, start)) return origin as HostKey
  return `${origin}:${origin.startsWith('https:') ? 443 : 80}` as HostKey
}

/** Where the rules of a host key are: `/robots.txt` of the same scheme, host and port. Source: RFC 9309 2.3. */
export function robotsUrlOf(hostKey: HostKey): CanonicalUrl {
  const defaultPort = hostKey.startsWith('https:') ? ':443' : ':80'
  const origin = hostKey.endsWith(defaultPort) ? hostKey.slice(0, -defaultPort.length) : hostKey
  return `${origin}/robots.txt` as CanonicalUrl
}

/** The colons of an IPv6 host are inside its brackets. */
const hasPort = (origin: string, hostStart: number): boolean =>
  origin.lastIndexOf(':') > (origin[hostStart] === '[' ? origin.indexOf(']') : hostStart)
