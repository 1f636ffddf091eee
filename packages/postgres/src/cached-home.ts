import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, readdir, readFile, realpath, rm, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { tryJoin } from '@warren/async'
import { CrawlError } from '@warren/protocol'
import { cacheFolder } from './cache-folder.ts'
import { errnoOf } from './fault.ts'
import { unlessMissing, unlessThere, writeWhole } from './files.ts'

const POINTER = 'pointer.json'
/** A cluster whose folder was deleted is kept so long: who deleted it may have moved it to another disk instead. */
const KEEP_MS = 24 * 3_600_000

/** The home of root's cluster for `dir`, in the cache folder; `dir` keeps a pointer to it. Removes what deleted folders left there a day ago. */
export async function homeInCache(dir: string): Promise<string> {
  const clusters = await clustersFolder()
  const known = await pointerIn(dir)
  const id = known ?? randomBytes(12).toString('hex')
  const home = join(clusters, id)
  if (known === undefined) {
    // In this order: a kill in between leaves an empty home for the sweep, never a pointer to one that cannot be told from a removed one.
    await mkdir(home)
    await writeWhole(join(dir, POINTER), `${JSON.stringify({ version: 1, cluster: id, home })}\n`)
  }
  if ((await stat(home).catch(unlessMissing)) === undefined) {
    const pointer = join(dir, POINTER)
    throw new CrawlError(
      'ERR_OUTPUT_UNUSABLE',
      `Cannot use ${dir}: its database ${home} was removed; choose another folder, or remove ${pointer} to start anew`,
    )
  }
  await chmod(home, 0o755)
  await checkOrigin(home, dir, id)
  await tie(home, dir)
  await sweep(clusters, id)
  return home
}

/** The id in the pointer file of a folder; undefined without one. It names a folder in our cache, it is never a path. */
export async function pointerIn(dir: string): Promise<string | undefined> {
  const text = await readFile(join(dir, POINTER), 'utf8').catch(unlessMissing)
  if (text === undefined) return undefined
  const id = /"cluster": ?"([0-9a-f]{24})"/.exec(text)?.[1]
  if (id !== undefined) return id
  throw new CrawlError('ERR_OUTPUT_UNUSABLE', `Cannot read ${join(dir, POINTER)}: it is damaged; choose another folder`)
}

/** Removes the pointer and the home that it points to; what a kill in between leaves is the sweep's. */
export async function removeFromCache(dir: string): Promise<void> {
  const id = await pointerIn(dir)
  if (id === undefined) return
  await rm(join(dir, POINTER))
  await rm(join(await clustersFolder(), id), { recursive: true, force: true })
}

/** True if the folder points to a home that is no longer there. */
export async function isHomeGone(dir: string): Promise<boolean> {
  const id = await pointerIn(dir)
  return id !== undefined && (await stat(join(await clustersFolder(), id)).catch(unlessMissing)) === undefined
}

async function clustersFolder(): Promise<string> {
  const clusters = join(await cacheFolder(0), 'clusters')
  await mkdir(clusters).catch(unlessThere)
  await chmod(clusters, 0o755)
  return clusters
}

/** A folder that was moved keeps its cluster; of a folder that was copied only the original may use it. */
async function checkOrigin(home: string, dir: string, id: string): Promise<void> {
  const here = await realpath(dir)
  const origin = await readFile(join(home, 'origin'), 'utf8').catch(unlessMissing)
  if (origin === here) return
  if (origin !== undefined && (await pointerIn(origin)) === id) {
    throw new CrawlError(
      'ERR_OUTPUT_UNUSABLE',
      `Cannot use ${dir}: it is a copy of ${origin}, which owns the database; choose another folder`,
    )
  }
  await writeWhole(join(home, 'origin'), here)
}

/** A second name of the pointer file in the home: once it is the only name left, the folder was deleted, wherever it had been moved. */
async function tie(home: string, dir: string): Promise<void> {
  const second = join(home, POINTER)
  const [own, theirs] = await tryJoin([() => stat(second).catch(unlessMissing), () => stat(join(dir, POINTER))])
  if (own?.ino === theirs.ino && own.dev === theirs.dev) return
  await rm(second, { force: true })
  await link(join(dir, POINTER), second).catch((error: unknown) => {
    if (errnoOf(error) === undefined) throw error // another disk: then it is never swept
  })
}

async function sweep(clusters: string, except: string): Promise<void> {
  for (const id of await readdir(clusters)) {
    if (id === except || !/^[0-9a-f]{24}$/.test(id)) continue
    const home = join(clusters, id)
    const statOf = (name: string) => () => stat(join(home, name)).catch(unlessMissing)
    const [tied, log] = await tryJoin([statOf(POINTER), statOf('log')])
    const before = Date.now() - KEEP_MS
    if (tied?.nlink === 1 && log !== undefined && log.mtimeMs < before) await rm(home, { recursive: true, force: true })
    const isEmpty = tied === undefined && log === undefined && (await readdir(home).catch(unlessMissing))?.length === 0
    if (isEmpty && ((await stat(home).catch(unlessMissing))?.mtimeMs ?? before) < before) await rmdir(home).catch(unlessMissing)
  }
}
