/**
 * `npm run bench -- layouts`: the present layout of the frontier's tables beside others, with the same three calls: admit 500 links
 * (450 known), claim 500 URLs of 50 hosts, settle them. One connection on a private Postgres that keeps its promises (fsync and
 * synchronous_commit on). Times are of the client; `cpu` is what the backend used, which neighbours on the machine hardly change.
 *
 * Options: --urls 100000 --urls 10000000, --layouts present, --buffers 64MB, --rounds 300, --partitions 10 (further crawls, for those that have a
 * partition each), --dir, --out. A layout of 10 million URLs takes 5 GB and about a quarter of an hour.
 */
import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { dirname } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { removePostgres, startPostgres } from '@warren/postgres'
import { Client } from 'pg'
import type { Layout } from './layouts/layout.ts'
import { splitLayout } from './layouts/split.ts'
import { stateColumn } from './layouts/state-column.ts'
import { linksOfPages, random } from './links.ts'

const LAYOUTS: Readonly<Record<string, Layout>> = {
  split: splitLayout({ title: 'state is where the id is' }),
  'probe-all': splitLayout({ title: 'the same, every known link looked for in pending', probeAll: true }),
  state: stateColumn,
  'by-crawl': splitLayout({ title: 'partition per crawl', partitions: 'crawl' }),
  'by-crawl-own': splitLayout({ title: 'partition per crawl, keys without it', partitions: 'crawl', ownKeys: true }),
  random: splitLayout({ title: 'fingerprints without the host', fingerprint: 'random' }),
  'by-host': splitLayout({ title: '16 partitions by host', partitions: 'host' }),
  covering: splitLayout({ title: 'id and depth in the index of fingerprints', covering: true }),
}
const CHUNK = 100_000
const BATCH = 500
const NEW = 50
const CLAIM_HOSTS = 50
/** Takes 2 ms of an idle core. */
const YARDSTICK = { text: 'select sum(length(sha256(n::text::bytea))) from generate_series(1, 3000) n', values: [], rows: 1 }
const BASE = await Promise.all(['synthetic.sql', 'layouts/base.sql'].map((file) => readFile(new URL(file, import.meta.url), 'utf8')))

const { values } = parseArgs({
  options: {
    urls: { type: 'string', multiple: true, default: ['100000', '10000000'] },
    layouts: { type: 'string', multiple: true, default: Object.keys(LAYOUTS) },
    buffers: { type: 'string', multiple: true, default: ['64MB', '1GB'] },
    rounds: { type: 'string', default: '300' },
    partitions: { type: 'string', multiple: true, default: ['10', '100', '1000'] },
    dir: { type: 'string', default: '/tmp/warren-bench-layouts' },
    out: { type: 'string', default: 'bench/results/layouts.json' },
  },
})
const rounds = Number(values.rounds)

/** Of `rounds` calls of one kind; buffers and WAL are means of a few further calls that were explained. */
interface Timing {
  readonly p50: number
  readonly p99: number
  readonly cpu: number
  readonly rowsPerSecond: number
  readonly buffersHit: number
  readonly buffersRead: number
  readonly walBytes: number
}
interface Run {
  readonly buffers: string
  readonly crawls: number
  readonly admit: Timing
  readonly claim: Timing
  readonly settle: Timing
  /** CPU milliseconds of the same small query, between the calls: how slow the machine was in this run. */
  readonly yardstick: number
  /** Of all admits since a checkpoint, so with the first image of each page that they touched. */
  readonly walPerNewUrl: number
}
interface Result {
  readonly commit: string
  readonly at: string
  /** Of the machine, when it was done. */
  readonly load: number
  readonly layout: string
  readonly title: string
  readonly urls: number
  readonly hosts: number
  readonly loadSeconds: number
  readonly bytesPerUrl: number
  readonly bytesByRelation: Readonly<Record<string, number>>
  readonly runs: readonly Run[]
  /** What the last `runs` runs added to the tables; each admits 50 URLs and settles 500 a round. */
  readonly grown: { readonly bytes: number; readonly runs: number; readonly byRelation: Readonly<Record<string, number>> }
  readonly deletion: {
    readonly seconds: number
    readonly vacuumSeconds: number
    readonly walBytes: number
    readonly before: number
    readonly after: number
  }
}

/** Those of earlier runs that are not measured again. */
const results: Result[] = JSON.parse(await readFile(values.out, 'utf8').catch(() => '{"results": []}')).results
for (const urls of values.urls.map(Number)) {
  for (const name of values.layouts) {
    const layout = LAYOUTS[name]
    if (layout === undefined) throw new RangeError(`Cannot measure ${name}: choose of ${Object.keys(LAYOUTS).join(', ')}`)
    const result = await measure(name, layout, urls)
    const old = results.findIndex((other) => other.layout === name && other.urls === urls)
    results.splice(old === -1 ? results.length : old, old === -1 ? 0 : 1, result)
    await save()
  }
}
console.table(
  results.flatMap(({ layout, urls, bytesPerUrl, runs }) =>
    runs.map((run) => ({
      layout,
      urls,
      'B/URL': Math.round(bytesPerUrl),
      buffers: run.buffers,
      crawls: run.crawls,
      'links/s': run.admit.rowsPerSecond,
      'admit p50': run.admit.p50,
      p99: run.admit.p99,
      cpu: run.admit.cpu,
      read: run.admit.buffersRead,
      'WAL/new': run.walPerNewUrl,
      'claim p50': run.claim.p50,
      'p99 ': run.claim.p99,
      'cpu ': run.claim.cpu,
      'read ': run.claim.buffersRead,
    })),
  ),
)

async function measure(name: string, layout: Layout, urls: number): Promise<Result> {
  const hosts = Math.round(urls / 100)
  const given = { hosts, leased: layout.leased, rand: random(urls), serial: { next: 1_000_000 } }
  // A small set is loaded anew for each run, which takes much of it.
  const small = urls < 1_000_000
  const claims = small ? Math.min(rounds, Math.floor(urls / 1_000)) : rounds
  const fill = async () => {
    await mkdir(values.dir, { recursive: true })
    await removePostgres(values.dir)
    return await withServer('1GB', (db) => load(db, layout, urls, hosts))
  }
  const loaded = await fill()
  console.log(`${name}, ${urls} URLs: loaded in ${loaded.seconds} s, ${Math.round(loaded.bytes / loaded.rows)} bytes a URL`)
  const first = values.buffers[0] ?? '64MB'
  const cases = [
    ...values.buffers.map((buffers) => ({ buffers, crawls: 2 })),
    ...(layout.partitionedByCrawl === undefined ? [] : values.partitions.map((crawls) => ({ buffers: first, crawls: Number(crawls) }))),
  ]
  const runs: Run[] = []
  for (const { buffers, crawls } of cases) {
    if (small && runs.length > 0) await fill()
    const done = await withServer(buffers, async (db, pid) => {
      const there = (await one(db, 'select max(crawl_id) as n from counts')) ?? 0
      for (let id = there + 1; id <= crawls; id++) await db.query('select add_crawl($1)', [id])
      return await run(db, pid, { ...given, buffers, crawls, claims })
    })
    console.log(`  ${buffers}, ${crawls} crawls: ${JSON.stringify(done)}`)
    runs.push(done)
  }
  const after = await withServer(first, sizes)
  if (small) await fill()
  const deletion = await withServer(first, (db) => deleteCrawl(db, layout))
  console.log(`  deletion ${JSON.stringify(deletion)}`)
  await removePostgres(values.dir)
  return {
    commit: (await promisify(execFile)('git', ['rev-parse', '--short', 'HEAD'])).stdout.trim(),
    at: new Date().toISOString(),
    load: Number((loadavg()[0] ?? 0).toFixed(1)),
    layout: name,
    title: layout.title,
    urls,
    hosts,
    loadSeconds: loaded.seconds,
    bytesPerUrl: loaded.bytes / loaded.rows,
    bytesByRelation: loaded.byRelation,
    runs,
    grown: { bytes: after.total - loaded.bytes, runs: small ? 1 : runs.length, byRelation: after.byRelation },
    deletion,
  }
}

/** Runs `work` on a Postgres of the cluster set-up's kind with that many shared buffers; what is on its disk stays. */
async function withServer<T>(buffers: string, work: (db: Client, pid: number) => Promise<T>): Promise<T> {
  const settings = {
    shared_buffers: buffers,
    max_wal_size: '8GB',
    maintenance_work_mem: '256MB',
    autovacuum_naptime: '10s',
    autovacuum_vacuum_cost_limit: '1000',
  }
  await using server = await startPostgres({ dir: values.dir, settings })
  const db = new Client({ connectionString: server.url })
  await db.connect()
  await db.query('set search_path = bench')
  try {
    return await work(db, (await one(db, 'select pg_backend_pid() as n')) ?? 0)
  } finally {
    await db.end()
  }
}

/** Fills the tables in the order of discovery, all indexes in place, so that these are as full as in a crawl. */
async function load(db: Client, layout: Layout, urls: number, hosts: number) {
  const startedAt = performance.now()
  await db.query([...BASE, layout.sql].join(';'))
  await db.query(`set synchronous_commit = off; select add_crawl(1), add_crawl(2);
    insert into hosts (id, key) select h, host_key(h) from generate_series(1, ${hosts}) h`)
  const rows = urls + Math.floor(urls / 20)
  for (let from = 1; from <= rows; from += CHUNK) {
    await db.query('select load($1, $2, $3, $4)', [from, Math.min(from + CHUNK - 1, rows), rows, hosts])
  }
  await db.query(`select setval('urls_id', ${rows});
    insert into queues (host_id, crawl_id, due_at, asleep) select distinct host_id, crawl_id, now(), false from numbered(1, ${rows}, ${hosts}) where n > ${rows} / 10;
    update counts set queued = ${urls}`)
  await db.query('checkpoint') // what is not yet flushed, vacuum could not mark as visible to all
  await db.query('vacuum analyze')
  await db.query('checkpoint')
  const { total, byRelation } = await sizes(db)
  return { seconds: Math.round((performance.now() - startedAt) / 1_000), rows, bytes: total, byRelation }
}

/** Bytes of the tables that grow with the URLs, each index by itself, partitions summed. */
async function sizes(db: Client): Promise<{ total: number; byRelation: Record<string, number> }> {
  const { rows } = await db.query<{ name: string; bytes: string }>(`
    select regexp_replace(coalesce(p.relname, c.relname), '_[0-9]+$', '') as name, sum(pg_table_size(c.oid)) as bytes
      from pg_class c left join pg_inherits i on i.inhrelid = c.oid left join pg_class p on p.oid = i.inhparent
     where c.relnamespace = 'bench'::regnamespace and c.relkind in ('r', 'i') and c.relname ~ '^(urls|pending|leases|catalog)'
     group by 1 order by 1`)
  const byRelation = Object.fromEntries(rows.map(({ name, bytes }) => [name, Number(bytes)]))
  return { total: Object.values(byRelation).reduce((sum, bytes) => sum + bytes, 0), byRelation }
}

interface RunOptions {
  readonly buffers: string
  readonly crawls: number
  readonly claims: number
  readonly hosts: number
  readonly leased: string
  readonly rand: () => number
  /** The next page number that no host knows yet. */
  readonly serial: { next: number }
}

async function run(db: Client, pid: number, { buffers, crawls, claims, hosts, leased, rand, serial }: RunOptions): Promise<Run> {
  const admit = async () => {
    const links = linksOfPages(BATCH, NEW, { hosts, rand, serial })
    const { rows } = await db.query<{ fps: string[]; urls: string[] }>(
      `select array_agg(layout_fp(h, u) order by n)::text[] as fps, array_agg(u order by n) as urls
         from unnest($1::int[], $2::int[]) with ordinality l(h, p, n) cross join lateral (select url_of(h, p) as u) x`,
      [links.map((link) => link.host), links.map((link) => link.page)],
    )
    const values = [links.map(() => 1), rows[0]?.fps, links.map((link) => link.host), links.map(() => 6), rows[0]?.urls]
    return { text: 'select admit($1::int[], $2::uuid[], $3::int[], $4::int[], $5::text[])', values, rows: BATCH }
  }
  const claim = async () => ({ text: 'select * from claim($1::int, $2::int)', values: [CLAIM_HOSTS, BATCH] })
  let claimed: { crawl_id: number; id: string }[] = []
  const settle = async () => ({
    text: 'select settle($1::int[], $2::bigint[])',
    values: [claimed.map((url) => url.crawl_id), claimed.map((url) => url.id)],
    rows: claimed.length,
  })
  type Call = { text: string; values: unknown[]; rows?: number }
  const clock = new Map<string, { ms: number[]; cpu: number; rows: number }>()
  const timed = async (name: string, { text, values, rows }: Call) => {
    const entry = clock.get(name) ?? { ms: [], cpu: 0, rows: 0 }
    clock.set(name, entry)
    const cpu = await cpuMs(pid)
    const startedAt = performance.now()
    const result = await db.query({ name, text, values })
    entry.ms.push(performance.now() - startedAt)
    entry.cpu += (await cpuMs(pid)) - cpu
    entry.rows += rows ?? result.rows.length
    return result.rows
  }
  const explained = new Map<string, { hit: number; read: number; wal: number; calls: number }>()
  const explain = async (name: string, { text, values }: Call) => {
    const { rows } = await db.query({ text: `explain (analyze, buffers, wal, timing off, format json) ${text}`, values })
    const plan = rows[0]['QUERY PLAN'][0].Plan
    const entry = explained.get(name) ?? { hit: 0, read: 0, wal: 0, calls: 0 }
    explained.set(name, entry)
    entry.hit += plan['Shared Hit Blocks']
    entry.read += plan['Shared Read Blocks']
    entry.wal += plan['WAL Bytes']
    entry.calls++
  }

  // Warm: plans, catalogs, the part of the tables that fits.
  for (let i = 0; i < 100; i++) await timed('warm admit', await admit())
  for (let i = 0; i < 20; i++) {
    claimed = (await timed('warm claim', await claim())) as typeof claimed
    await timed('warm settle', await settle())
  }
  await db.query('checkpoint')
  const walBefore = await walPosition(db)
  for (let i = 0; i < rounds; i++) {
    await timed('admit', await admit())
    if (i % 5 === 0) await timed('yardstick', YARDSTICK)
  }
  const walPerNewUrl = Math.round(((await walPosition(db)) - walBefore) / (rounds * NEW))
  for (let i = 0; i < claims; i++) {
    claimed = (await timed('claim', await claim())) as typeof claimed
    await timed('settle', await settle())
    if (i % 5 === 0) await timed('yardstick', YARDSTICK)
  }
  for (let i = 0; i < 20; i++) {
    await explain('admit', await admit())
    await explain('claim', await claim())
    claimed = (await db.query(`select crawl_id, id from ${leased}`)).rows
    await explain('settle', await settle())
  }
  const timing = (name: string): Timing => {
    const { ms, cpu, rows } = clock.get(name) ?? { ms: [], cpu: 0, rows: 0 }
    const { hit, read, wal, calls } = explained.get(name) ?? { hit: 0, read: 0, wal: 0, calls: 1 }
    const sorted = ms.toSorted((a, b) => a - b)
    const at = (q: number): number => Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0).toFixed(1))
    return {
      p50: at(0.5),
      p99: at(0.99),
      cpu: Number((cpu / ms.length).toFixed(1)),
      rowsPerSecond: Math.round((rows / ms.reduce((sum, x) => sum + x, 0)) * 1_000),
      buffersHit: Math.round(hit / calls),
      buffersRead: Math.round(read / calls),
      walBytes: Math.round(wal / calls),
    }
  }
  return {
    buffers,
    crawls,
    admit: timing('admit'),
    claim: timing('claim'),
    settle: timing('settle'),
    yardstick: timing('yardstick').cpu,
    walPerNewUrl,
  }
}

/** Deletes crawl 1, the big one, whose rows lie between those of crawl 2, and looks what the file system got back. */
async function deleteCrawl(db: Client, layout: Layout): Promise<Result['deletion']> {
  const size = async () => (await one(db, 'select pg_database_size(current_database()) as n')) ?? 0
  const before = await size()
  const walBefore = await walPosition(db)
  const startedAt = performance.now()
  if (layout.partitionedByCrawl !== undefined) {
    for (const table of layout.partitionedByCrawl) {
      await db.query(`alter table ${table} detach partition ${table}_1 concurrently`)
      await db.query(`drop table ${table}_1`)
    }
  } else {
    let after: string | null = '00000000-0000-0000-0000-000000000000'
    while (after !== null)
      after = (await db.query<{ after: string | null }>('select forget(1, $1, 10000) as after', [after])).rows[0]?.after ?? null
  }
  const deletedAt = performance.now()
  if (layout.partitionedByCrawl === undefined) await db.query('vacuum')
  const seconds = (ms: number): number => Number((ms / 1_000).toFixed(1))
  return {
    seconds: seconds(deletedAt - startedAt),
    vacuumSeconds: seconds(performance.now() - deletedAt),
    walBytes: (await walPosition(db)) - walBefore,
    before,
    after: await size(),
  }
}

async function one(db: Client, sql: string): Promise<number | undefined> {
  const { rows } = await db.query<{ n: string }>(sql)
  return rows[0] === undefined ? undefined : Number(rows[0].n)
}

async function walPosition(db: Client): Promise<number> {
  return (await one(db, `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as n`)) ?? 0
}

/** Milliseconds that a process has been on a core. */
async function cpuMs(pid: number): Promise<number> {
  return Number((await readFile(`/proc/${pid}/schedstat`, 'utf8')).split(' ')[0]) / 1e6
}

async function save(): Promise<void> {
  await mkdir(dirname(values.out), { recursive: true })
  const text = JSON.stringify(
    { cpu: `${cpus().length} x ${cpus()[0]?.model}`, node: process.version, postgres: '18.4', rounds, results },
    null,
    2,
  )
  await writeFile(values.out, `${text}\n`)
}
