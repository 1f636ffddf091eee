import { hash } from 'node:crypto'
import type { CanonicalUrl } from './canonical-url.ts'
import { hostKeyOf } from './host-key.ts'

/** The last host and its part of the fingerprint: links of a page come in runs of one host, so most calls hash once. */
let lastOrigin = ' '
let lastHostPart = ''

/**
 * 128 bits that stand for `url` within a crawl, as uuid text: the first 32 of SHA-256 of its host key, then the first 96 of SHA-256
 * of itself. The host comes first so that the URLs of one host are neighbours in an index.
 * Cost: one SHA-256 when the host is that of the call before, else two.
 */
export function fingerprint(url: CanonicalUrl): string {
  if (!url.startsWith(lastOrigin)) {
    lastOrigin = url.slice(0, url.indexOf('/', 8) + 1) // with its slash: `http://a.b/` is no start of `http://a.bc/`
    lastHostPart = hash('sha256', hostKeyOf(url)).slice(0, 8)
  }
  const own = hash('sha256', url)
  return `${lastHostPart}-${own.slice(0, 4)}-${own.slice(4, 8)}-${own.slice(8, 12)}-${own.slice(12, 24)}`
}
