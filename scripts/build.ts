import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { root, run } from './checks.ts'

/** Not published: what only tests need. */
const UNPUBLISHED: readonly string[] = ['testkit']
/** Folders beside `src` that a package reads or runs as they are. */
const ASSETS = ['bin', 'migrations']

interface Manifest {
  readonly [field: string]: unknown
  readonly name: string
  readonly exports?: string
}

/**
 * Builds packages/<name>/dist, each a package ready to publish: JavaScript and types in `lib`, which stands where `src` stands in the
 * checkout, so that relative paths to migrations and package.json hold in both. One compiler run for all of them.
 */
async function build(): Promise<string[]> {
  const staging = join(root, '.build')
  await rm(staging, { recursive: true, force: true })
  if ((await run('tsc', ['-p', 'scripts/tsconfig.build.json'])) !== 0) throw new Error('Cannot build: the compiler found errors')
  const names = (await readdir(join(root, 'packages'))).filter((name) => !UNPUBLISHED.includes(name))
  const built = await Promise.all(names.map((name) => layOut(name, join(staging, name, 'src'))))
  await rm(staging, { recursive: true, force: true })
  return built
}

async function layOut(name: string, compiled: string): Promise<string> {
  const folder = join(root, 'packages', name)
  const dist = join(folder, 'dist')
  await rm(dist, { recursive: true, force: true })
  await mkdir(dist)
  await rename(compiled, join(dist, 'lib'))
  for (const asset of [...ASSETS, 'README.md'])
    if (existsSync(join(folder, asset))) await cp(join(folder, asset), join(dist, asset), { recursive: true })
  await cp(join(folder, 'src'), join(dist, 'lib'), { recursive: true, filter: (file) => !file.endsWith('.ts') })
  await cp(join(root, 'LICENSE'), join(dist, 'LICENSE'))
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest
  await writeFile(join(dist, 'package.json'), `${JSON.stringify(published(manifest), null, 2)}\n`)
  return dist
}

/** The package.json of the registry: entry points in `lib`, nothing that only development needs. */
function published({ scripts: _scripts, devDependencies: _devDependencies, exports, ...rest }: Manifest): object {
  if (exports === undefined) return rest
  const entry = exports.replace('./src/', './lib/')
  return { ...rest, exports: { '.': { types: entry.replace(/\.ts$/, '.d.ts'), default: entry.replace(/\.ts$/, '.js') } } }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { pack: { type: 'string' } } })
  const startedAt = performance.now()
  const built = await build()
  if (values.pack !== undefined) {
    const folder = resolve(values.pack)
    await mkdir(folder, { recursive: true })
    const code = await run('npm', ['pack', '--silent', '--pack-destination', folder, ...built])
    if (code !== 0) throw new Error(`Cannot pack into ${folder}: npm ended with code ${code}`)
  }
  const where = values.pack === undefined ? 'packages/*/dist' : values.pack
  process.stdout.write(`Built ${built.length} packages into ${where} in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s\n`)
}
