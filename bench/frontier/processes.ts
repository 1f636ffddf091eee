import { type ChildProcess, execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { migrate, openFrontier } from '@warren/frontier'
import { removePostgres, startPostgres } from '@warren/postgres'
import { Client } from 'pg'
import type { Order, Phase, Report } from './coordinator.ts'
import { fill } from './fill.ts'

/** For loading only. */
const LOAD_SETTINGS = { shared_buffers: '1GB', max_wal_size: '8GB', maintenance_work_mem: '256MB' }
const COORDINATOR = new URL('coordinator.ts', import.meta.url)

const cluster = await clusterSettings()
/** What is set beside EMBEDDED_SETTINGS. */
const SETUPS: ReadonlyMap<string, Readonly<Record<string, string>>> = new Map([
  ['embedded', {}],
  ['cluster', cluster],
  ['cluster-1GB', { ...cluster, shared_buffers: '1GB' }], // above the indexes of ten million URLs
])

export function settingsOf(setup: string): Readonly<Record<string, string>> {
  const settings = SETUPS.get(setup)
  if (settings === undefined) throw new RangeError(`Cannot measure the set-up ${setup}: choose of ${[...SETUPS.keys()].join(', ')}`)
  return settings
}

/** A private Postgres in `dir` with a crawl of that many URLs and hosts; it is stopped again. Returns the crawl's id. */
export async function load(dir: string, urls: number, hosts: number): Promise<number> {
  await mkdir(dir, { recursive: true })
  await removePostgres(dir)
  await using server = await startPostgres({ dir, settings: LOAD_SETTINGS })
  await migrate(server.url)
  await using frontier = await openFrontier({ databaseUrl: server.url })
  const db = new Client({ connectionString: server.url })
  await db.connect()
  const startedAt = performance.now()
  try {
    return await fill(db, frontier, urls, hosts)
  } finally {
    await db.end()
    console.log(`${urls} URLs: loaded in ${Math.round((performance.now() - startedAt) / 1_000)} s`)
  }
}

export async function startCoordinator(order: Order): Promise<ChildProcess> {
  const child = fork(COORDINATOR, [JSON.stringify(order)])
  await answerOf(child)
  return child
}

/** Runs a phase in a coordinator. */
export function ask(child: ChildProcess, phase: Phase): Promise<Report> {
  child.send(phase)
  return answerOf<Report>(child)
}

export async function end(child: ChildProcess): Promise<void> {
  child.send('end')
  await once(child, 'exit')
}

async function answerOf<T>(child: ChildProcess): Promise<T> {
  using ended = new DisposableStack()
  const cut = new AbortController()
  const onExit = () => cut.abort(new Error('a coordinator ended'))
  child.once('exit', onExit)
  ended.defer(() => child.off('exit', onExit))
  const [answer] = await once(child, 'message', { signal: cut.signal })
  return answer as T
}

/** The q-quantile of a list in ascending order. */
export const quantile = (sorted: readonly number[], q: number): number =>
  Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0).toFixed(1))

/** Writes what was measured, with where and of what. */
export async function save(file: string, results: object): Promise<void> {
  const commit = (await promisify(execFile)('git', ['rev-parse', '--short', 'HEAD'])).stdout.trim()
  await mkdir(dirname(file), { recursive: true })
  const head = { commit, at: new Date().toISOString(), cpu: `${cpus().length} x ${cpus()[0]?.model}`, node: process.version }
  await writeFile(file, `${JSON.stringify({ ...head, ...results }, null, 2)}\n`)
}

/** What infra/postgres/postgresql.conf sets, but for where it listens and what it logs. */
async function clusterSettings(): Promise<Record<string, string>> {
  const text = await readFile(new URL('../../infra/postgres/postgresql.conf', import.meta.url), 'utf8')
  const pairs = [...text.matchAll(/^(\w+) = '?([^'\n]*)'?$/gm)].map(([, name = '', value = '']): [string, string] => [name, value])
  return Object.fromEntries(pairs.filter(([name]) => !/^(listen|log|password|tcp)_/.test(name)))
}
