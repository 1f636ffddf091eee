import { CrawlError } from '@warren/protocol'

/** What an errno of the file system means to the person who chose the folder. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied; choose a folder that you may write to',
  EDQUOT: 'the disk quota is used up; free some space, then run the same command again',
  EISDIR: 'it is a directory; move it away',
  ENOSPC: 'no space left on the disk; free some, then run the same command again',
  ENOTDIR: 'a part of the path is no directory; choose another folder',
  EPERM: 'operation not permitted; choose a folder that you may write to',
  EROFS: 'the file system is read-only; choose another folder',
}

/** Runs a file operation on `path`; what the file system refuses becomes ERR_OUTPUT_UNUSABLE, anything else is a bug and passes. */
export async function usable<T>(verb: string, path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation()
  } catch (cause) {
    const code = errnoOf(cause)
    if (code === undefined) throw cause
    throw new CrawlError('ERR_OUTPUT_UNUSABLE', `Cannot ${verb} ${path}: ${REASONS[code] ?? code}`, { cause })
  }
}

/** `ENOENT` and its like; undefined for an error that the file system did not raise. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && 'syscall' in error ? String(error.code) : undefined
}
