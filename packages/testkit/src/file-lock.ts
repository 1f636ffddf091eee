import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * Runs `work` while no other process is in the same call for this file. A kernel lock (SQLite's), so that a killed holder leaves nothing stale.
 * `onWait` is called once when somebody else has it.
 */
export async function withFileLock<T>(file: string, work: () => Promise<T>, { onWait }: { onWait?: () => void } = {}): Promise<T> {
  for (let waited = false; ; waited = true) {
    const database = tryLock(file)
    if (database !== undefined) {
      try {
        return await work()
      } finally {
        database.close()
      }
    }
    if (!waited) onWait?.()
    await delay(100)
  }
}

function tryLock(file: string): DatabaseSync | undefined {
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    database.exec('begin exclusive')
    return database
  } catch (error) {
    database.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === 5) return undefined // SQLITE_BUSY
    throw error
  }
}
