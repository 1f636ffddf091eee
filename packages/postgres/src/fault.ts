import { open } from 'node:fs/promises'
import { codeOf } from '@warren/async'
import { CrawlError } from '@warren/protocol'

const TAIL_BYTES = 4_096
const TAIL_LINES = 6

/** Errors of a file system that the user can mend, with the remedy. */
const REMEDIES: Readonly<Record<string, string>> = {
  EACCES: 'permission denied; choose a folder that you may write to',
  EPERM: 'permission denied; choose a folder that you may write to',
  EROFS: 'the file system is read-only; choose another folder',
  ENOSPC: 'the disk is full; free some space or choose another folder',
  EDQUOT: 'the disk quota is used up; free some space or choose another folder',
  ENOENT: 'it cannot be made there; choose another folder',
  ENOTDIR: 'a part of the path is no folder; choose another folder',
  EEXIST: 'a file is in the way; choose another folder',
  ENAMETOOLONG: 'the path is too long; choose another folder',
}

/** The errno of a Node error (`'ENOSPC'`), undefined when it has none. */
export function errnoOf(error: unknown): string | undefined {
  const code = codeOf(error)
  return code !== undefined && /^E[A-Z0-9]+$/.test(code) ? code : undefined
}

/** ERR_OUTPUT_UNUSABLE for what the file system said about `path`; a bug or a CrawlError is returned as it is. */
export function folderFault(path: string, cause: unknown): unknown {
  const errno = errnoOf(cause)
  if (errno === undefined) return cause
  return new CrawlError('ERR_OUTPUT_UNUSABLE', `Cannot use ${path}: ${REMEDIES[errno] ?? errno}`, { cause })
}

const START_ANEW = 'its last words are below; move the folder away to start anew, or give the URL of a Postgres of your own'
/** For a Postgres that had started, and was killed or crashed: its data replays itself. */
export const START_AGAIN = 'it was killed or crashed; start again, and it goes on from there; its last words are below'

/** The error for a Postgres program that ended: what it said last, and what to do about it; `remedy` when its words say nothing better. */
export function serviceFault(what: string, dir: string, said: string, cause?: unknown, remedy = START_ANEW): CrawlError {
  const options = cause === undefined ? undefined : { cause }
  const tail = said.trim().split('\n').slice(-TAIL_LINES).join('\n  ')
  const lines = tail === '' ? '' : `\n  ${tail}`
  if (/No space left on device|Disk quota exceeded/i.test(said)) {
    return new CrawlError(
      'ERR_OUTPUT_UNUSABLE',
      `Cannot ${what} in ${dir}: the disk is full; free some space or choose another folder`,
      options,
    )
  }
  return new CrawlError('ERR_SERVICE_START', `Cannot ${what} in ${dir}: ${remedyFor(said) ?? remedy}${lines}`, options)
}

function remedyFor(said: string): string | undefined {
  if (/error while loading shared libraries|not found \(required by/.test(said))
    return 'a system library is missing; install it, or give the URL of a Postgres of your own'
  if (/could not (create|map|resize).*shared memory|Cannot allocate memory/i.test(said))
    return 'too little memory, or too small a /dev/shm; free some, or give the URL of a Postgres of your own'
  if (/could not look up effective user ID/.test(said))
    return 'this user has no entry in /etc/passwd, which Postgres wants; run as a user that has one, or give the URL of a Postgres of your own'
  if (/could not bind|Address already in use/i.test(said)) return 'no free port on 127.0.0.1; try again'
  if (
    /is not a valid data directory|database files are incompatible|invalid .*checkpoint record|could not locate a valid checkpoint/i.test(
      said,
    )
  )
    return 'its data is damaged; move the folder away and start anew'
  return undefined
}

/** The last lines of a log file; empty when there is none. */
export async function logTail(file: string): Promise<string> {
  try {
    await using handle = await open(file, 'r')
    const { size } = await handle.stat()
    const length = Math.min(size, TAIL_BYTES)
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.toString('utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return ''
    throw error
  }
}
