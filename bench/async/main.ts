/**
 * `npm run bench -- async`: @warren/async beside the libraries that do the same job, in one run. Each entrant of each case is measured in
 * a fresh process of this Node, warmed up, three samples; the entrants of a case take turns, so that a slow minute of the machine is
 * everybody's. The figure is the median over the rounds of the medians of the samples.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { cpus, loadavg, totalmem } from 'node:os'
import { join, relative } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseArgs, promisify } from 'node:util'
import { type Case, type Entrant, nameOf } from './case.ts'
import { cases } from './cases.ts'
import { installPeers, peerVersions } from './install.ts'
import type { Measured } from './measure.ts'
import { type CaseResult, evaluate, fillReadme, type Results, toJson, toText } from './report.ts'

const exec = promisify(execFile)
const stopped = new AbortController() // so that no measurement outlives us
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    stopped.abort()
    process.exit(130)
  })
const RESULTS = join(import.meta.dirname, '../results/async.json')
const README = join(import.meta.dirname, 'README.md')

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    runs: { type: 'string', default: '5' },
    out: { type: 'string' },
    write: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.runs)
if (!Number.isSafeInteger(rounds) || rounds < 1) throw new RangeError(`Cannot use --runs: ${values.runs} is not an integer >= 1`)
const { only } = values
const chosen = cases.filter(({ name }) => only === undefined || only.some((part) => name.includes(part)))
if (chosen.length === 0) throw new RangeError(`Cannot use --only: no case has ${only?.join(' or ')} in its name; see --list`)

if (values.list) for (const { name, entrants } of chosen) console.log(`${name}: ${entrants.map(nameOf).join(', ')}`)
else if (values.write) await writeReadme()
else await bench()

async function bench(): Promise<void> {
  await installPeers()
  const results: CaseResult[] = []
  for (const [index, job] of chosen.entries()) {
    const result = await measureCase(job, `[${index + 1}/${chosen.length}]`)
    console.log(`[${index + 1}/${chosen.length}] ${toText(result)}`)
    results.push(result)
  }
  const out = values.out ?? (only === undefined ? RESULTS : undefined)
  if (out === undefined) return
  await writeFile(out, toJson(await describe(results)))
  console.log(`Results are in ${relative(process.cwd(), out)}`)
  if (out === RESULTS) await writeReadme()
}

async function measureCase(job: Case, label: string): Promise<CaseResult> {
  const all: Measured[][] = []
  const load = loadavg()[0] ?? 0
  for (let round = 1; round <= rounds; round++) {
    const measured: Measured[] = []
    for (const entrant of job.entrants) {
      progress(`${label} ${job.name}: round ${round} of ${rounds}, ${nameOf(entrant)}`)
      measured.push(await measure(job, entrant))
    }
    all.push(measured)
  }
  progress('')
  return evaluate(job, all, (load + (loadavg()[0] ?? 0)) / 2)
}

async function measure(job: Case, entrant: Entrant): Promise<Measured> {
  const args = ['--expose-gc', join(import.meta.dirname, 'measure.ts'), job.name, nameOf(entrant)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], signal: stopped.signal })
  const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  if (code === 0) return JSON.parse(stdout) as Measured
  console.error(`Cannot measure ${nameOf(entrant)} in ${job.name}: its process ended with ${code}`)
  process.exit(1)
}

/** On a terminal one line that changes; elsewhere nothing, the tables come by themselves. */
function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`)
}

async function describe(results: readonly CaseResult[]): Promise<Results> {
  const commit = (await exec('git', ['rev-parse', '--short', 'HEAD'])).stdout.trim()
  const changed = (await exec('git', ['status', '--porcelain', 'packages/async/src', 'bench/async'])).stdout !== ''
  return {
    commit: changed ? `${commit} and changes` : commit,
    at: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGb: Math.round(totalmem() / 2 ** 30),
      platform: `${process.platform} ${process.arch}`,
      node: process.versions.node,
      v8: process.versions.v8,
    },
    method: {
      rounds,
      samplesPerRound: '3, 1 where it takes more than 4 s',
      flags: '--expose-gc',
      source: 'packages/async/src, types stripped by Node; no build',
    },
    libraries: peerVersions(),
    cases: results,
  }
}

async function writeReadme(): Promise<void> {
  const results = JSON.parse(await readFile(values.out ?? RESULTS, 'utf8')) as Results
  await writeFile(README, fillReadme(await readFile(README, 'utf8'), results))
  console.log(`The table of ${relative(process.cwd(), README)} is up to date`)
}
