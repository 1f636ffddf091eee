import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { CrawlError } from '@warren/protocol'

/** The user that Postgres runs as. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/** Spawn options for a program of Postgres: the account only when it differs from ours, and an environment that cannot surprise it. */
export function spawnAs(account: Account): { uid?: number; gid?: number; cwd: string; env: NodeJS.ProcessEnv } {
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
  const other = process.geteuid?.() !== account.uid
  return other ? { uid: account.uid, gid: account.gid, cwd: '/', env } : { cwd: '/', env }
}

/**
 * The account to run as: ourselves, unless we are root, which Postgres refuses. Then `nobody`, or whoever owns `madeBy`,
 * a cluster that a plain user made in place.
 */
export async function chooseAccount(madeBy: string): Promise<{ account: Account; asRoot: boolean }> {
  const uid = process.geteuid?.()
  const gid = process.getegid?.()
  if (uid === undefined || gid === undefined) {
    throw new CrawlError(
      'ERR_SERVICE_START',
      `Cannot start a private Postgres on ${process.platform}: it needs POSIX processes; give the URL of a Postgres of your own`,
    )
  }
  if (uid !== 0) return { account: { uid, gid }, asRoot: false }
  const owner = await stat(madeBy).catch(() => undefined)
  if (owner !== undefined && owner.uid !== 0) return { account: { uid: owner.uid, gid: owner.gid }, asRoot: false }
  return { account: await nobody(), asRoot: true }
}

/** Whether the program runs under the account: path, permissions, mount options and libraries in one look. Cost: one process, 5 ms. */
export function canRun(program: string, account: Account): Promise<boolean> {
  const child = spawn(program, ['--version'], { ...spawnAs(account), stdio: 'ignore' })
  return once(child, 'exit').then(
    ([code]) => code === 0,
    () => false, // it could not be spawned
  )
}

async function nobody(): Promise<Account> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const fields = passwd
    .split('\n')
    .find((line) => line.startsWith('nobody:'))
    ?.split(':')
  const uid = Number(fields?.[2] ?? 65_534)
  const gid = Number(fields?.[3] ?? 65_534)
  return { uid: uid > 0 ? uid : 65_534, gid: gid > 0 ? gid : 65_534 } // macOS writes -2
}
