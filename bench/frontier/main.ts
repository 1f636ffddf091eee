/**
 * `npm run bench -- frontier`: rows a second and latency of admit, claim and settle at 0.1, 1 and 10 million known URLs, with one and with four
 * coordinators (processes of their own), on Postgres as an embedded crawl has it and as infra/postgres configures it. fsync and
 * synchronous_commit are on. Three phases a cell: links of pages are seeded; URLs are claimed and settled; the same with ten links a page, nine
 * of them known. At the end of a size the crawl is deleted. `cpu` is what Postgres used for a call, all its processes: unlike the times, neighbours on the machine hardly change it.
 *
 * Options: --urls, --coordinators, --setup (each may be repeated; cluster-1GB too), --seconds of a phase, --warm, --dir, --out. Each cell begins with
 * a started server: nothing is in its buffers, and the first change of a page after the checkpoint writes all of it to the WAL. --warm admits links
 * for so many seconds before the first phase, as a crawl has done that runs for a while. Ten million URLs take 7 GB.
 */
import { readFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { openFrontier } from '@warren/frontier'
import { removePostgres, startPostgres } from '@warren/postgres'
import { Client } from 'pg'
import type { Order, Phase, Report, Timed } from './coordinator.ts'
import { ask, end, load, quantile, save, settingsOf, startCoordinator } from './processes.ts'

const { values } = parseArgs({
  options: {
    urls: { type: 'string', multiple: true, default: ['100000', '1000000@10', '1000000', '10000000'] },
    coordinators: { type: 'string', multiple: true, default: ['1', '4'] },
    setup: { type: 'string', multiple: true, default: ['embedded', 'cluster'] },
    seconds: { type: 'string', default: '20' },
    warm: { type: 'string', default: '0' },
    dir: { type: 'string', default: '/tmp/warren-bench-frontier' },
    out: { type: 'string', default: 'bench/results/frontier.json' },
  },
})

const PHASES = ['admit', 'claim and settle', 'with links'] as const
/** Of what is queued, a phase takes at most this share, so that a small crawl is not used up. */
const SHARE = 0.2
const URLS_PER_CLAIM = 500
/** Unless it is said: URLS@HOSTS. */
const URLS_PER_HOST = 100
/** Where the page numbers of the warm-up begin, which no phase reaches. */
const WARM_FRESH = 1_000_000_000
/** Below this size a crawl is loaded anew for each cell. */
const SMALL = 1_000_000

interface Figures {
  readonly calls: number
  readonly rowsPerSecond: number
  readonly p50: number
  readonly p99: number
}
interface Cell {
  readonly urls: number
  readonly hosts: number
  readonly setup: string
  readonly coordinators: number
  readonly phase: Phase['name']
  readonly admit?: Figures
  readonly claim?: Figures
  readonly settle?: Figures
  /** Milliseconds of Postgres' processes for each call to admit, or for each claim with its settles. */
  readonly cpu: number
  readonly conflicts: number
  readonly load: number
}

/** Of the whole crawl, as an operator or the retention does it. */
interface Deletion {
  readonly urls: number
  readonly hosts: number
  readonly seconds: number
  readonly walBytes: number
  /** Bytes of the database. */
  readonly before: number
  readonly after: number
}

const cells: Cell[] = []
const deletions: Deletion[] = []
for (const size of values.urls) {
  const [urls = 0, hosts = urls / URLS_PER_HOST] = size.split('@').map(Number)
  if (!Number.isInteger(urls) || !Number.isInteger(hosts)) throw new RangeError(`Cannot measure ${size} URLs: give a number, or URLs@HOSTS`)
  await measure(urls, hosts)
}
console.table(
  cells.map(({ urls, hosts, setup, coordinators, phase, admit, claim, settle, cpu }) => ({
    urls,
    hosts,
    setup,
    coordinators,
    phase,
    'links/s': admit?.rowsPerSecond ?? '',
    'pages/s': settle?.rowsPerSecond ?? '',
    'admit p50': admit?.p50 ?? '',
    'admit p99': admit?.p99 ?? '',
    'claim p50': claim?.p50 ?? '',
    'claim p99': claim?.p99 ?? '',
    'settle p50': settle?.p50 ?? '',
    'settle p99': settle?.p99 ?? '',
    cpu,
  })),
)
console.table(deletions)

async function measure(urls: number, hosts: number): Promise<void> {
  let crawlId = await load(values.dir, urls, hosts)
  for (const setup of values.setup) {
    for (const coordinators of values.coordinators.map(Number)) {
      if (urls < SMALL && cells.some((cell) => cell.urls === urls)) crawlId = await load(values.dir, urls, hosts)
      await using server = await startPostgres({ dir: values.dir, settings: settingsOf(setup) })
      const orders = Array.from({ length: coordinators }, (_, slot): Order => ({ databaseUrl: server.url, slot, crawlId, hosts }))
      const children = await Promise.all(orders.map(startCoordinator))
      const warm = { name: 'admit', seconds: Number(values.warm), calls: Number.MAX_SAFE_INTEGER } as const
      await Promise.all(children.map((child, n) => ask(child, { ...warm, fresh: WARM_FRESH + 1_000_000 * (cells.length * 8 + n) })))
      for (const name of PHASES) {
        const calls = name === 'admit' ? Number.POSITIVE_INFINITY : Math.ceil((urls * SHARE) / URLS_PER_CLAIM / coordinators)
        const cpu = await cpuMs(server.pid)
        const reports = await Promise.all(
          children.map((child, n) => {
            const fresh = 1_000_000 * (1 + cells.length * 8 + n)
            return ask(child, { name, seconds: Number(values.seconds), calls: Math.min(calls, 1e9), fresh })
          }),
        )
        const used = (await cpuMs(server.pid)) - cpu
        cells.push({ urls, hosts, setup, coordinators, phase: name, ...figuresOf(reports, used) })
        console.log(JSON.stringify(cells.at(-1)))
        await saveAll()
      }
      await Promise.all(children.map(end))
      await check(server.url, crawlId, urls)
    }
  }
  deletions.push({ urls, hosts, ...(await measureDeletion(crawlId)) })
  console.log(`deletion ${JSON.stringify(deletions.at(-1))}`)
  await saveAll()
  await removePostgres(values.dir)
}

function saveAll(): Promise<void> {
  return save(values.out, { seconds: Number(values.seconds), warm: Number(values.warm), cells, deletions })
}

/** Its end is written past the functions: to exclude nine million queued URLs one batch after the other is not what is asked here. */
async function measureDeletion(crawlId: number): Promise<Omit<Deletion, 'urls' | 'hosts'>> {
  await using server = await startPostgres({ dir: values.dir, settings: settingsOf('cluster') })
  await using frontier = await openFrontier({ databaseUrl: server.url })
  const db = new Client({ connectionString: server.url })
  await db.connect()
  const look = async () => {
    const { rows } = await db.query<{ bytes: number; wal: number }>(
      `select pg_database_size(current_database())::float8 as bytes, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as wal`,
    )
    return rows[0] ?? { bytes: 0, wal: 0 }
  }
  try {
    await db.query(`update frontier.crawls set state = 'cancelled', ended_at = now() where id = $1`, [crawlId])
    const before = await look()
    const startedAt = performance.now()
    await frontier.deleteCrawl(crawlId)
    const seconds = Number(((performance.now() - startedAt) / 1_000).toFixed(1))
    const after = await look()
    return { seconds, walBytes: after.wal - before.wal, before: before.bytes, after: after.bytes }
  } finally {
    await db.end()
  }
}

/** The counters agree with the rows: the loader left what the functions would have, and the calls kept it. */
async function check(databaseUrl: string, crawlId: number, urls: number): Promise<void> {
  if (urls > SMALL) return // it counts every row
  await using frontier = await openFrontier({ databaseUrl })
  const wrong = await frontier.verify(crawlId)
  if (wrong.length > 0) throw new Error(`the crawl's tables disagree: ${JSON.stringify(wrong)}`)
}

function figuresOf(reports: readonly Report[], cpu: number): Omit<Cell, 'urls' | 'hosts' | 'setup' | 'coordinators' | 'phase'> {
  const seconds = Math.max(...reports.map((report) => report.seconds))
  const of = (verb: 'admit' | 'claim' | 'settle') => {
    const all = reports.map((report) => report[verb])
    return all.some(({ ms }) => ms.length > 0) ? { [verb]: figures(all, seconds) } : {}
  }
  const calls = reports.reduce((sum, { admit, claim }) => sum + admit.ms.length + claim.ms.length, 0)
  return {
    ...of('admit'),
    ...of('claim'),
    ...of('settle'),
    cpu: Number((cpu / calls).toFixed(1)),
    conflicts: reports.reduce((sum, report) => sum + report.conflicts, 0),
    load: Number((loadavg()[0] ?? 0).toFixed(1)),
  }
}

function figures(all: readonly Timed[], seconds: number): Figures {
  const ms = all.flatMap((timed) => timed.ms).toSorted((a, b) => a - b)
  const rows = all.reduce((sum, timed) => sum + timed.rows, 0)
  return { calls: ms.length, rowsPerSecond: Math.round(rows / seconds), p50: quantile(ms, 0.5), p99: quantile(ms, 0.99) }
}

/** Milliseconds on a core of Postgres and the processes it started that live now. */
async function cpuMs(pid: number): Promise<number> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ')
  const times = await Promise.all([`${pid}`, ...children].map((id) => readFile(`/proc/${id}/schedstat`, 'utf8').catch(() => '0')))
  return times.reduce((sum, text) => sum + Number(text.split(' ')[0]) / 1e6, 0)
}
