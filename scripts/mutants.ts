import { spawn } from 'node:child_process'
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { root } from './checks.ts'

/** A bug to seed: in `file` of a package's sources, `from` becomes `to`; then `testFile` must fail. */
export interface Mutant {
  readonly testFile: string
  readonly file: string
  readonly words: string
  readonly from: string
  readonly to: string
}

/** `survived`: its tests are blind to it. `unusable`: it could not be tried, and the list is wrong. */
export type Verdict = { readonly fate: 'killed'; readonly by: string } | { readonly fate: 'survived' | 'unusable'; readonly why: string }

/** A mutant that hangs is as good as dead by then; a test file takes a few seconds. */
const LIMIT_MS = 90_000
const TITLE = 'Mutants that these tests kill:'
const ITEM = /^ \* - ([\w-]+\.ts): (.+(?:\n \* {3}(?! {2}`).+)*)\n \* {5}`(.+)` => `(.*)`$/gm
const IN_PARALLEL = 2

/** The mutants that the test files of packages list in their head comment, of the files whose path contains `filter`. */
export async function listMutants(filter = ''): Promise<Mutant[]> {
  const mutants: Mutant[] = []
  for (const name of await readdir(join(root, 'packages'))) {
    const folder = join(root, 'packages', name, 'test')
    for (const testFile of (await readdir(folder).catch(() => [])).filter((file) => file.endsWith('.test.ts')).sort()) {
      const path = join(folder, testFile)
      if (!path.includes(filter)) continue
      const head = /^\/\*[\s\S]*?\*\//.exec(await readFile(path, 'utf8'))?.[0] ?? ''
      if (!head.includes(TITLE)) continue
      const found = [...head.matchAll(ITEM)].map(([, file = '', words = '', from = '', to = '']) => ({
        testFile: path,
        file: join(root, 'packages', name, 'src', file),
        words: words.replaceAll(/\n \* +/g, ' '),
        from,
        to,
      }))
      const listed = head.match(/^ \* - /gm)?.length ?? 0
      if (found.length !== listed)
        throw new Error(`Cannot read the mutants of ${relative(root, path)}: ${listed} are listed, ${found.length} have a readable change`)
      mutants.push(...found)
    }
  }
  return mutants
}

/** Seeds the bug in a copy of its package and runs the test file there. */
export async function tryMutant(mutant: Mutant, id: number): Promise<Verdict> {
  const source = await readFile(mutant.file, 'utf8')
  const times = source.split(mutant.from).length - 1
  if (times !== 1) return { fate: 'unusable', why: `its code stands ${times} times in ${relative(root, mutant.file)}` }
  return inCopy(mutant.testFile, id, (copyOf) =>
    writeFile(
      copyOf(mutant.file),
      source.replace(mutant.from, () => mutant.to),
    ),
  )
}

/** Runs a test file in an unchanged copy: what fails here proves nothing about a mutant. */
export const tryUnchanged = (testFile: string, id: number): Promise<Verdict> => inCopy(testFile, id, async () => {})

async function inCopy(testFile: string, id: number, change: (copyOf: (path: string) => string) => Promise<void>): Promise<Verdict> {
  const [, name = ''] = relative(root, testFile).split('/')
  const copy = join(root, '.mutants', `${process.pid}-${id}`) // in the checkout, so that node_modules is found
  const copyOf = (path: string) => join(copy, relative(join(root, 'packages', name), path))
  await rm(copy, { recursive: true, force: true })
  await mkdir(copy, { recursive: true })
  try {
    for (const folder of ['src', 'test']) await cp(join(root, 'packages', name, folder), join(copy, folder), { recursive: true })
    await change(copyOf)
    const alias = JSON.stringify({ [`@warren/${name}`]: join(copy, 'src/index.ts') })
    const include = JSON.stringify([copyOf(testFile)])
    await writeFile(
      join(copy, 'vitest.config.mjs'),
      `export default { resolve: { alias: ${alias} }, test: { include: ${include}, testTimeout: 20000 } }\n`,
    )
    const report = join(copy, 'report.json')
    const ended = await runVitest(copy, ['--bail=1', '--reporter=json', `--outputFile=${report}`])
    if (!ended) return { fate: 'killed', by: `no end within ${LIMIT_MS / 1_000} s` }
    return verdictOf(JSON.parse(await readFile(report, 'utf8')) as Report)
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

interface Report {
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly title: string }[]
  }[]
}

function verdictOf({ testResults }: Report): Verdict {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
  const failed = tests.find(({ status }) => status === 'failed')
  if (failed !== undefined) return { fate: 'killed', by: failed.title }
  if (tests.length === 0) return { fate: 'unusable', why: `no test ran: ${testResults[0]?.message.split('\n')[0] ?? 'no file'}` }
  return { fate: 'survived', why: `${tests.length} tests passed` }
}

/** False: it was killed at the limit. */
function runVitest(folder: string, args: readonly string[]): Promise<boolean> {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [vitest, 'run', '--root', folder, ...args], { stdio: 'ignore', detached: true })
    const timer = setTimeout(() => {
      resolve(false)
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL') // its workers too
    }, LIMIT_MS)
    child.on('error', reject)
    child.on('exit', () => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}

/** Tries all, `IN_PARALLEL` at once, and tells each as it is known. */
export async function tryAll(mutants: readonly Mutant[], tell: (mutant: Mutant, verdict: Verdict) => void): Promise<void> {
  const left = mutants.entries()
  const work = async () => {
    for (const [id, mutant] of left) tell(mutant, await tryMutant(mutant, id))
  }
  await Promise.all(Array.from({ length: IN_PARALLEL }, work))
}

if (import.meta.main) {
  const mutants = await listMutants(process.argv[2])
  const counts = { killed: 0, survived: 0, unusable: 0 }
  await tryAll(mutants, (mutant, verdict) => {
    counts[verdict.fate]++
    const where = `${relative(root, mutant.testFile)}: ${mutant.words}`
    process.stdout.write(`${verdict.fate.padEnd(8)} ${where}\n         ${'by' in verdict ? `by "${verdict.by}"` : verdict.why}\n`)
  })
  const { killed, survived, unusable } = counts
  process.stdout.write(`${mutants.length} mutants: ${killed} killed, ${survived} survived, ${unusable} unusable\n`)
  process.exitCode = mutants.length > 0 && killed === mutants.length ? 0 : 1
}
