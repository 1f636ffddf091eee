import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { builtinModules, isBuiltin } from 'node:module'
import { join, relative, sep } from 'node:path'
import { checkConcurrency, withoutComments } from './check-concurrency.ts'

/** The layer of each package: it may import only from lower ones, never sideways. `testkit` is for tests alone. */
const LAYERS: Readonly<Record<string, number>> = {
  async: 0,
  protocol: 1,
  web: 1,
  broker: 2,
  frontier: 2,
  output: 2,
  postgres: 2,
  service: 2,
  coordinator: 3,
  fetcher: 3,
  parser: 3,
  cli: 4,
}

/** A built-in module of Node under its name without `node:`, so that both spellings are one. */
const bare = (specifier: string): string => specifier.replace(/^node:/, '')

const IO = [
  'fs',
  'fs/promises',
  'http',
  'https',
  'http2',
  'net',
  'tls',
  'dgram',
  'dns',
  'dns/promises',
  'child_process',
  'worker_threads',
  'cluster',
  'process',
]

/** What a package's sources must not reach for, besides higher layers, because its one secret excludes it. */
const FORBIDDEN: Readonly<Record<string, readonly string[]>> = {
  async: builtinModules.map(bare), // it runs in browsers
  protocol: IO,
  web: IO,
  broker: ['pg'],
  frontier: ['amqplib'],
  output: ['pg', 'amqplib'],
  coordinator: ['undici', 'cheerio'],
  fetcher: ['pg', 'cheerio'],
  parser: ['pg', 'undici'],
}

/** What testkit may know of ours: it serves the tests of everything above. */
const TESTKIT_MAY = ['async', 'protocol', 'postgres']

const IMPORTS =
  /(?:^|[\s;])(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|[\s;])import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g

interface Manifest {
  readonly name: string
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Every breach of the layers under `packagesDir`, as lines `package: what is wrong`. */
export function checkLayers(packagesDir: string): string[] {
  const names = readdirSync(packagesDir).filter((name) => existsSync(join(packagesDir, name, 'package.json')))
  const manifests = new Map(names.map((name) => [name, readManifest(join(packagesDir, name))]))
  return [
    ...names.filter((name) => name !== 'testkit' && LAYERS[name] === undefined).map((name) => `${name}: it has no layer in the table`),
    ...names.flatMap((name) => checkManifest(name, manifests)),
    ...names.flatMap((name) => checkImports(packagesDir, name, manifests.get(name) as Manifest)),
    ...findCycles(manifests),
  ]
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

/** True if the sources of `from` may use our package `to`. */
function mayUse(from: string, to: string): boolean {
  if (from === 'testkit') return TESTKIT_MAY.includes(to)
  const [own, other] = [LAYERS[from], LAYERS[to]]
  return own !== undefined && other !== undefined && other < own
}

const ours = (specifier: string): string | undefined => /^@warren\/([^/]+)$/.exec(specifier)?.[1]
const nameOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

function checkManifest(name: string, manifests: ReadonlyMap<string, Manifest>): string[] {
  const { name: published, dependencies = {}, devDependencies = {} } = manifests.get(name) as Manifest
  const problems = published === `@warren/${name}` ? [] : [`${name}: its package is called ${published}`]
  if (name === 'async' && Object.keys(dependencies).length > 0) problems.push('async: it has dependencies, and must have none')
  for (const [dependency, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    const other = ours(dependency)
    if (other === undefined) {
      if (!/^\d+\.\d+\.\d+/.test(version)) problems.push(`${name}: ${dependency} is not at an exact version: ${version}`)
    } else if (version !== manifests.get(other)?.version) problems.push(`${name}: ${dependency} must be at its own version, not ${version}`)
  }
  for (const dependency of Object.keys(dependencies)) {
    const other = ours(dependency)
    if (other !== undefined && !mayUse(name, other)) problems.push(`${name}: package.json depends on ${other}, which is not below it`)
    if (FORBIDDEN[name]?.includes(dependency)) problems.push(`${name}: package.json depends on ${dependency}, which is not its business`)
  }
  return problems
}

function checkImports(packagesDir: string, name: string, manifest: Manifest): string[] {
  const folder = join(packagesDir, name)
  const declared = new Set([manifest.dependencies, manifest.optionalDependencies].flatMap((list) => Object.keys(list ?? {})))
  const forTests = new Set([...declared, ...Object.keys(manifest.devDependencies ?? {}), manifest.name, 'vitest', 'fast-check'])
  const problems: string[] = []
  for (const part of ['src', 'test']) {
    for (const file of listSources(join(folder, part))) {
      const where = `${name}: ${relative(folder, file)}`
      for (const specifier of importsOf(readFileSync(file, 'utf8'))) {
        const problem = judge({ name, part, file, folder, specifier, allowed: part === 'src' ? declared : forTests })
        if (problem !== undefined) problems.push(`${where} imports ${specifier}: ${problem}`)
      }
    }
  }
  return problems
}

interface Import {
  readonly name: string
  readonly part: string
  readonly file: string
  readonly folder: string
  readonly specifier: string
  readonly allowed: ReadonlySet<string>
}

function judge({ name, part, file, folder, specifier, allowed }: Import): string | undefined {
  if (specifier.startsWith('.')) {
    const target = join(file, '..', specifier)
    if (part === 'src' && !target.startsWith(join(folder, 'src') + sep)) return 'outside of its sources'
    return target.startsWith(folder + sep) ? undefined : 'outside of its package'
  }
  if (isBuiltin(specifier)) {
    return part === 'src' && FORBIDDEN[name]?.includes(bare(specifier)) ? 'not its business' : undefined
  }
  const other = ours(specifier)
  if (specifier.startsWith('@warren/') && other === undefined) return 'packages have one entry point'
  if (part === 'src' && other !== undefined && !mayUse(name, other)) return 'not a lower layer'
  if (part === 'src' && FORBIDDEN[name]?.includes(nameOf(specifier))) return 'not its business'
  return allowed.has(nameOf(specifier)) ? undefined : 'not declared in package.json'
}

/** The modules a source names, comments left out. */
export function importsOf(source: string): string[] {
  return [...withoutComments(source).matchAll(IMPORTS)].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
}

function listSources(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file))
}

/** Cycles over all kinds of dependencies: a package whose tests need what needs the package has no order to be checked in. */
function findCycles(manifests: ReadonlyMap<string, Manifest>): string[] {
  const done = new Set<string>()
  const problems: string[] = []
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) problems.push(`${name}: a cycle of dependencies: ${[...path.slice(path.indexOf(name)), name].join(' -> ')}`)
    if (path.includes(name) || done.has(name)) return
    const { dependencies = {}, devDependencies = {} } = manifests.get(name) as Manifest
    for (const dependency of Object.keys({ ...dependencies, ...devDependencies })) {
      const other = ours(dependency)
      if (other !== undefined && manifests.has(other)) visit(other, [...path, name])
    }
    done.add(name)
  }
  for (const name of manifests.keys()) visit(name, [])
  return problems
}

if (import.meta.main) {
  const packagesDir = join(import.meta.dirname, '..', 'packages')
  const problems = [...checkLayers(packagesDir), ...checkConcurrency(packagesDir)]
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) process.exitCode = 1
  else console.log('The layers hold.')
}
