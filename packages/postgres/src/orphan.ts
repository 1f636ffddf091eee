import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CancelScope, interval, select } from '@warren/async'
import { CrawlError } from '@warren/protocol'
import type { Cluster } from './cluster.ts'
import { errnoOf } from './fault.ts'
import { inspectProcess, isAlive, signalIfAlive } from './process-table.ts'

/** Escalation: what is sent, and how long it may take effect. A fast shutdown waits for a checkpoint; QUIT leaves recovery to the next start. */
export const SHUTDOWN_STEPS: readonly { signal: NodeJS.Signals; waitMs: number }[] = [
  { signal: 'SIGINT', waitMs: 10_000 },
  { signal: 'SIGQUIT', waitMs: 8_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
]
const LOOK_MS = 10

/** The lines of postmaster.pid that matter here; undefined when there is no such file. */
export async function readPostmasterPid(data: string): Promise<{ pid: number; data: string; ready: boolean } | undefined> {
  try {
    const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')
    return { pid: Number.parseInt(lines[0] ?? '', 10), data: lines[1] ?? '', ready: lines[7]?.trim() === 'ready' }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Stops a Postgres that still runs on the cluster although nobody holds its lock: its program and its guard were killed together.
 * It is stopped only when it is proven ours: named by the cluster's own postmaster.pid, started on this very data folder, and of the account.
 * Another process that got the old one's number is left alone, and the stale file removed.
 * **Errors**: ERR_SERVICE_START when it does not end. Cancel safety: yes.
 */
export async function stopOrphan({ data, account }: Cluster, signal: AbortSignal | undefined): Promise<{ stopped?: number }> {
  const file = await readPostmasterPid(data)
  if (file === undefined || !(file.pid > 1) || !isAlive(file.pid)) return {}
  const found = await inspectProcess(file.pid)
  if (found === undefined) return {}
  if (found.uid !== account.uid || !found.command.includes(` -D ${data} `) || file.data !== data) {
    await rm(join(data, 'postmaster.pid'), { force: true })
    return {}
  }
  for (const step of SHUTDOWN_STEPS) {
    signalIfAlive(file.pid, step.signal)
    if (await goneWithin(file.pid, step.waitMs, signal)) return { stopped: file.pid }
  }
  throw new CrawlError(
    'ERR_SERVICE_START',
    `Cannot stop the Postgres that still runs on ${data}: process ${file.pid}; stop it and try again`,
  )
}

async function goneWithin(pid: number, ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  using limit = new CancelScope({ deadlineMs: ms })
  const look = interval({ everyMs: LOOK_MS, missed: 'delay' })
  for (;;) {
    const next = await select({ late: limit.signal, look }, { signal })
    if (next.branch === 'late') return false
    // a zombie whose parent does not reap it still has a number, but no command line
    if (!isAlive(pid) || (await inspectProcess(pid)) === undefined) return true
  }
}
