import { z } from 'zod'

/** Where links may lead, seen from the seeds: same host, same registrable domain, same folder, or anywhere. */
export const scopeKind = z.enum(['host', 'domain', 'prefix', 'any'])
export type ScopeKind = z.infer<typeof scopeKind>

/** Steps of canonicalization that may change what a URL means; docs/urls.md. */
export const canonicalRule = z.enum(['https', 'no-session', 'no-tracking', 'no-index', 'no-trailing-slash', 'sorted-query'])
export type CanonicalRule = z.infer<typeof canonicalRule>

/** What the fetcher needs to know to run an exchange; travels inside every visit, so that a fetcher keeps nothing per crawl. */
export const fetchPolicy = z.object({
  /** `Product/Version (+contact)`, sent as User-Agent. */
  userAgent: z.string().min(1),
  /** Mail address or URL of a person; null: no public address is dialled. */
  contact: z.string().min(1).nullable(),
  /** CIDR blocks that may be dialled although they are not globally routable. */
  allowAddresses: z.array(z.string()),
  /** Host names with a fixed address, instead of DNS: `{ 'staging.example': '127.0.0.1' }`. */
  resolve: z.record(z.string(), z.string()),
  connectMs: z.number().int().positive(),
  headersMs: z.number().int().positive(),
  exchangeMs: z.number().int().positive(),
  /** Decoded bytes; a longer body is cut there and says so. */
  maxBodyBytes: z.number().int().positive(),
  /** Decoded bytes per wire byte; a body above it is cut there and says so. */
  maxBodyRatio: z.number().positive(),
  /** Wire bytes per second of one exchange, over the time since its headers; slower is a time-out. */
  minBytesPerSecond: z.number().int().nonnegative(),
})
export type FetchPolicy = z.infer<typeof fetchPolicy>

/** When a host without any usable answer is given up: after that many tries AND that long since the first of them. */
export const giveUp = z.object({
  /** For DNS and connect errors. */
  unreachable: z.object({ tries: z.number().int().positive(), ms: z.number().int().nonnegative() }),
  /** For 5xx and 429. */
  refusing: z.object({ tries: z.number().int().positive(), ms: z.number().int().nonnegative() }),
})

/** How often a URL is asked for again in the passes of a recrawled crawl. */
export const recrawl = z.object({
  /** From the first answer to the next request. */
  firstIntervalMs: z.number().int().positive(),
  /** Halved when the URL changed, at least this, */
  minIntervalMs: z.number().int().positive(),
  /** half as long again when it did not, at most this. */
  maxIntervalMs: z.number().int().positive(),
  /** When passes start by themselves: a cron expression of five fields and the IANA name of its time zone. null: an operator starts them. */
  schedule: z.object({ cron: z.string(), timeZone: z.string() }).nullable(),
})

/** The whole configuration of one crawl, stored with it; the roles have no other source of policy. */
export const crawlConfig = z.object({
  scope: scopeKind,
  /** Unanchored RE2 expressions on the canonical URL; none: everything. */
  include: z.array(z.string()),
  /** As `include`; exclude wins. */
  exclude: z.array(z.string()),
  /** Taken of seeds and of the links of pages. */
  canonical: z.array(canonicalRule),
  /** Most catalog rows. null: no limit. Claim reserves from it, so it is never passed. */
  maxPages: z.number().int().positive().nullable(),
  /** Links from a seed; redirects do not count. */
  maxDepth: z.number().int().nonnegative(),
  /** True: depth d+1 waits until nothing of depth d is queued or leased, so that every URL is found by its shortest path. */
  depthByLevel: z.boolean(),
  /** Time the crawl may run in state running, summed over its runs. */
  maxTimeMs: z.number().int().positive().nullable(),
  /** Decoded body bytes in the catalog after which nothing more is claimed; what is leased then still ends. */
  maxBytes: z.number().int().positive().nullable(),
  /** As the three budgets above, for every host of the crawl by itself; what is left of a host then ends as excluded. */
  maxPagesPerHost: z.number().int().positive().nullable(),
  maxBytesPerHost: z.number().int().positive().nullable(),
  /** Time in visits. */
  maxTimePerHostMs: z.number().int().positive().nullable(),
  /** Unanchored RE2 expressions on the canonical URL; the first that matches gives the priority, otherwise 0. Higher is fetched first. */
  priorities: z.array(z.object({ match: z.string(), priority: z.number().int().min(-100).max(100) })),
  /** Share of the cluster among running crawls: one of weight 2 gets twice as many URLs as one of weight 1. */
  weight: z.number().min(0.01).max(100),
  /** Least time between two request starts on a host. */
  delayMs: z.number().int().nonnegative(),
  /** Requests in flight on a host. */
  hostConcurrency: z.number().int().min(1).max(256),
  /** Hosts of one address group that may be visited at once, in the whole cluster; 0: no limit by address at all. */
  addressSlots: z.number().int().min(0).max(1_000),
  /** Time between two request starts on the hosts of one address group, on average; 0: only the slots limit. */
  addressSpacingMs: z.number().int().nonnegative(),
  /** Tries of one URL, the first included. */
  maxAttempts: z.number().int().positive(),
  maxRedirects: z.number().int().nonnegative(),
  maxLinksPerPage: z.number().int().positive(),
  maxUrlLength: z.number().int().positive(),
  giveUp,
  recrawl,
  /** Passes whose catalog rows are kept; null: all. */
  keepPasses: z.number().int().positive().nullable(),
  /** The crawl is deleted so long after its end; null: never. */
  retentionMs: z.number().int().positive().nullable(),
  fetch: fetchPolicy,
})
export type CrawlConfig = z.infer<typeof crawlConfig>

/** The life of a crawl. `finishing`: a budget is spent; `cancelling`: an operator said so; both end when nothing is queued or leased. */
export const crawlState = z.enum(['created', 'running', 'paused', 'finishing', 'cancelling', 'completed', 'cancelled', 'failed'])
export type CrawlState = z.infer<typeof crawlState>

/** Documented defaults of a crawl; see docs/crawl.md. */
export const defaultCrawlConfig = (userAgent: string): CrawlConfig => ({
  scope: 'host',
  include: [],
  exclude: [],
  canonical: [],
  maxPages: null,
  maxDepth: 20,
  depthByLevel: false,
  maxTimeMs: null,
  maxBytes: null,
  maxPagesPerHost: null,
  maxBytesPerHost: null,
  maxTimePerHostMs: null,
  priorities: [],
  weight: 1,
  delayMs: 1_000,
  hostConcurrency: 1,
  addressSlots: 4,
  addressSpacingMs: 250,
  maxAttempts: 4,
  maxRedirects: 10,
  maxLinksPerPage: 2_000,
  maxUrlLength: 2_048,
  giveUp: { unreachable: { tries: 5, ms: 600_000 }, refusing: { tries: 10, ms: 86_400_000 } },
  recrawl: { firstIntervalMs: 86_400_000, minIntervalMs: 3_600_000, maxIntervalMs: 2_592_000_000, schedule: null },
  keepPasses: null,
  retentionMs: null,
  fetch: {
    userAgent,
    contact: null,
    allowAddresses: [],
    resolve: {},
    connectMs: 10_000,
    headersMs: 20_000,
    exchangeMs: 60_000,
    maxBodyBytes: 10_485_760,
    maxBodyRatio: 100,
    minBytesPerSecond: 1_024,
  },
})
