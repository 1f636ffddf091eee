import { accessSync, chownSync, constants, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CrawlError } from '@warren/protocol'
import { errnoOf, folderFault } from './fault.ts'

const SQLITE_BUSY = 5

/**
 * Takes the folder for this process, until disposed or until the process ends in whatever way.
 *
 * A kernel lock, so that no stale lock can exist: SQLite's locks are fcntl locks, and SQLite is the part of Node that takes them.
 * **Invariant**: nothing else in this process opens `lock` (closing any descriptor of a file drops all fcntl locks of the process on it).
 * **Errors**: ERR_OUTPUT_BUSY when another process, or another caller in this one, has it; ERR_OUTPUT_UNUSABLE when it cannot be locked at all.
 */
export function lockFolder(dir: string): Disposable {
  const holder = join(dir, 'lock.pid')
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(join(dir, 'lock'), { timeout: 0 })
    database.exec('begin exclusive')
    writeFileSync(holder, `${process.pid}\n`, { mode: 0o600 })
    leaveToOwner(dir)
  } catch (cause) {
    database?.close()
    if (isBusy(cause)) {
      throw new CrawlError(
        'ERR_OUTPUT_BUSY',
        `Cannot use ${dir}: ${holderOf(holder)} runs on it; wait for its end or choose another folder`,
        {
          cause,
        },
      )
    }
    throw lockFault(dir, cause)
  }
  const locked = database
  return {
    [Symbol.dispose]: () => {
      if (!locked.isOpen) return
      rmSync(holder, { force: true })
      locked.close()
    },
  }
}

/** SQLite says little about why a file cannot be opened; the folder itself says more. */
function lockFault(dir: string, cause: unknown): unknown {
  if (errnoOf(cause) !== undefined) return folderFault(dir, cause)
  try {
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    return folderFault(dir, error)
  }
  const message = `Cannot lock ${join(dir, 'lock')}: ${messageOf(cause)}; choose a folder on a local disk`
  return new CrawlError('ERR_OUTPUT_UNUSABLE', message, { cause })
}

/** Root on a plain user's folder leaves files there that the user can lock and read again. */
function leaveToOwner(dir: string): void {
  const owner = statSync(dir)
  if (process.geteuid?.() !== 0 || owner.uid === 0) return
  for (const file of ['lock', 'lock.pid']) chownSync(join(dir, file), owner.uid, owner.gid)
}

const isBusy = (error: unknown): boolean => error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function holderOf(file: string): string {
  try {
    const pid = Number.parseInt(readFileSync(file, 'utf8'), 10)
    return pid === process.pid ? 'this process' : `process ${pid}`
  } catch {
    return 'another process' // it has the lock, but not yet written who it is
  }
}
