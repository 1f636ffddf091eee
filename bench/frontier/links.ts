import type { CanonicalUrl } from '@warren/web'

/** A link as the bench thinks of it: a page of a host, by number. */
export interface Link {
  readonly host: number
  readonly page: number
}

/** What links are drawn from. */
export interface Pool {
  readonly hosts: number
  readonly rand: () => number
  /** The next page number that no host knows yet. */
  readonly serial: { next: number }
}

const KNOWN_PAGES = 80 // that every host of the synthetic set has at least
const PAGES = 10

/**
 * The links of a page of host `own`, none twice; `fresh` of them lead to pages that nobody knows. 80 % stay on their host, 10 % lead to one of
 * a hundred popular hosts, 10 % anywhere. `links` holds those that are taken already.
 */
export function addLinks(links: Map<string, Link>, own: number, count: number, fresh: number, { hosts, rand, serial }: Pool): void {
  const upTo = (n: number): number => 1 + Math.floor(rand() * n)
  const draw = (page: number): void => {
    const chance = rand()
    const host = chance < 0.8 ? own : upTo(chance < 0.9 ? Math.min(100, hosts) : hosts)
    links.set(`${host}/${page}`, { host, page })
  }
  const wanted = links.size + count
  for (let i = 0; i < fresh; i++) draw(serial.next++)
  while (links.size < wanted) draw(upTo(KNOWN_PAGES) - 1)
}

/** The links of ten pages, on average one of them on host 1, which is the biggest. */
export function linksOfPages(count: number, fresh: number, pool: Pool): Link[] {
  const links = new Map<string, Link>()
  for (let page = 0; page < PAGES; page++) {
    const own = pool.rand() < 0.1 ? 1 : 2 + Math.floor(pool.rand() * (pool.hosts - 1))
    addLinks(links, own, count / PAGES, fresh / PAGES, pool)
  }
  return [...links.values()]
}

/** A generator of numbers from 0 to 1 that gives the same ones for the same seed (linear congruential, its upper bits are good enough). */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** As bench.url_of() of synthetic.sql. */
export const urlOf = (host: number, page: number): CanonicalUrl =>
  `https://www.site-${host}.example.org/articles/20${10 + (page % 17)}/0${1 + (page % 9)}/how-to-tell-a-page-from-another-${page}` as CanonicalUrl
