import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CrawlError } from '@warren/protocol'
import type { CatalogCursor } from './catalog-row.ts'
import { errnoOf, usable } from './unusable.ts'

/** What is known to be whole in a data file: its first `bytes` bytes hold `records` records, up to the row of `cursor`. */
export interface Saved {
  readonly cursor: CatalogCursor | null
  readonly bytes: number
  readonly records: number
  /** Which catalog the rows come from, in the caller's words; null when nobody said. */
  readonly source: string | null
}

/** Undefined when there is none. Errors: ERR_OUTPUT_UNUSABLE for one that cannot be read or that we did not write. */
export async function readCursorFile(path: string): Promise<Saved | undefined> {
  const text = await usable('read', path, () => readFile(path, 'utf8').catch(absent))
  if (text === undefined) return undefined
  const saved = parse(text)
  if (saved !== undefined) return saved
  throw new CrawlError('ERR_OUTPUT_UNUSABLE', `Cannot read ${path}: it is no cursor of ours; move it and its data file away`)
}

/** Replaces the file as a whole: after a crash at any moment there is the old one or the new one. On return its content is on the disk. */
export async function writeCursorFile(path: string, saved: Saved): Promise<void> {
  const { cursor, bytes, records, source } = saved
  const text = JSON.stringify({ tx: cursor?.tx ?? null, seq: cursor?.seq ?? null, bytes, records, source })
  const draft = `${path}.new`
  await usable('write', path, async () => {
    await using file = await open(draft, 'w')
    await file.writeFile(`${text}\n`)
    await file.sync() // before the rename, or a power cut could leave the new name with no content
  })
  await usable('write', path, () => rename(draft, path))
}

/** Makes the names of new files in the folder of `path` survive a power cut. */
export async function syncFolderOf(path: string): Promise<void> {
  const folder = dirname(path)
  await usable('write', folder, async () => {
    await using handle = await open(folder, 'r')
    await handle.sync()
  })
}

/** For `.catch`: turns "no such file" into undefined. */
export function absent(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error
  return undefined
}

function parse(text: string): Saved | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined // the caller's message says it
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { tx, seq, bytes, records, source = null } = value as Record<string, unknown>
  const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && Number(n) >= 0
  const isDecimal = (s: unknown): s is string => typeof s === 'string' && /^(0|[1-9]\d*)$/.test(s)
  if (!isCount(bytes) || !isCount(records) || !(source === null || typeof source === 'string')) return undefined
  if (tx === null && seq === null) return { cursor: null, bytes, records, source }
  return isDecimal(tx) && isDecimal(seq) ? { cursor: { tx, seq }, bytes, records, source } : undefined
}
