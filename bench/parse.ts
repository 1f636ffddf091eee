/**
 * `node bench/parse.ts`: MB/s and pages/s of the parser's reader against parse5, htmlparser2 and cheerio, one core, on at least 50 real
 * pages: the documentation that the npm package jsxgraph ships. Each contestant runs for a second after a warm-up, three times; the best CPU time counts.
 */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { contestants } from '../packages/parser/test/contestants.ts'
import { realPages } from '../packages/parser/test/real-pages.ts'

const { values } = parseArgs({
  options: {
    pages: { type: 'string', default: '80' },
    'max-bytes': { type: 'string', default: '150000' },
    ms: { type: 'string', default: '1000' },
    out: { type: 'string', default: 'bench/results/parse.json' },
  },
})
const pages = realPages(Number(values.pages), Number(values['max-bytes'])).map(({ body }) => ({ body, text: body.toString() }))
const bytes = pages.reduce((sum, { body }) => sum + body.byteLength, 0)

const rows = Object.entries(contestants).map(([name, run]) => {
  const round = (): number => pages.reduce((links, page) => links + run(page), 0)
  measure(round, Number(values.ms) / 2)
  const msPerRound = Math.min(...Array.from({ length: 3 }, () => measure(round, Number(values.ms))))
  return {
    contestant: name,
    'MB/s': Math.round(bytes / 1_000 / msPerRound),
    'pages/s': Math.round((pages.length / msPerRound) * 1_000),
    'ms per 40 KB': Number(((msPerRound * 40_000) / bytes).toFixed(3)),
    'links per page': Number((round() / pages.length).toFixed(1)),
  }
})
console.log(`${pages.length} pages of ${Math.round(bytes / pages.length)} bytes on average`)
console.table(rows)
const commit = (await promisify(execFile)('git', ['rev-parse', '--short', 'HEAD'])).stdout.trim()
await mkdir(dirname(values.out), { recursive: true })
await writeFile(
  values.out,
  `${JSON.stringify({ commit, at: new Date().toISOString(), cpu: `${cpus().length} x ${cpus()[0]?.model}`, node: process.version, pages: pages.length, bytes, rows }, null, 2)}\n`,
)

/** Mean milliseconds of CPU time, garbage collection included, of `round`, repeated for at least `ms`: neighbours on the machine do not count. */
function measure(round: () => number, ms: number): number {
  const startedAt = performance.now()
  const before = process.cpuUsage()
  let rounds = 0
  do {
    round()
    rounds++
  } while (performance.now() - startedAt < ms)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000 / rounds
}
