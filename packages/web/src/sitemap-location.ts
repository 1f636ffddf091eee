import type { CanonicalUrl, HostKey } from './canonical-url.ts'
import { hostKeyOf } from './host-key.ts'
import { folderOf } from './scope.ts'

/**
 * Whether the sitemap at `sitemapUrl` has a say over `url`: a page it lists, or a sitemap that it lists as an index. It has over what is in
 * its own folder or below, of the same scheme, host and port, and over all of those hosts whose robots.txt names it (`listedInRobotsOf`),
 * since who writes that file vouches for the host. "ours": its own host may do so as well, and so lift the bound to the folder. The protocol
 * does not say that a sitemap inherits what vouches for its index; to let it, pass the same set for both.
 * Source: sitemaps.org protocol, "Sitemap file location" and "Sitemaps & Cross Submits".
 */
export function sitemapMayList(
  sitemapUrl: CanonicalUrl,
  url: CanonicalUrl,
  { listedInRobotsOf }: { readonly listedInRobotsOf: ReadonlySet<HostKey> },
): boolean {
  const hostKey = hostKeyOf(url)
  if (listedInRobotsOf.has(hostKey)) return true
  return hostKey === hostKeyOf(sitemapUrl) && url.slice(url.indexOf('//') + 2).startsWith(folderOf(sitemapUrl))
}
