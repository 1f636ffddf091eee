import { chmod, chown, mkdir, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CrawlError } from '@warren/protocol'
import type { Account } from './account.ts'
import { homeInCache, pointerIn, removeFromCache } from './cached-home.ts'
import { folderFault } from './fault.ts'
import { unlessThere } from './files.ts'

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
  await removeFromCache(dir)
  for (const name of ['data', 'password', 'postgresql.conf', 'initialized.json', 'log', 'log.old']) {
    await rm(join(dir, name), { recursive: true, force: true })
  }
}

async function homeInPlace(dir: string): Promise<string> {
  if ((await pointerIn(dir)) === undefined) return await realpath(dir)
  throw new CrawlError('ERR_OUTPUT_UNUSABLE', `Cannot use ${dir}: root made its database; run as root again or choose another folder`)
}

/** Removes a data folder of which nothing is known to be good, and makes it empty again. */
export async function emptyData({ data, account }: Cluster): Promise<void> {
  await rm(data, { recursive: true, force: true })
  await mkdir(data)
  await chown(data, account.uid, account.gid)
  await chmod(data, 0o700)
}
