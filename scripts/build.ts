import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtempDisposable, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
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
  readonly publishConfig?: object
}

/**
 * Builds packages into `distOf(name)`, each ready to publish: JavaScript and types in `lib`, which stands where `src` stands in the
 * checkout, so that relative paths to migrations and package.json hold in both. `staging` is an empty folder on the same disk.
 */
async function build(names: readonly string[], staging: string, distOf: (name: string) => string): Promise<string[]> {
  const isOwn = (name: string): boolean => existsSync(join(root, 'packages', name, 'tsconfig.build.json'))
  const own = names.filter(isOwn)
  const compilations = own.map((name) => ({ config: `packages/${name}/tsconfig.build.json`, out: join(staging, `own-${name}`) }))
  // One run for all that have no target of their own.
  if (own.length < names.length) compilations.push({ config: 'scripts/tsconfig.build.json', out: join(staging, 'all') })
  const codes = await Promise.all(compilations.map(({ config, out }) => run('tsc', ['-p', config, '--outDir', out])))
  if (codes.some((code) => code !== 0)) throw new Error('Cannot build: the compiler found errors')
  return Promise.all(names.map((name) => layOut(name, join(staging, isOwn(name) ? `own-${name}` : 'all', name, 'src'), distOf(name))))
}

async function layOut(name: string, compiled: string, dist: string): Promise<string> {
  const folder = join(root, 'packages', name)
  await rm(dist, { recursive: true, force: true })
  await mkdir(dist, { recursive: true })
  await rename(compiled, join(dist, 'lib'))
  for (const asset of [...ASSETS, 'README.md'])
    if (existsSync(join(folder, asset))) await cp(join(folder, asset), join(dist, asset), { recursive: true })
  await cp(join(folder, 'src'), join(dist, 'lib'), { recursive: true, filter: (file) => !file.endsWith('.ts') })
  await cp(join(root, 'LICENSE'), join(dist, 'LICENSE'))
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest
  await writeFile(join(dist, 'package.json'), `${JSON.stringify(published(manifest), null, 2)}\n`)
  return dist
}

/**
 * The package.json of the registry: entry points in `lib`, nothing that only development needs. Fields under `publishConfig` replace those
 * of the sources, since what is built may run where the sources do not.
 */
function published({ scripts: _scripts, devDependencies: _devDependencies, publishConfig, exports, ...rest }: Manifest): object {
  if (exports === undefined) return { ...rest, ...publishConfig }
  const entry = exports.replace('./src/', './lib/')
  return {
    ...rest,
    ...publishConfig,
    exports: { '.': { types: entry.replace(/\.ts$/, '.d.ts'), default: entry.replace(/\.ts$/, '.js') } },
  }
}

async function publishable(): Promise<string[]> {
  return (await readdir(join(root, 'packages'))).filter((name) => !UNPUBLISHED.includes(name))
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({ options: { pack: { type: 'string' } }, allowPositionals: true })
  const startedAt = performance.now()
  const names = positionals.length > 0 ? positionals : await publishable()
  await using staging = await mkdtempDisposable(join(root, '.build-'))
  if (values.pack === undefined) await build(names, staging.path, (name) => join(root, 'packages', name, 'dist'))
  else {
    // Laid out in the folder that goes away: two of these at once do not meet.
    const built = await build(names, staging.path, (name) => join(staging.path, 'dist', name))
    const folder = resolve(values.pack)
    await mkdir(folder, { recursive: true })
    const code = await run('npm', ['pack', '--silent', '--pack-destination', folder, ...built])
    if (code !== 0) throw new Error(`Cannot pack into ${folder}: npm ended with code ${code}`)
  }
  const where = values.pack === undefined ? 'packages/*/dist' : values.pack
  process.stdout.write(`Built ${names.length} packages into ${where} in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s\n`)
}
