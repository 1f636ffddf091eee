import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { hasApt, patchErlang, unpackPackages } from '../src/apt.ts'

/** Stand-ins for apt-get and dpkg-deb that note their calls: what is tested is the order of things, not Debian's archive. */
const APT = `#!/bin/sh
echo "apt-get $*" >>"$CALLS"
case " $* " in
*" update "*) touch "$LISTS" ;;
*" install "*) [ -e "$LISTS" ] || exit 100; echo "Inst libtiny1 (1 Debian:12 [amd64])"; echo "Inst libjs-x (1)" ;;
*" download "*)
  [ -e "$LISTS" ] || exit 100
  for name in "$@"; do case $name in tiny*|lib*) touch "$name.deb" ;; esac; done ;;
esac
`
const DPKG = `#!/bin/sh
[ "$1" = -x ] || exit 0
[ -e "$BROKEN" ] && exit 2
mkdir -p "$3/usr/bin" && touch "$3/usr/bin/$(basename "$2" .deb)"
`

let folder: string
let env: NodeJS.ProcessEnv
const lines: string[] = []
const log = (line: string): number => lines.push(line)
const TINY = { name: 'tiny', of: 'tiny', packages: ['tiny', 'tiny-data'] }

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'warren-apt-test-'))
  const bin = join(folder, 'bin')
  await mkdir(bin)
  for (const [name, text] of [['apt-get', APT] as const, ['dpkg-deb', DPKG] as const]) {
    await writeFile(join(bin, name), text)
    await chmod(join(bin, name), 0o755)
  }
  env = { PATH: `${bin}:/usr/bin:/bin`, CALLS: join(folder, 'calls'), LISTS: join(folder, 'lists'), BROKEN: join(folder, 'broken') }
  lines.length = 0
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const calls = async (): Promise<string[]> => (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n')

test('unpackPackages: without package lists it fetches its own, into its own folder, and takes the libraries that are missing here', async () => {
  const tools = join(folder, 'tools')
  expect(await hasApt(env)).toBe(true)
  const root = await unpackPackages(tools, TINY, { log, env })
  expect((await readdir(join(root, 'usr/bin'))).sort()).toEqual(['libtiny1', 'tiny', 'tiny-data'])
  const made = (await calls()).filter((call) => !call.includes('--version'))
  expect(made.map((call) => /update|install|download/.exec(call)?.[0])).toEqual(['install', 'update', 'install', 'download'])
  expect(made[1]).toContain(`Dir::State=${tools}/apt/state`)
  expect(made[3]).toContain(`Dir::State=${tools}/apt/state`)
})

test('unpackPackages: two at once fetch once; a third finds it there', async () => {
  await writeFile(join(folder, 'lists'), '')
  const tools = join(folder, 'tools')
  const roots = await Promise.all([unpackPackages(tools, TINY, { log, env }), unpackPackages(tools, TINY, { log, env })])
  roots.push(await unpackPackages(tools, TINY, { log, env }))
  expect(new Set(roots).size).toBe(1)
  expect((await calls()).filter((call) => call.includes('download'))).toHaveLength(1)
})

test('unpackPackages: an unpack that broke off leaves nothing that counts, and is done again', async () => {
  await writeFile(join(folder, 'lists'), '')
  const tools = join(folder, 'tools')
  await writeFile(join(folder, 'broken'), '')
  await expect(unpackPackages(tools, TINY, { log, env })).rejects.toThrow()
  await mkdir(join(tools, '.tiny-killed', 'usr'), { recursive: true }) // what a killed process leaves
  await rm(join(folder, 'broken'))
  const root = await unpackPackages(tools, TINY, { log, env })
  expect((await readdir(join(root, 'usr/bin'))).sort()).toEqual(['libtiny1', 'tiny', 'tiny-data'])
  expect((await readdir(tools)).filter((name) => name.startsWith('.tiny'))).toEqual([])
})

test('hasApt: false where there is none', async () => {
  expect(await hasApt({ PATH: '/nowhere' })).toBe(false)
})

test('patchErlang: the start scripts find their root from where they lie', async () => {
  const bin = join(folder, 'usr/lib/erlang/bin')
  await mkdir(bin, { recursive: true })
  await writeFile(join(bin, 'erl'), '#!/bin/sh\nif true; then\n    ROOTDIR=/usr/lib/erlang\nfi\nBINDIR="$ROOTDIR/erts/bin"\n', {
    mode: 0o755,
  })
  await patchErlang(folder)
  const text = await readFile(join(bin, 'erl'), 'utf8')
  expect(text).not.toContain('/usr/lib/erlang')
  expect(text).toContain('readlink -f "$0"')
})
