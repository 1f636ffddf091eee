import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { provision, TOOLS, type ToolName } from '@warren/testkit'
import { run, turbo } from './checks.ts'

const CHECKS = ['types', 'lint', 'layers', 'unused', 'lock'] as const

interface Tally {
  passed: number
  failed: number
}

/** What is read of vitest's JSON report. */
interface Report {
  readonly success: boolean
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

/** Says where each service comes from, and fetches what is missing, before the first test waits for it. A suite whose tool is missing fails. */
async function showServices(): Promise<void> {
  say(
    'Services',
    process.env['WARREN_TEST_DATABASE_URL'] ? 'postgres: the one of WARREN_TEST_DATABASE_URL' : 'postgres: a private one from npm',
  )
  for (const tool of Object.keys(TOOLS) as ToolName[]) {
    try {
      await provision(tool, { log: (line) => say('Services', line) })
    } catch (error) {
      say('Services', error instanceof Error ? error.message : String(error))
    }
  }
}

/** The checks that need no test runner count as one test each. */
async function runChecks(): Promise<Tally> {
  const tally = { passed: 0, failed: 0 }
  for (const check of CHECKS) {
    const startedAt = performance.now()
    const isGood = (await turbo(check)) === 0
    say('Check', `${check} ${isGood ? 'passed' : 'FAILED'} in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`)
    tally[isGood ? 'passed' : 'failed'] += 1
  }
  return tally
}

/** Runs vitest with its own progress on our streams, and counts from its report. */
async function runTests(projects: readonly string[], filters: readonly string[]): Promise<Tally> {
  const folder = await mkdtemp(join(tmpdir(), 'warren-test-'))
  try {
    const file = join(folder, 'report.json')
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
    const code = await run('vitest', ['run', ...projects.map((name) => `--project=${name}`), ...reporters, ...filters])
    const report = await readFile(file, 'utf8').catch(() => undefined)
    if (report !== undefined) return countTests(JSON.parse(report) as Report, code)
    say('Tests', `vitest ended with code ${code} and without a report`)
    return { passed: 0, failed: 1 }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A skipped test counts as failed, a file that could not be loaded as one failed test, and so does a failure that is in no test. */
export function countTests(report: Report, exitCode: number): Tally {
  const tally = { passed: 0, failed: 0 }
  for (const file of report.testResults) {
    for (const test of file.assertionResults) {
      if (test.status !== 'passed' && test.status !== 'failed')
        say('Tests', `${test.status}, which counts as failed: ${test.fullName} (${file.name})`)
      tally[test.status === 'passed' ? 'passed' : 'failed'] += 1
    }
    if (file.status === 'failed' && file.assertionResults.every((test) => test.status === 'passed')) tally.failed += 1
  }
  if (tally.failed === 0 && (!report.success || exitCode !== 0)) tally.failed = 1
  return tally
}

function say(topic: string, line: string): void {
  process.stdout.write(`${topic}: ${line}\n`)
}

if (import.meta.main) {
  let interrupted = false
  // The terminal tells the whole group; our children end in their own order, and we after them.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (interrupted = true))
  const { values, positionals } = parseArgs({ options: { long: { type: 'boolean', default: false } }, allowPositionals: true })
  const startedAt = performance.now()
  const tallies: Tally[] = []
  // Arguments pick test files by a part of their path; the checks are of the whole repository.
  const isWhole = positionals.length === 0 && !values.long
  if (isWhole) tallies.push(await runChecks())
  if (!interrupted && positionals.length === 0) await showServices()
  if (!interrupted) tallies.push(await runTests(values.long ? ['long'] : ['!long'], positionals))
  const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0)
  const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0)
  say('Took', `${Math.round((performance.now() - startedAt) / 1_000)} s`)
  process.stdout.write(`${passed} passed, ${failed} failed\n`)
  process.exitCode = interrupted ? 130 : failed > 0 || passed === 0 ? 1 : 0
}
