import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { withFileLock } from './file-lock.ts'

/** Runs a program with the environment given, its messages in English. */
type Run = (program: string, args: readonly string[], cwd?: string) => Promise<{ stdout: string }>
const runIn =
  (env: NodeJS.ProcessEnv): Run =>
  (program, args, cwd = '/') =>
    promisify(execFile)(program, args, {
      cwd,
      maxBuffer: 64 * 1024 * 1024,
      env: { ...env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    })

/** What is fetched for a tool: packages by name, and the libraries that installing `of` would add on this machine. */
export interface Unpack {
  readonly name: string
  readonly of: string
  readonly packages: readonly string[]
  /** Called on the unpacked tree before it counts as whole. */
  readonly patch?: (root: string) => Promise<void>
}

/** Whether this machine can fetch Debian packages at all. */
export async function hasApt(env: NodeJS.ProcessEnv): Promise<boolean> {
  const run = runIn(env)
  try {
    await Promise.all([run('apt-get', ['--version']), run('dpkg-deb', ['--version'])])
    return true
  } catch {
    return false
  }
}

export interface UnpackOptions {
  readonly log: (line: string) => void
  readonly env: NodeJS.ProcessEnv
}

/**
 * The root of an unpacked copy of the packages under `folder`, fetched and unpacked once; installs nothing and needs no rights.
 * Two processes wait for each other; an unpack that was interrupted is done again. **Cost**: 4 s and some 35 MB the first time.
 */
export async function unpackPackages(folder: string, unpack: Unpack, { log, env }: UnpackOptions): Promise<string> {
  const root = join(folder, unpack.name)
  if (await isThere(root)) return root
  await mkdir(folder, { recursive: true })
  const onWait = (): void => log(`${unpack.name}: another process is fetching it, waiting`)
  return withFileLock(
    join(folder, `${unpack.name}.lock`),
    async () => {
      if (await isThere(root)) return root
      await removePartial(folder, unpack.name)
      const partial = await mkdtemp(join(folder, `.${unpack.name}-`))
      try {
        await fetchInto(folder, partial, unpack, { log, env })
        await rename(partial, root) // appears whole or not at all
      } finally {
        await rm(partial, { recursive: true, force: true })
      }
      return root
    },
    { onWait },
  )
}

async function fetchInto(folder: string, partial: string, unpack: Unpack, { log, env }: UnpackOptions): Promise<void> {
  const run = runIn(env)
  const debs = join(partial, 'debs')
  await mkdir(debs)
  log(`${unpack.name}: apt-get download of ${unpack.packages.length} packages into ${folder}`)
  try {
    await download(run, debs, unpack, [])
  } catch {
    // the system's package lists are missing or too old: take our own
    const own = await ownLists(join(folder, 'apt'))
    log(`${unpack.name}: fetching package lists`)
    await run('apt-get', [...own, 'update'])
    await download(run, debs, unpack, own)
  }
  for (const deb of await readdir(debs)) await run('dpkg-deb', ['-x', join(debs, deb), partial])
  await rm(debs, { recursive: true })
  await unpack.patch?.(partial)
  await writeFile(join(partial, 'packages'), `${unpack.packages.join('\n')}\n`)
}

async function download(run: Run, debs: string, { of, packages }: Unpack, options: readonly string[]): Promise<void> {
  // the simulation resolves this machine's missing libraries; it needs no rights and changes nothing
  const { stdout } = await run('apt-get', [...options, '-s', '-o', 'Debug::NoLocking=1', '--no-install-recommends', 'install', of])
  const libraries = [...stdout.matchAll(/^Inst (lib\S+)/gm)].map((match) => match[1] ?? '').filter((name) => !name.startsWith('libjs-'))
  // apt caches what it parsed in a folder that only root can write; it does without
  await run('apt-get', [...options, 'download', ...packages, ...libraries], debs)
}

async function ownLists(folder: string): Promise<string[]> {
  const state = join(folder, 'state')
  const cache = join(folder, 'cache')
  await mkdir(join(state, 'lists', 'partial'), { recursive: true })
  await mkdir(join(cache, 'archives', 'partial'), { recursive: true })
  const settings = [`Dir::State=${state}`, `Dir::Cache=${cache}`, 'Dir::State::status=/var/lib/dpkg/status', 'APT::Sandbox::User=']
  return settings.flatMap((setting) => ['-o', setting])
}

async function removePartial(folder: string, name: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    if (entry.startsWith(`.${name}-`)) await rm(join(folder, entry), { recursive: true, force: true })
  }
}

/** Debian's Erlang has its place written into its start scripts. */
export async function patchErlang(root: string): Promise<void> {
  const bin = join(root, 'usr/lib/erlang/bin')
  for (const script of ['erl', 'start', 'start_erl']) {
    const file = join(bin, script)
    if (!(await isThere(file))) continue
    const { mode } = await stat(file)
    const text = await readFile(file, 'utf8')
    // found from where the script lies, because the tree is renamed into place after this
    const relative = '"$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)"'
    await writeFile(file, text.replaceAll(/^(\s*)ROOTDIR=\/usr\/lib\/erlang$/gm, `$1ROOTDIR=${relative}`), { mode })
  }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
