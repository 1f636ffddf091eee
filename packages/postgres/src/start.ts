import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, open, rename } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { CancelScope, interval, oneshot, type ResourceScope, scoped, select, sleep, type Waiting, watch } from '@warren/async'
import { CrawlError } from '@warren/protocol'
import { chooseAccount, spawnAs } from './account.ts'
import { findBinaries } from './binaries.ts'
import { isHomeGone } from './cached-home.ts'
import { type Cluster, placeCluster, removeCluster } from './cluster.ts'
import { folderFault, logTail, START_AGAIN, serviceFault } from './fault.ts'
import { unlessMissing, writeWhole } from './files.ts'
import { lockFolder } from './folder-lock.ts'
import { Guard } from './guard.ts'
import { initialize, ROLE } from './initialize.ts'
import { readPostmasterPid, SHUTDOWN_STEPS, stopOrphan } from './orphan.ts'
import { configuration, EMBEDDED_SETTINGS } from './settings.ts'

/** The part of a logger that is used here; a pino logger is one. */
export interface PostgresLogger {
  info(fields: object, message: string): void
}

export interface PostgresOptions {
  /** The folder that it lives on; made when missing. A process has it alone. */
  readonly dir: string
  /** Further Postgres settings, over those of EMBEDDED_SETTINGS, in Postgres' notation. */
  readonly settings?: Readonly<Record<string, string>>
  readonly logger?: PostgresLogger
}

/** A running Postgres of our own. Disposing it shuts it down fast, and waits until it is gone and the folder is free. */
export interface PrivatePostgres extends AsyncDisposable {
  /** With user and password; only this machine can connect. */
  readonly url: string
  readonly pid: number
  /** Resolves, never rejects, when it ended although nobody disposed it: why, with its last words. */
  readonly failed: Promise<CrawlError>
}

const READY_MS = 300_000 // a replay after a kill may be long; it is cancelled by the signal
/** Between two looks whether it is ready. */
const LOOK_MS = 5
const MAX_STARTS = 5

/**
 * Starts a private Postgres on a folder: takes the folder's lock, stops what an earlier run may have left running, makes the cluster
 * the first time, and returns when it accepts connections. It cannot outlive this process by more than half a minute (guard.ts).
 * **Errors**: ERR_OUTPUT_BUSY (the folder is in use), ERR_OUTPUT_UNUSABLE (not writable, disk full), ERR_SERVICE_START (with its last log lines).
 * **Cancel safety**: yes; a cancelled start leaves nothing running. **Cost**: first start about 1 s, later ones 0.1 s.
 */
export function startPostgres(options: PostgresOptions, { signal }: Waiting = {}): Promise<PrivatePostgres> {
  return scoped((scope) => start(options, scope, signal), { signal })
}

/** What is started belongs to `scope`. */
async function start(
  options: PostgresOptions,
  scope: ResourceScope,
  signal: AbortSignal | undefined,
): Promise<Omit<PrivatePostgres, keyof AsyncDisposable>> {
  const dir = resolve(options.dir)
  const settings = { ...EMBEDDED_SETTINGS, ...options.settings }
  const text = configuration(settings)
  await makeFolder(dir)
  scope.use(lockFolder(dir))
  const { account, asRoot } = await chooseAccount(join(dir, 'data'))
  const cluster = await placeCluster(dir, account, asRoot)
  const binaries = await findBinaries(account)
  const { stopped } = await stopOrphan(cluster, signal)
  if (stopped !== undefined) options.logger?.info({ pid: stopped }, 'stopped the Postgres of an earlier run')
  signal?.throwIfAborted()
  const password = await initialize(cluster, binaries, { durable: settings['fsync'] !== 'off', signal })

  const mark = `warren-${randomBytes(8).toString('hex')}`
  scope.use(await Guard.start(cluster, mark))
  const { child, port } = await launch({ cluster, program: binaries.postgres, mark, text, signal })
  scope.defer(() => shutDown(child))
  const pid = child.pid ?? 0
  options.logger?.info({ pid, port, home: cluster.home }, 'Postgres runs')

  const failure = watch<CrawlError | undefined>(undefined)
  const tell = async (): Promise<void> => {
    const said = await logTail(join(cluster.home, 'log'))
    failure.sender.send(serviceFault('keep Postgres running', cluster.home, said, undefined, START_AGAIN))
  }
  child.once('exit', tell)
  scope.defer(() => child.off('exit', tell)) // the first to go: an end that we make is no failure
  const url = `postgres://${ROLE}:${password}@127.0.0.1:${port}/postgres`
  return { url, pid, failed: failure.receiver.waitFor((error) => error !== undefined) }
}

/**
 * Removes the cluster of a folder, also what lies outside of it (as root), but not the folder. Nothing of it may run.
 * **Errors**: as startPostgres.
 */
export async function removePostgres(dir: string): Promise<void> {
  const folder = resolve(dir)
  using _lock = lockFolder(folder)
  const { account, asRoot } = await chooseAccount(join(folder, 'data'))
  if (!asRoot || !(await isHomeGone(folder))) await stopOrphan(await placeCluster(folder, account, asRoot), undefined)
  await removeCluster(folder)
}

async function makeFolder(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw folderFault(dir, error)
  }
}

interface Launch {
  readonly cluster: Cluster
  readonly program: string
  readonly mark: string
  readonly text: string
  readonly signal: AbortSignal | undefined
}

/** Starts it on a free port. Between our look for one and its bind anyone may take that port, and the last Postgres' children may not be gone yet. */
async function launch({ cluster, program, mark, text, signal }: Launch): Promise<{ child: ChildProcess; port: number }> {
  const log = join(cluster.home, 'log')
  const file = join(cluster.home, 'postgresql.conf')
  for (let start = 1; ; start++) {
    const port = await freePort()
    try {
      await writeWhole(file, `${text}port = ${port}\ncluster_name = '${mark}'\n`, { durable: false })
      await rename(log, `${log}.old`).catch(unlessMissing)
    } catch (error) {
      throw folderFault(cluster.home, error)
    }
    await using output = await open(log, 'ax', 0o600) // new: nobody can have put a link there
    const child = spawn(program, ['-D', cluster.data, '-c', `config_file=${file}`, '-c', `cluster_name=${mark}`], {
      ...spawnAs(cluster.account),
      stdio: ['ignore', output.fd, output.fd],
      detached: true, // its own session: a Ctrl-C for our group must not end it while we drain
    })
    child.unref()
    try {
      if (await becameReady(child, cluster, signal)) return { child, port }
    } catch (error) {
      await shutDown(child, 'SIGQUIT')
      throw error
    }
    const said = await logTail(log)
    const passing = /could not bind|pre-existing shared memory block|lock file ".*" already exists/.test(said)
    if (!passing || start === MAX_STARTS) throw serviceFault('start Postgres', cluster.home, said)
    await sleep(100 * start, { signal })
  }
}

/** True when it accepts connections, false when it ended. Postgres writes its state to the last line of postmaster.pid. */
async function becameReady(child: ChildProcess, cluster: Cluster, signal: AbortSignal | undefined): Promise<boolean> {
  const { sender, receiver: failure } = oneshot<CrawlError>()
  child.once('error', (cause) => sender.send(serviceFault('start Postgres', cluster.home, '', cause)))
  using limit = new CancelScope({ deadlineMs: READY_MS })
  const look = interval({ everyMs: LOOK_MS, missed: 'delay' })
  for (;;) {
    const next = await select({ failure, late: limit.signal, look }, { signal })
    if (next.branch === 'failure') throw next.value
    if (child.exitCode !== null || child.signalCode !== null) return false
    const file = await readPostmasterPid(cluster.data)
    if (file?.pid === child.pid && file?.ready) return true
    if (next.branch === 'late')
      throw new CrawlError(
        'ERR_SERVICE_START',
        `Cannot start Postgres in ${cluster.home}: not ready after ${READY_MS / 1_000} s; see its log there`,
      )
  }
}

async function shutDown(child: ChildProcess, from: NodeJS.Signals = 'SIGINT'): Promise<void> {
  const { sender, receiver: gone } = oneshot<true>()
  child.once('exit', () => sender.send(true))
  for (const { signal, waitMs } of SHUTDOWN_STEPS.slice(SHUTDOWN_STEPS.findIndex((step) => step.signal === from))) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    child.ref() // we wait for it now
    const next = await select({ gone, late: (signal) => sleep(waitMs, { signal }) })
    if (next.branch === 'gone') return
  }
  throw new CrawlError('ERR_SERVICE_START', `Cannot stop Postgres: process ${child.pid} does not end, not even by force`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
