import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, open, readFile, realpath, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CrawlError } from '@warren/protocol'
import type { Account } from './account.ts'
import { cacheFolder } from './cache-folder.ts'
import { errnoOf, folderFault } from './fault.ts'

/**
 * Where a cluster lives: `home` is ours, and holds the password, the configuration, the log and the marker of a whole initdb; `data` is the
 * account's. For a plain user home is the caller's folder. As root it lies in the cache folder, because the account could not reach
 * the caller's, which then keeps a pointer file; home stays root's own, so that the account can plant nothing where root writes.
 */
export interface Cluster {
  readonly home: string
  readonly data: string
  readonly account: Account
}

/** Finds or makes the cluster's home for `dir`, whose lock the caller holds. */
export async function placeCluster(dir: string, account: Account, asRoot: boolean): Promise<Cluster> {
  try {
    const home = asRoot ? await homeInCache(dir) : await homeInPlace(dir)
    const data = join(home, 'data')
    await mkdir(data).catch(unlessThere)
    await chown(data, account.uid, account.gid)
    await chmod(data, 0o700)
    return { home, data, account }
  } catch (error) {
    throw folderFault(dir, error)
  }
}

/** Removes what startPostgres made for `dir`, the part in the cache folder included. The caller holds its lock. */
export async function removeCluster(dir: string): Promise<void> {
  const id = await pointerIn(dir)
  if (id !== undefined) await rm(join(await cacheFolder(0), 'clusters', id), { recursive: true, force: true })
  for (const name of ['pointer.json', 'data', 'password', 'postgresql.conf', 'initialized.json', 'log', 'log.old']) {
    await rm(join(dir, name), { recursive: true, force: true })
  }
}

async function homeInPlace(dir: string): Promise<string> {
  if ((await pointerIn(dir)) === undefined) return await realpath(dir)
  throw new CrawlError('ERR_OUTPUT_UNUSABLE', `Cannot use ${dir}: root made its database; run as root again or choose another folder`)
}

async function homeInCache(dir: string): Promise<string> {
  const clusters = join(await cacheFolder(0), 'clusters')
  await mkdir(clusters).catch(unlessThere)
  await chmod(clusters, 0o755)
  const known = await pointerIn(dir)
  const id = known ?? randomBytes(12).toString('hex')
  const home = join(clusters, id)
  if (known === undefined) await writeWhole(join(dir, 'pointer.json'), `${JSON.stringify({ version: 1, cluster: id, home })}\n`)
  await mkdir(home).catch(unlessThere)
  await chmod(home, 0o755)
  await checkOrigin(home, dir, id)
  return home
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

async function pointerIn(dir: string): Promise<string | undefined> {
  const text = await readFile(join(dir, 'pointer.json'), 'utf8').catch(unlessMissing)
  if (text === undefined) return undefined
  const id = /"cluster": ?"([0-9a-f]{24})"/.exec(text)?.[1] // a name in our cache folder, never a path
  if (id !== undefined) return id
  throw new CrawlError('ERR_OUTPUT_UNUSABLE', `Cannot read ${join(dir, 'pointer.json')}: it is damaged; choose another folder`)
}

/** Writes a file so that it is there whole, even after a power cut, or not at all. */
export async function writeWhole(path: string, text: string, mode = 0o644): Promise<void> {
  const partial = `${path}.part`
  await rm(partial, { force: true })
  await using file = await open(partial, 'wx', mode)
  await file.writeFile(text)
  await file.sync()
  await rename(partial, path)
  await using folder = await open(dirname(path), 'r')
  await folder.sync()
}

/** Removes a data folder of which nothing is known to be good, and makes it empty again. */
export async function emptyData({ data, account }: Cluster): Promise<void> {
  await rm(data, { recursive: true, force: true })
  await mkdir(data)
  await chown(data, account.uid, account.gid)
  await chmod(data, 0o700)
}

const unlessThere = (error: unknown): void => {
  if (errnoOf(error) !== 'EEXIST') throw error
}
const unlessMissing = (error: unknown): undefined => {
  const errno = errnoOf(error)
  if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw error
}
