/*
 * Seen failing on each of these mutants of src (scripts/mutants.ts has no database to replay them on):
 * - waits.ts: a host that may not be visited yet is told to be next
 *     `  if (nextAt !== null) {` => `  if (nextAt !== null && false) {`
 * - waits.ts: robots.txt that has run out is told to hold
 *     `else if (robots.expiresAt === null) waits` => `else if (false) waits`
 * - waits.ts: an address that is not known yet is told to be free
 *     `if (address === null) waits` => `if (address === null && false) waits`
 * - waits.ts: the last slot of an address is told to be taken
 *     `address.openVisits >= config.addressSlots` => `address.openVisits >= config.addressSlots - 1`
 * - waits.ts: a block that claim has not met yet is not told
 *     `kind === 'operator' || blocked !== null` => `kind === 'operator'`
 * - waits.ts: the budget of a host is told to be spent by its last page but one
 *     `queue.done + queue.leased < maxPagesPerHost` => `queue.done + queue.leased + 1 < maxPagesPerHost`
 * - explain.ts: a retry that is due is told to wait
 *     `if (retryAt !== null && retryAt > now)` => `if (retryAt !== null)`
 */

import type { CanonicalUrl } from '@warren/web'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LEASE, startCrawl, urlsOf, World } from './support.ts'

const SLOTS = 2
const PAGES = 3
const HOSTS = 60
/** Seconds from now. */
const time = fc.constantFrom(-60, 60)

/** What a host with one queued URL may be like. */
const host = fc.record({
  next: fc.oneof({ weight: 3, arbitrary: fc.constant(-60) }, time),
  robots: fc.oneof({ weight: 3, arbitrary: fc.constant('fresh') }, fc.constantFrom('fresh', 'expired', 'away', 'redirected')),
  blocked: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.boolean()),
  closed: fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, fc.constantFrom('given-up: connect-refused', 'budget: max-pages-per-host')),
  done: fc.integer({ min: 0, max: PAGES }),
  trouble: fc.integer({ min: 0, max: 4 }),
  retry: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, time),
  isVisited: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.boolean()),
  address: fc.oneof({ weight: 5, arbitrary: fc.constant('known') }, fc.constantFrom('known', 'unknown')),
  calendar: fc.oneof({ weight: 3, arbitrary: fc.constant(-60) }, time),
  openVisits: fc.integer({ min: 0, max: SLOTS }),
})
type Host = typeof host extends fc.Arbitrary<infer T> ? T : never

/** Makes the hosts h0, h1, ... of a crawl what they are to be. Other hosts, n<i>-..., hold the slots of their addresses. */
async function arrange(world: World, crawlId: number, hosts: readonly Host[]): Promise<void> {
  await world.rows(
    `create temp table w as select (row_number() over ())::int - 1 as n, w.* from jsonb_to_recordset($1) w(
       next int, robots text, blocked boolean, closed text, done int, trouble int, retry int, "isVisited" boolean, address text, calendar int, "openVisits" int);
     `.replace('$1', `'${JSON.stringify(hosts)}'::jsonb`) +
      `insert into frontier.addresses (prefix, next_at)
         select ('10.0.' || n || '.1/32')::cidr, now() + calendar * interval '1 s' from w where address = 'known';
       update frontier.hosts h set next_at = now() + w.next * interval '1 s', trouble_count = w.trouble, trouble_code = case when w.trouble > 0 then 'http-503' end,
              blocked = case when w.blocked then 'asked to' end,
              robots_access = case w.robots when 'fresh' then 'allow-all' end,
              robots_expires = case w.robots when 'fresh' then now() + interval '1 h' else '-infinity' end,
              robots_retry_at = case w.robots when 'away' then now() + interval '1 min' end,
              address_id = (select a.id from frontier.addresses a where a.prefix = ('10.0.' || n || '.1/32')::cidr)
         from w where h.key = 'http://h' || w.n || '.test:80';
       insert into frontier.robots_hops (asking_host_id, host_id, crawl_id, hop, url, expires_at)
         select h.id, 1000000 + h.id, ${crawlId}, 1, 'http://r.test/', now() + interval '1 h' from w join frontier.hosts h on h.key = 'http://h' || w.n || '.test:80'
          where w.robots = 'redirected';
       update frontier.queues q set due_at = now() - interval '1 s', asleep = false, closed = w.closed, done = w.done
         from w join frontier.hosts h on h.key = 'http://h' || w.n || '.test:80' where q.host_id = h.id;
       update frontier.pending p set retry_at = now() + w.retry * interval '1 s'
         from w join frontier.hosts h on h.key = 'http://h' || w.n || '.test:80' where p.host_id = h.id;
       insert into frontier.hosts (key) select 'http://n' || n || '-' || i || '.test:80' from w, generate_series(1, "openVisits") i where address = 'known';
       insert into frontier.visits (host_id, id, crawl_id, delay_ms, address_id, until, kind)
         select h.id, gen_random_uuid(), ${crawlId}, 0, case when h.key like 'http://n%' then a.id end, now() + interval '1 min', 'pages'
           from w join frontier.hosts h on h.key like 'http://n' || n || '-%' or "isVisited" and h.key = 'http://h' || n || '.test:80'
           left join frontier.addresses a on a.prefix = ('10.0.' || n || '.1/32')::cidr;
       update frontier.hosts h set visit = v.id, lease_until = v.until, next_at = v.until from frontier.visits v where v.host_id = h.id;
       drop table w`,
  )
}

test('a URL is told to wait for nothing if and only if the next claim takes it', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(host, { minLength: HOSTS, maxLength: HOSTS }), async (hosts) => {
      await using world = await World.create()
      const { frontier } = world
      const config = { delayMs: 0, addressSlots: SLOTS, addressSpacingMs: 1, maxPagesPerHost: PAGES }
      const seeds = hosts.map((_, n) => `http://h${n}.test/`)
      const crawl = await startCrawl(frontier, seeds, config)
      await arrange(world, crawl.id, hosts)
      await frontier.heartbeat({ name: 'one', fetchers: 1, holds: null })
      const told = new Map<string, readonly string[]>()
      for (const url of seeds) {
        const { queue } = (await frontier.explain(crawl.id, url as CanonicalUrl)).url ?? {}
        told.set(url, queue?.waits.map((wait) => wait.for) ?? ['not queued'])
      }
      const claimed = new Set((await frontier.claim({ ...LEASE, hosts: 100 })).flatMap(urlsOf).map(({ url }) => url))
      const wrong = seeds.flatMap((url, n) =>
        (told.get(url)?.length === 0) === claimed.has(url) ? [] : [{ url, told: told.get(url), ...hosts[n] }],
      )
      expect(wrong).toEqual([])
      expect(claimed.size).toBeGreaterThan(0)
    }),
    { numRuns: 4, endOnFailure: true }, // what is wrong is told; a smaller case takes long to find
  )
})
