import { z } from 'zod'

const ms = (defaultMs: number, what: string, minMs = 1) =>
  z.coerce.number().int().min(minMs).max(86_400_000).default(defaultMs).describe(what)
const count = (initial: number, max: number, what: string) => z.coerce.number().int().min(1).max(max).default(initial).describe(what)

/** Every knob of the coordinator: name with unit, bounds, default, meaning. */
export const coordinatorConfig = z.object({
  WINDOW_VISITS: count(256, 100_000, 'visits open at once in the whole cluster'),
  WINDOW_URLS: count(20_000, 1_000_000, 'URLs leased and not yet settled, in the whole cluster'),
  CLAIM_HOSTS: count(50, 1_000, 'hosts taken by one claim'),
  CLAIM_URLS: count(500, 500, 'URLs of one visit, at most'),
  CLAIM_IDLE_MS: ms(100, 'wait between claims that found nothing'),
  VISIT_QUEUE_MS: ms(30_000, 'a visit that waits longer for a fetcher is dropped by the broker'),
  VISIT_RUN_MS: ms(30_000, 'a fetcher starts no request of a visit later than this after its delivery', 11_000),
  LEASE_MARGIN_MS: ms(75_000, 'added to queue and run time, so that a lease outlives the last exchange of its visit'),
  PAGE_LEASE_MS: ms(900_000, 'lease of fetched pages that wait for a parser', 1_000),
  SETTLE_BATCH: count(200, 2_000, 'outcomes settled in one commit, at most'),
  SETTLE_WAIT_MS: ms(10, 'an outcome waits no longer than this for others to share its commit'),
  SETTLE_CONCURRENCY: count(2, 16, 'commits under way at once'),
  OUTCOME_PREFETCH: count(800, 10_000, 'outcomes taken from the broker and not yet settled'),
  MAINTENANCE_MS: ms(1_000, 'between rounds of expiry, give-up, budgets and completion'),
  CONTROL_MS: ms(1_000, 'between repetitions of the state of all unfinished crawls'),
  RETRY_BASE_MS: ms(5_000, 'first retry of a URL comes within this, doubling, full jitter'),
  HOST_RETRY_BASE_MS: ms(5_000, 'a host that cannot be reached, or answers nothing but 5xx, is left alone for this, doubling'),
  HOST_RETRY_MAX_MS: ms(3_600_000, 'and for no longer than this'),
  THROTTLE_BASE_MS: ms(60_000, 'the same for a host that answers 429 or 503 without Retry-After'),
  THROTTLE_MAX_MS: ms(86_400_000, 'and for no longer than this; a stated Retry-After beyond it is read as this'),
  RETRY_MAX_MS: ms(600_000, 'no retry of a URL waits longer'),
  KNOWN_CACHE_ENTRIES: count(200_000, 50_000_000, 'fingerprints of known URLs kept in memory, 28 bytes each'),
  ROBOTS_CACHE_BYTES: count(16_777_216, 1_073_741_824, 'robots.txt texts kept parsed, measured by their size'),
})
export type CoordinatorConfig = z.infer<typeof coordinatorConfig>
