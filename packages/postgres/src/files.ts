import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from './fault.ts'

export interface WriteOptions {
  readonly mode?: number
  /** False: a power cut may leave it empty. It is written again anyway. */
  readonly durable?: boolean
}

/** Writes a file so that it is there whole, or not at all. */
export async function writeWhole(path: string, text: string, { mode = 0o644, durable = true }: WriteOptions = {}): Promise<void> {
  const partial = `${path}.part`
  await rm(partial, { force: true })
  await using file = await open(partial, 'wx', mode)
  await file.writeFile(text)
  if (durable) await file.sync()
  await rename(partial, path)
  if (!durable) return
  await using folder = await open(dirname(path), 'r')
  await folder.sync()
}

/** For `mkdir(...).catch`: that it is there already is fine. */
export const unlessThere = (error: unknown): void => {
  if (errnoOf(error) !== 'EEXIST') throw error
}

/** For `readFile(...).catch`: undefined when there is no such file. */
export const unlessMissing = (error: unknown): undefined => {
  const errno = errnoOf(error)
  if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw error
}
