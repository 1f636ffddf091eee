/** What a synthetic web is made of. The same spec and origins give the same web, byte for byte. */
export interface WebSpec {
  readonly seed: number
  readonly hosts: number
  /** Ordinary pages of each host, all of them reachable from its root. */
  readonly pagesPerHost: number
  /** Links of an ordinary page, besides those that hold the tree together. */
  readonly links: { readonly min: number; readonly max: number; readonly crossHostShare: number }
  /** Bytes of HTML, log-normally spread around the median. */
  readonly pageBytes: { readonly median: number; readonly spread: number }
  /** How many of each special thing a host has: redirects, chains, loops, 404, 410, disallowed, nofollow, base, refresh, decoys (graph.ts). */
  readonly specials: number
  /** Pages of a host that misbehave. */
  readonly faults: {
    /** The connection is reset for the first `firstRequests` requests, then answers. */
    readonly reset: number
    /** 503 with Retry-After for the first `firstRequests` requests. */
    readonly busy: number
    /** Half of the body, then nothing for `slowMs`, then the rest. */
    readonly slow: number
    /** Reset for ever. */
    readonly dead: number
    readonly firstRequests: number
    readonly retryAfterSeconds: number
    readonly retryAfterForm: 'seconds' | 'date'
    readonly slowMs: number
  }
  readonly robots: {
    /** False: every robots.txt is 404, and the disallowed pages are allowed. */
    readonly rules: boolean
    /** Crawl-delay of every third host (1, 4, 7, ...), in seconds; null: none. */
    readonly crawlDelaySeconds: number | null
    /** How many times robots.txt of every fourth host (3, 7, ...) answers 500 before it answers. */
    readonly errors: number
    /** robots.txt of every fourth host (2, 6, ...) lies on the next host, behind a redirect. */
    readonly redirects: boolean
  }
  /** What pages and other files carry for conditional requests; a request of which the condition holds is answered 304. */
  readonly validators: 'etag' | 'last-modified' | 'both' | 'none'
  /** Time before each answer, uniformly spread. */
  readonly latencyMs: { readonly min: number; readonly max: number }
  /** Loopback addresses: host i is on 127.0.0.(1 + i mod addresses). */
  readonly addresses: number
  /** `own`: each host has a port of its own; `shared`: one port, each host an address of its own (`addresses` is then the number of hosts). */
  readonly ports: 'own' | 'shared'
  /** A domain: host i is called h<i>.<domain>, and is to be resolved by `resolve` of the web. null: its address is its name. */
  readonly domain: string | null
  /** A file to which each request is appended as a line of JSON. */
  readonly logFile: string | null
  /** Most bytes of rendered pages that are kept. */
  readonly cacheBytes: number
}

type DeepPartial<T> = { readonly [K in keyof T]?: T[K] extends object | null ? DeepPartial<T[K]> | T[K] : T[K] }
/** What a caller says of it; the rest is a small web with one of each special and no faults. */
export type WebOptions = DeepPartial<WebSpec>

/** The whole spec. RangeError for sizes that cannot be. */
export function webSpec(options: WebOptions = {}): WebSpec {
  const spec: WebSpec = {
    seed: 1,
    hosts: 3,
    pagesPerHost: 20,
    specials: 1,
    addresses: 3,
    ports: 'own',
    domain: null,
    validators: 'both',
    logFile: null,
    cacheBytes: 512 * 1024 * 1024,
    ...options,
    links: { min: 5, max: 20, crossHostShare: 0.1, ...options.links },
    pageBytes: { median: 2_000, spread: 0.5, ...options.pageBytes },
    faults: {
      ...{ reset: 0, busy: 0, slow: 0, dead: 0, firstRequests: 1, slowMs: 500 },
      ...{ retryAfterSeconds: 1, retryAfterForm: 'seconds' },
      ...options.faults,
    },
    robots: { rules: true, crawlDelaySeconds: null, errors: 0, redirects: false, ...options.robots },
    latencyMs: { min: 0, max: 0, ...options.latencyMs },
  }
  if (spec.hosts < 1 || spec.pagesPerHost < 1)
    throw new RangeError(`Cannot make a web of ${spec.hosts} hosts with ${spec.pagesPerHost} pages`)
  if (spec.ports === 'shared' && spec.hosts > 250) throw new RangeError(`Cannot give ${spec.hosts} hosts an address each: at most 250`)
  return spec
}

/** The web that the bench crawls: pages like those of documentation sites, 5 to 100 links, median 28 KB. */
export const benchWeb = (options: WebOptions = {}): WebOptions => ({
  hosts: 50,
  pagesPerHost: 200,
  specials: 0,
  addresses: 50,
  pageBytes: { median: 28_000, spread: 0.6 },
  links: { min: 5, max: 100, crossHostShare: 0.1 },
  ...options,
})

/** Host number -> loopback address. */
export const addressOf = (host: number, { ports, hosts, addresses }: WebSpec): string =>
  `127.0.0.${1 + (host % (ports === 'shared' ? hosts : addresses))}`
