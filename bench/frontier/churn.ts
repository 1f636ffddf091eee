/**
 * `npm run bench -- churn`: whether the frontier's tables grow by more than what they hold. Coordinators claim and settle without a pause, and each
 * page brings ten links, one of them new: the queue stays as long as it is, while all of it is replaced again and again. After each minute: bytes of
 * each table and of its indexes, its rows, its dead rows, and how fast the last minute was.
 *
 * Options: --urls, --hosts, --minutes, --coordinators, --setup, --dir, --out.
 */
import { parseArgs } from 'node:util'
import { openFrontier } from '@warren/frontier'
import { removePostgres, startPostgres } from '@warren/postgres'
import { Client } from 'pg'
import type { Order } from './coordinator.ts'
import { ask, end, load, quantile, save, settingsOf, startCoordinator } from './processes.ts'

const { values } = parseArgs({
  options: {
    urls: { type: 'string', default: '100000' },
    hosts: { type: 'string', default: '1000' },
    minutes: { type: 'string', default: '20' },
    coordinators: { type: 'string', default: '2' },
    setup: { type: 'string', default: 'cluster' },
    dir: { type: 'string', default: '/tmp/warren-bench-churn' },
    out: { type: 'string', default: 'bench/results/churn.json' },
  },
})
const urls = Number(values.urls)
const hosts = Number(values.hosts)
const minutes = Number(values.minutes)
const coordinators = Number(values.coordinators)
const MINUTE_S = 60

/** Partitions count as the table that they are of. */
const TABLES = `
select regexp_replace(c.relname, '_[0-9]+$', '') as name, sum(pg_table_size(c.oid))::float8 as bytes, sum(pg_indexes_size(c.oid))::float8 as indexes, sum(s.n_dead_tup)::float8 as dead
  from pg_class c join pg_stat_user_tables s on s.relid = c.oid
 where c.relnamespace = 'frontier'::regnamespace and c.relkind = 'r' group by 1 having sum(pg_relation_size(c.oid)) > 0`

interface Sample {
  readonly minute: number
  /** Settled so far. */
  readonly pages: number
  readonly pagesPerSecond: number
  readonly claimP50: number
  readonly settleP50: number
  readonly tables: Readonly<
    Record<string, { readonly bytes: number; readonly indexes: number; readonly rows: number; readonly dead: number }>
  >
}

const samples: Sample[] = []
const crawlId = await load(values.dir, urls, hosts)
{
  await using server = await startPostgres({ dir: values.dir, settings: settingsOf(values.setup) })
  const db = new Client({ connectionString: server.url })
  await db.connect()
  const orders = Array.from({ length: coordinators }, (_, slot): Order => ({ databaseUrl: server.url, slot, crawlId, hosts }))
  const children = await Promise.all(orders.map(startCoordinator))
  let pages = 0
  for (let minute = 0; minute <= minutes; minute++) {
    const phases = children.map((child, n) =>
      ask(child, {
        name: 'with links',
        seconds: minute === 0 ? 1 : MINUTE_S,
        calls: Number.MAX_SAFE_INTEGER,
        fresh: 1_000_000 * (1 + minute * coordinators + n),
      }),
    )
    const reports = await Promise.all(phases)
    const p50 = (verb: 'claim' | 'settle') =>
      quantile(
        reports.flatMap((report) => report[verb].ms).toSorted((a, b) => a - b),
        0.5,
      )
    const settled = reports.reduce((sum, report) => sum + report.settle.rows, 0)
    pages += settled
    samples.push({
      minute,
      pages,
      pagesPerSecond: Math.round(settled / Math.max(...reports.map((report) => report.seconds))),
      claimP50: p50('claim'),
      settleP50: p50('settle'),
      tables: await tables(db),
    })
    await save(values.out, { urls, hosts, coordinators, setup: values.setup, samples })
    console.log(JSON.stringify(samples.at(-1)))
  }
  await Promise.all(children.map(end))
  await db.end()
  await using frontier = await openFrontier({ databaseUrl: server.url })
  const wrong = await frontier.verify(crawlId)
  if (wrong.length > 0) throw new Error(`the crawl's tables disagree: ${JSON.stringify(wrong)}`)
}
await removePostgres(values.dir)
console.table(
  samples.map(({ minute, pages, pagesPerSecond, claimP50, settleP50, tables }) => ({
    minute,
    pages,
    'pages/s': pagesPerSecond,
    'claim p50': claimP50,
    'settle p50': settleP50,
    ...Object.fromEntries(
      Object.entries(tables).map(([name, { bytes, indexes }]) => [name, `${megabytes(bytes)} + ${megabytes(indexes)} MB`]),
    ),
  })),
)

function megabytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1)
}

async function tables(db: Client): Promise<Sample['tables']> {
  const { rows } = await db.query<{ name: string; bytes: number; indexes: number; dead: number }>(TABLES)
  const counted: [string, Sample['tables'][string]][] = []
  for (const { name, bytes, indexes, dead } of rows) {
    const count = await db.query<{ n: number }>(`select count(*)::float8 as n from frontier.${name}`)
    counted.push([name, { bytes, indexes, rows: count.rows[0]?.n ?? 0, dead }])
  }
  return Object.fromEntries(counted)
}
