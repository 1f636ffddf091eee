import { getDomain } from 'tldts'
import { type CanonicalUrl, hostOf } from './canonical-url.ts'

/** Where links may lead, seen from the seeds. The same words as the protocol's `scopeKind`, which this layer cannot import. */
export type ScopeKind = 'host' | 'domain' | 'prefix' | 'any'

const HOST_ONLY = { allowPrivateDomains: true, extractHostname: false, validateHostname: false } as const

/**
 * The part of a seed that a URL must share to be in scope: its host (http and https are one, another port is another host),
 * its registrable domain without port (by the public suffix list, private suffixes included; an address, a single label and a public
 * suffix stand for themselves), its folder (host and path up to the last `/`), or nothing.
 */
export function scopeRoot(kind: ScopeKind, seed: CanonicalUrl): string {
  switch (kind) {
    case 'host':
      return hostOf(seed)
    case 'domain':
      return domainOf(seed)
    case 'prefix':
      return folderOf(seed)
    case 'any':
      return ''
    default:
      return kind satisfies never
  }
}

/** Whether `url` shares one of `roots`, as `scopeRoot` of the same kind made them. Cost: one look-up, for `prefix` one per path segment. */
export function inScope(kind: ScopeKind, roots: ReadonlySet<string>, url: CanonicalUrl): boolean {
  if (kind === 'any') return true
  if (kind !== 'prefix') return roots.has(scopeRoot(kind, url))
  const folder = folderOf(url)
  for (let slash = folder.length - 1; slash !== -1; slash = folder.lastIndexOf('/', slash - 1)) {
    if (roots.has(folder.slice(0, slash + 1))) return true
  }
  return false
}

function domainOf(url: CanonicalUrl): string {
  const hostname = hostOf(url).replace(/:\d+$/, '')
  return getDomain(hostname, HOST_ONLY) ?? hostname
}

/** Host and path up to the last `/`: `example.org/a/` of `https://example.org/a/b?c/d`. */
export function folderOf(url: CanonicalUrl): string {
  const query = url.indexOf('?')
  const path = query === -1 ? url : url.slice(0, query)
  return path.slice(path.indexOf('//') + 2, path.lastIndexOf('/') + 1)
}
