import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { cacheFolder, claimFolder } from '../src/cache-folder.ts'
import { copyOfCheckout, exists, giveTo, hold, isRoot, NOBODY, query, release, temporaryFolder, useOwnCache } from './support.ts'

useOwnCache()
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }) // an initdb takes seconds where many share a disk

/** Only root can be two users; a plain user's own runs are what the other files test then. */
const rootTest = (name: string, run: () => Promise<void>): void => {
  if (isRoot) test(name, run)
}

rootTest('as root, from 0700 folders: binaries and cluster go to the cache folder, the folder keeps a pointer', async () => {
  await using temporary = await temporaryFolder()
  const home = join(temporary.path, 'home')
  await mkdir(home)
  await chmod(home, 0o700)
  const checkout = await copyOfCheckout(join(home, 'checkout'))
  const cache = join(temporary.path, 'cache')
  const env = { WARREN_CACHE_DIR: cache }
  const dir = join(home, 'out')
  const holder = await hold(dir, { checkout, env })
  expect(holder.said.message).toBeUndefined()
  expect(await query(holder.said.url, 'select 1 as one')).toEqual([{ one: 1 }])
  expect((await stat(`/proc/${holder.said.pid}`)).uid).toBe(NOBODY.uid)
  expect(await readFile(`/proc/${holder.said.pid}/cmdline`, 'utf8')).toContain(cache) // where nobody can traverse
  await release(holder)

  // a folder that was moved keeps its cluster; one that was copied has no right to it
  await rename(dir, join(home, 'moved'))
  const moved = await hold(join(home, 'moved'), { checkout, env })
  expect(moved.said.message).toBeUndefined()
  await release(moved)
  await cp(join(home, 'moved'), join(home, 'copied'), { recursive: true })
  const copied = await hold(join(home, 'copied'), { checkout, env })
  expect(copied.said).toMatchObject({ code: 'ERR_OUTPUT_UNUSABLE', message: expect.stringContaining('it is a copy of') })

  // the cluster of a folder that was deleted a day ago goes with the next start; a folder whose cluster was removed says so
  const [cluster = ''] = await readdir(join(cache, 'clusters'))
  await rm(join(home, 'copied'), { recursive: true })
  await rename(join(home, 'moved/pointer.json'), join(home, 'pointer.json'))
  await utimes(join(cache, 'clusters', cluster, 'log'), 0, 0)
  await release(await hold(join(home, 'other'), { checkout, env }))
  expect(await exists(join(cache, 'clusters', cluster))).toBe(true) // the pointer was only moved
  await rm(join(home, 'pointer.json'))
  await release(await hold(join(home, 'other'), { checkout, env }))
  expect(await exists(join(cache, 'clusters', cluster))).toBe(false)
  await rm(join(cache, 'clusters'), { recursive: true })
  const lost = await hold(join(home, 'other'), { checkout, env })
  expect(lost.said).toMatchObject({
    code: 'ERR_OUTPUT_UNUSABLE',
    message: expect.stringMatching(/was removed; choose another folder, or remove/),
  })
})

rootTest('as a plain user: the cluster lies in the folder itself, and root may run it as that user afterwards', async () => {
  await using temporary = await temporaryFolder()
  const checkout = await copyOfCheckout(join(temporary.path, 'checkout'))
  const dir = join(temporary.path, 'out')
  await mkdir(dir)
  await giveTo(dir, NOBODY)
  const userHome = join(temporary.path, 'user')
  await mkdir(userHome)
  await giveTo(userHome, NOBODY)
  const env = { HOME: userHome, XDG_CACHE_HOME: join(userHome, '.cache'), WARREN_CACHE_DIR: '' }
  const asUser = await hold(dir, { checkout, account: NOBODY, env }) // node_modules is root's: the library links cannot be made there
  expect(asUser.said.message).toBeUndefined()
  await query(asUser.said.url, 'create table kept as select 42 as answer')
  await release(asUser)
  expect(await exists(join(dir, 'data/PG_VERSION'))).toBe(true)

  const asRoot = await hold(dir, { env })
  expect(asRoot.said.message).toBeUndefined()
  expect(await query(asRoot.said.url, 'select * from kept')).toEqual([{ answer: 42 }])
  await release(asRoot)

  const again = await hold(dir, { checkout, account: NOBODY, env })
  expect(again.said.message).toBeUndefined()
  await release(again)

  await chmod(temporary.path, 0o755)
  const refused = await hold(join(temporary.path, 'not-mine'), { checkout, account: NOBODY, env })
  expect(refused.said).toMatchObject({ code: 'ERR_OUTPUT_UNUSABLE', message: expect.stringMatching(/not-mine: permission denied; choose/) })
})

test('a cache folder that somebody else prepared is not used', async () => {
  await using temporary = await temporaryFolder()
  const uid = process.geteuid?.() ?? 0
  const mine = join(temporary.path, 'mine')
  expect(await claimFolder(mine, uid)).toBeUndefined()
  expect(await claimFolder(mine, uid)).toBeUndefined()
  const link = join(temporary.path, 'link')
  await symlink(mine, link)
  expect(await claimFolder(link, uid)).toBe('is no folder')
  const open = join(temporary.path, 'open')
  await mkdir(open)
  await chmod(open, 0o777)
  expect(await claimFolder(open, uid)).toBe('is writable by others')
  expect(await claimFolder(mine, uid + 1)).toBe(`belongs to user ${uid}`)
  await rm(open, { recursive: true })
})

test('the cache folder is one that exists afterwards, by its real path', async () => {
  const path = await cacheFolder(process.geteuid?.() ?? 0)
  expect(await exists(path)).toBe(true)
})
