/** Who runs it: root, whose Postgres must run as somebody else, and a plain user who owns nothing but a home. */
import { execFile } from 'node:child_process'
import { chmod, chown, mkdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startWeb } from '@warren/testkit'
import { describe, expect, test } from 'vitest'
import { temporaryFolder, warren } from '../support/warren.ts'
import { crawl, crawlFolder, expectWhole, FAST, fetchedUrls } from './support.ts'

const run = promisify(execFile)
const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))
const NOBODY = { uid: 65_534, gid: 65_534 }
const isRoot = process.getuid?.() === 0

/** True if every user can read below `path`. */
async function isOpen(path: string): Promise<boolean> {
  return ((await stat(path)).mode & 0o005) === 0o005 && (path === '/' || (await isOpen(dirname(path))))
}

/** Root's checkout may lie in a home that nobody else can enter; then a copy elsewhere is what a plain user would have. */
async function checkoutFor(folder: string): Promise<string> {
  if (!isRoot || (await isOpen(CHECKOUT))) return CHECKOUT
  const copy = join(folder, 'checkout')
  await mkdir(copy)
  const parts = ['node_modules', 'packages', 'package.json'].map((name) => join(CHECKOUT, name))
  await run('cp', ['-al', ...parts, copy]).catch(() => run('cp', ['-a', ...parts, copy])) // links are not possible between disks
  return copy
}

describe.concurrent('the user', () => {
  test('works in a folder that only its owner may enter', async () => {
    await using web = await startWeb({ hosts: 2, pagesPerHost: 6 })
    await using out = await crawlFolder()
    await chmod(dirname(out.path), 0o700) // as root: Postgres, which runs as another user, cannot enter
    await expectWhole(await crawl(web.roots[0] ?? '', out.path, ...FAST), out.path, web)
  })

  test('may be anybody who has a home', async () => {
    await using web = await startWeb({ hosts: 2, pagesPerHost: 6 })
    await using folder = await temporaryFolder()
    await chmod(folder.path, 0o755)
    const home = join(folder.path, 'home')
    await mkdir(home, { mode: 0o700 })
    if (isRoot) await chown(home, NOBODY.uid, NOBODY.gid)
    const checkout = await checkoutFor(folder.path)
    const out = join(home, 'out')
    const options = {
      cwd: home,
      checkout,
      env: { HOME: home, XDG_CACHE_HOME: undefined, XDG_CONFIG_HOME: undefined, WARREN_CACHE_DIR: undefined },
      ...(isRoot ? { account: NOBODY } : {}),
    }
    for (const again of [false, true]) {
      const ended = await warren(['crawl', web.roots[0] ?? '', '--out', out, ...FAST, ...(again ? ['--again'] : [])], options)
      expect(ended).toMatchObject({ code: 0 })
      expect(await fetchedUrls(out)).toEqual([...web.expected().answered].sort())
    }
    if (isRoot) expect((await stat(join(out, 'pages.jsonl'))).uid).toBe(NOBODY.uid)
  })
})
