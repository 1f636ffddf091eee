import { z } from 'zod'

const count = (initial: number, max: number, what: string) => z.coerce.number().int().min(1).max(max).default(initial).describe(what)

/** Every knob of the fetcher: name with unit, bounds, default, meaning. What an exchange may cost comes with each visit instead. */
export const fetcherConfig = z.object({
  FETCH_CONCURRENCY: count(64, 10_000, 'requests in flight in this process'),
  VISIT_SLOTS: count(128, 10_000, 'visits taken at once; one that waits for its pace costs a timer'),
  FETCH_RATE_BYTES: z.coerce.number().int().min(0).max(100_000_000_000).default(0).describe('bytes received per second; 0: no limit'),
  UNCONFIRMED_BYTES: count(67_108_864, 10_000_000_000, 'body bytes published and not yet confirmed, after which no request starts'),
  PUBLISH_GRACE_MS: count(30_000, 600_000, 'beyond the run time of a visit, how long its results are offered to a broker that is away'),
  KEEP_ALIVE_MS: count(4_000, 60_000, 'an idle connection is closed after this, or earlier if its server says so'),
  IDLE_HOSTS: count(256, 10_000, 'hosts whose connections are kept that long after their visit'),
  DNS_CACHE_NAMES: count(10_000, 1_000_000, 'names whose addresses are remembered, for 1 to 60 minutes'),
  DNS_CONCURRENCY: count(32, 10_000, 'names looked up at once; each is asked for both kinds of addresses'),
  HEADER_LIMIT_BYTES: count(65_536, 1_048_576, 'response headers; more is no HTTP'),
  RATE_GRACE_MS: count(5_000, 60_000, 'time after the headers before the minimum rate counts'),
})
export type FetcherConfig = Readonly<z.infer<typeof fetcherConfig>>
