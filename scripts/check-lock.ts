import { readFileSync } from 'node:fs'
import { join } from 'node:path'

interface LockEntry {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly link?: boolean
  readonly dev?: boolean
  readonly optional?: boolean
  readonly os?: readonly string[]
}

/**
 * What is wrong with a package-lock.json, as lines. Every package has a checksum and none a download address, so that any registry serves it.
 * Only a development tool for another platform may lack the checksum: npm leaves it out where it could not look the package up.
 */
export function checkLock(lock: { readonly lockfileVersion: number; readonly packages: Readonly<Record<string, LockEntry>> }): string[] {
  const problems = lock.lockfileVersion === 3 ? [] : [`lockfileVersion is ${lock.lockfileVersion}, not 3`]
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (!path.includes('node_modules/') || entry.link === true) continue
    if (entry.version === undefined) problems.push(`${path} has no version`)
    if (entry.resolved !== undefined) problems.push(`${path} has a download address: ${entry.resolved}`)
    const isForeignTool = entry.dev === true && entry.optional === true && entry.os !== undefined
    if (entry.integrity === undefined && !isForeignTool) problems.push(`${path} has no integrity`)
  }
  return problems
}

/** The project's own, and that of the libraries which a bench compares with. */
const LOCKS = ['package-lock.json', 'bench/async/package-lock.json']

if (import.meta.main) {
  const read = (file: string) => JSON.parse(readFileSync(join(import.meta.dirname, '..', file), 'utf8'))
  const problems = LOCKS.flatMap((file) => checkLock(read(file)).map((problem) => `${file}: ${problem}`))
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) process.exitCode = 1
  else console.log('The lock files are sound.')
}
