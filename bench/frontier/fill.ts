import { readFile } from 'node:fs/promises'
import type { Frontier } from '@warren/frontier'
import { defaultCrawlConfig } from '@warren/protocol'
import type { Client } from 'pg'

const CHUNK = 100_000
const DEPTH = 5
const SYNTHETIC = new URL('synthetic.sql', import.meta.url)

/**
 * Fills the frontier's own tables with a running crawl of `urls` known URLs on `hosts` hosts, a tenth of them done, the others queued, as if they
 * had been discovered one after the other; in bulk, past the functions, leaving what the functions would have left. Returns the crawl's id.
 */
export async function fill(db: Client, frontier: Frontier, urls: number, hosts: number): Promise<number> {
  const config = { ...defaultCrawlConfig('Bench/1'), delayMs: 0, addressSlots: 0 }
  const { id } = await frontier.createCrawl({ name: `${urls} URLs`, config })
  await db.query(await readFile(SYNTHETIC, 'utf8'))
  await db.query(`
    set synchronous_commit = off;
    insert into frontier.hosts (id, key, robots_access, robots_expires) overriding system value
    select h, bench.host_key(h), 'allow-all', 'infinity' from generate_series(1, ${hosts}) h;
    select setval(pg_get_serial_sequence('frontier.hosts', 'id'), ${hosts})`)
  const done = Math.floor(urls / 10)
  for (let from = 1; from <= urls; from += CHUNK) {
    const range = [id, hosts, from, Math.min(from + CHUNK - 1, urls)]
    await db.query(FILL_URLS, range)
    if (from <= done) await db.query(FILL_CATALOG, [...range.slice(0, 3), Math.min(from + CHUNK - 1, done)])
    if (from + CHUNK > done + 1) await db.query(FILL_PENDING, [id, hosts, Math.max(from, done + 1), range[3]])
  }
  await db.query(`
    select setval('frontier.urls_id', ${urls});
    insert into frontier.queues (host_id, crawl_id, due_at, asleep)
    select distinct host_id, ${id}, now(), false from frontier.pending where crawl_id = ${id};
    insert into frontier.crawl_counts (crawl_id, depth, slot, discovered, queued, leased, done, failed, excluded, bytes)
    values (${id}, ${DEPTH}, 0, ${urls}, ${urls - done}, 0, ${done}, 0, 0, ${done} * 100)`)
  await db.query('checkpoint') // what is not yet flushed, vacuum could not mark as visible to all
  await db.query('vacuum analyze')
  await db.query('checkpoint')
  await frontier.transition(id, 'start')
  return id
}

const NUMBERED = `(select n, host_id, bench.url_of(host_id, page) as url
  from generate_series($3::bigint, $4) n cross join lateral bench.place_of(n, $2)) known`

const FILL_URLS = `
insert into frontier.urls (id, fp, parent, crawl_id, host_id, depth, chain, priority, url)
select n, bench.fingerprint(host_id, url), n / 10, $1, host_id, ${DEPTH}, 0, 0, url from ${NUMBERED}`

const FILL_PENDING = `
insert into frontier.pending (id, parent, crawl_id, host_id, rank, pass, depth, chain, priority, attempt, crashes)
select n, n / 10, $1, host_id, frontier.rank_of(false, ${DEPTH}, 0), 1, ${DEPTH}, 0, 0, 1, 0 from ${NUMBERED}`

const FILL_CATALOG = `
insert into frontier.catalog (id, parent, body_bytes, wire_bytes, fetched_at, recrawl_at, recrawl_ms, crawl_id, pass, body_pass, first_byte_ms,
  total_ms, links, links_dropped, status, depth, chain, attempt, content_type, digest)
select n, n / 10, 100, 50, now(), now() + interval '1 day', 86400000, $1, 1, 1, 5, 9, 10, 0, 200, ${DEPTH}, 0, 1, 'text/html',
       sha256(url::bytea) from ${NUMBERED}`
