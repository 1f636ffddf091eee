/**
 * `npm run bench`: pages a second of Warren on the synthetic web, embedded and distributed, at 0 ms and 50 ms latency.
 * The web server is a process of its own and not counted. Time is from start to exit of the command (embedded), and from the seed to the
 * last request in the server's log (distributed, whose processes run already). On: robots.txt, durable commits, the catalog, pages.jsonl.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { migrate, openFrontier } from '@warren/frontier'
import { startPostgres } from '@warren/postgres'
import { answeredUrls, benchWeb, startRabbitMq, startWebProcess } from '@warren/testkit'
import { ProcessTree } from './process-tree.ts'

const COMMAND = new URL('../packages/cli/bin/warren.cjs', import.meta.url).pathname
const { values } = parseArgs({
  options: {
    pages: { type: 'string', default: '2000' },
    hosts: { type: 'string', default: '4' },
    latency: { type: 'string', multiple: true, default: ['0', '50'] },
    mode: { type: 'string', multiple: true, default: ['embedded', 'distributed'] },
    out: { type: 'string', default: 'bench/results/crawl.json' },
  },
})
const hosts = Number(values.hosts)
const pagesPerHost = Math.ceil(Number(values.pages) / hosts)

interface Cell {
  readonly mode: string
  readonly latencyMs: number
  readonly pages: number
  readonly seconds: number
  readonly pagesPerSecond: number
  readonly cpuMsPerPage: number
  readonly cpuByProcess: Readonly<Record<string, number>>
  readonly peakMb: number
  readonly missing: number
  readonly twice: number
}

const CRAWL = ['--scope', 'any', '--delay', '0', '--concurrency', '64', '--host-concurrency', '16', '--allow-address', '127.0.0.0/8']
const SEED = CRAWL.filter((_, index) => index !== 4 && index !== 5) // concurrency is the fetchers' own setting there

const run = { embedded, distributed } as const
const cells: Cell[] = []
for (const mode of values.mode) for (const latency of values.latency) cells.push(await measure(mode as keyof typeof run, Number(latency)))
console.table(cells.map(({ cpuByProcess, ...cell }) => cell))
const commit = (await promisify(execFile)('git', ['rev-parse', '--short', 'HEAD'])).stdout.trim()
await mkdir(join(values.out, '..'), { recursive: true })
await writeFile(
  values.out,
  `${JSON.stringify({ commit, at: new Date().toISOString(), cpu: `${cpus().length} x ${cpus()[0]?.model}`, node: process.version, hosts, cells }, null, 2)}\n`,
)

async function measure(mode: keyof typeof run, latencyMs: number): Promise<Cell> {
  await using stack = new AsyncDisposableStack()
  const web = stack.use(
    await startWebProcess(benchWeb({ hosts, pagesPerHost, addresses: hosts, latencyMs: { min: latencyMs, max: latencyMs } })),
  )
  const folder = await mkdtemp(join(tmpdir(), 'warren-bench-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  using tree = new ProcessTree(/web-main/)
  const seconds = await run[mode](web.roots[0] ?? '', folder, stack, () => web.log())
  tree.sample()
  const log = await web.log()
  const answered = answeredUrls(log)
  const expected = web.expected()
  const pages = [...expected.pages].filter((url) => answered.has(url)).length
  const cpuMs = Object.values(tree.cpuMs).reduce((sum, ms) => sum + ms, 0)
  return {
    mode,
    latencyMs,
    pages,
    seconds: round(seconds),
    pagesPerSecond: Math.round(pages / seconds),
    cpuMsPerPage: round(cpuMs / pages),
    cpuByProcess: Object.fromEntries(Object.entries(tree.cpuMs).map(([name, ms]) => [name, round(ms / pages)])),
    peakMb: tree.peakMb,
    missing: expected.pages.size - pages,
    twice: log.length - new Set(log.map(({ host, path }) => host + path)).size,
  }
}

async function embedded(root: string, folder: string): Promise<number> {
  const start = performance.now()
  const child = warren(['crawl', root, '--out', join(folder, 'out'), ...CRAWL], {})
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`warren crawl ended with ${code}`)
  return (performance.now() - start) / 1_000
}

async function distributed(
  root: string,
  folder: string,
  stack: AsyncDisposableStack,
  log: () => Promise<readonly { endMs: number; startMs: number }[]>,
): Promise<number> {
  const rabbit = stack.use(await startRabbitMq())
  const postgres = stack.use(
    await startPostgres({ dir: join(folder, 'postgres'), settings: { max_connections: '40', shared_buffers: '128MB' } }),
  )
  await migrate(postgres.url)
  const frontier = stack.use(await openFrontier({ databaseUrl: postgres.url }))
  const env = { DATABASE_URL: postgres.url, AMQP_URL: rabbit.url, LOG_LEVEL: 'warn' }
  for (const role of ['coordinator', 'fetcher', 'parser']) {
    const child = warren([role], env)
    stack.defer(async () => {
      child.kill('SIGTERM')
      await once(child, 'exit')
    })
  }
  const seeded = warren(['seed', '--crawl', 'bench', root, ...SEED], env)
  if ((await once(seeded, 'exit'))[0] !== 0) throw new Error('warren seed failed')
  while ((await frontier.crawl('bench'))?.state !== 'completed') await new Promise((resolve) => setTimeout(resolve, 100))
  const records = await log()
  return (Math.max(...records.map(({ endMs }) => endMs)) - Math.min(...records.map(({ startMs }) => startMs))) / 1_000
}

function warren(args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  return spawn(process.execPath, [COMMAND, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] })
}

function round(n: number): number {
  return Math.round(n * 100) / 100
}
