import { chmod, lstat, mkdir, realpath } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { CrawlError } from '@warren/protocol'
import { errnoOf } from './fault.ts'

/**
 * A folder of ours that outlives runs: root's must be one that every user can traverse, because its Postgres runs as another.
 * `WARREN_CACHE_DIR`, or the first of the usual places that can be made and that nobody else could have prepared for us.
 * **Errors**: ERR_OUTPUT_UNUSABLE with what was wrong with each.
 */
export async function cacheFolder(uid: number): Promise<string> {
  const wrong: string[] = []
  for (const candidate of candidates(uid)) {
    try {
      const problem = await claimFolder(candidate, uid)
      if (problem === undefined) return await realpath(candidate)
      wrong.push(`${candidate} ${problem}`)
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === undefined) throw error
      wrong.push(`${candidate} gave ${errno}`)
    }
  }
  throw new CrawlError('ERR_OUTPUT_UNUSABLE', `Cannot make a cache folder: ${wrong.join(', ')}; make one of them writable`)
}

function candidates(uid: number): string[] {
  const chosen = process.env['WARREN_CACHE_DIR']
  if (chosen) return [resolve(chosen)]
  const shared = `/var/tmp/warren-${uid}`
  if (uid === 0) return ['/var/cache/warren', shared]
  return [join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'warren'), shared]
}

/**
 * Makes the folder, or takes the one that is there when it is a real folder (no link), ours, and not writable by anyone else;
 * otherwise says what is wrong. In a sticky /var/tmp nobody can replace it afterwards.
 */
export async function claimFolder(path: string, uid: number): Promise<string | undefined> {
  const mode = uid === 0 ? 0o755 : 0o700
  await mkdir(dirname(path), { recursive: true })
  try {
    await mkdir(path)
    await chmod(path, mode) // whatever the umask is
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
  const found = await lstat(path)
  if (!found.isDirectory()) return 'is no folder'
  if (found.uid !== uid) return `belongs to user ${found.uid}`
  if ((found.mode & 0o022) !== 0) return 'is writable by others'
  return undefined
}
