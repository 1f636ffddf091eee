import { type Case, GUARANTEES, nameOf } from './case.ts'
import type { Measured, Sample } from './measure.ts'

/** A figure over the rounds. */
export interface Range {
  readonly median: number
  readonly min: number
  readonly max: number
}

export interface Row {
  readonly entrant: string
  readonly library: string
  readonly lacks: readonly string[]
  /** CPU time. */
  readonly nsPerOperation: Range
  readonly operationsPerSecond: number
  /** Time that passed. */
  readonly wallNsPerOperation: Range
  readonly allocatedBytesPerOperation: number
  readonly keptBytesPerOperation: number
  readonly peakMb: number
  readonly notes: Readonly<Record<string, number>>
  /** Our time by its time: above 1 it is faster than we are. */
  readonly speed: number
}

/** How many times as fast ours is as another. */
export interface Ratio {
  readonly entrant: string
  readonly ratio: number
}

export interface CaseResult {
  readonly name: string
  readonly operation: string
  readonly operations: number
  readonly guarantees: readonly string[]
  readonly pays?: string
  readonly loadAverage: number
  readonly rows: readonly Row[]
  /** Against the fastest library with the same guarantees; undefined where there is none. */
  readonly equals?: Ratio
  /** Against the fastest library, whatever it lacks. */
  readonly all?: Ratio
}

export interface Results {
  readonly commit: string
  readonly at: string
  readonly machine: Readonly<Record<string, string | number>>
  readonly method: Readonly<Record<string, string | number>>
  readonly libraries: Readonly<Record<string, string>>
  readonly cases: readonly CaseResult[]
}

/** What the rounds of a case say. `rounds` holds a measurement per entrant, in their order. */
export function evaluate(job: Case, rounds: readonly (readonly Measured[])[], loadAverage: number): CaseResult {
  const figures = job.entrants.map((_, index) => rounds.map((round) => round[index] as Measured))
  const over = (index: number, pick: (sample: Sample) => number): Range =>
    range((figures[index] as Measured[]).map(({ samples }) => range(samples.map(pick)).median))
  const time = (index: number): Range => over(index, ({ cpuNs }) => cpuNs)
  const ours = time(0).median
  const rows = job.entrants.map((entrant, index): Row => {
    const runs = figures[index] as Measured[]
    const notes = Object.keys(runs[0]?.samples[0]?.notes ?? {})
    return {
      entrant: nameOf(entrant),
      library: entrant.library,
      lacks: entrant.lacks,
      nsPerOperation: time(index),
      operationsPerSecond: round(1e9 / time(index).median),
      wallNsPerOperation: over(index, ({ wallNs }) => wallNs),
      allocatedBytesPerOperation: Math.round(over(index, ({ allocatedBytes }) => allocatedBytes).median),
      keptBytesPerOperation: round(range(runs.map(({ keptBytes }) => keptBytes)).median),
      peakMb: range(runs.map(({ peakMb }) => peakMb)).median,
      notes: Object.fromEntries(notes.map((name) => [name, round(over(index, (sample) => sample.notes[name] ?? 0).median)])),
      speed: round(ours / time(index).median),
    }
  })
  const peers = rows.filter(({ library }) => library !== 'ours' && library !== 'bare')
  const against = (candidates: readonly Row[]): Ratio | undefined => {
    const [first, ...rest] = candidates
    if (first === undefined) return undefined
    const fastest = rest.reduce((best, row) => (row.nsPerOperation.median < best.nsPerOperation.median ? row : best), first)
    return { entrant: fastest.entrant, ratio: round(fastest.nsPerOperation.median / ours) }
  }
  const equals = against(peers.filter(({ lacks }) => lacks.length === 0))
  const all = against(peers)
  return {
    name: job.name,
    operation: job.operation,
    operations: job.operations,
    guarantees: job.guarantees,
    ...(job.pays === undefined ? {} : { pays: job.pays }),
    loadAverage: round(loadAverage),
    rows,
    ...(equals === undefined ? {} : { equals }),
    ...(all === undefined ? {} : { all }),
  }
}

/** Kept for each operation: not the noise of the collector any more. */
const LEAK_BYTES = 100

const HEADER = ['', 'ns/op', 'range', 'ops/s', 'speed', 'bytes/op', 'peak MB', 'lacks']

/** A case as plain text for the terminal. */
export function toText(result: CaseResult): string {
  const lines = [HEADER, ...result.rows.map(cells)]
  const widths = widthsOf(lines)
  const rows = lines.map((line) => line.map((word, column) => pad(word, widths[column] ?? 0, isWords(column))).join('  '))
  const title = `${result.name}  (${result.operation})`
  return [
    title,
    ...(result.guarantees.length === 0 ? [] : [`gives: ${result.guarantees.join(', ')}`]),
    ...rows.map((line) => line.trimEnd()),
    `=> ${verdict(result)}`,
    ...behind(result),
    '',
  ].join('\n')
}

function cells({ entrant, lacks, nsPerOperation: ns, ...row }: Row): string[] {
  const kept = row.keptBytesPerOperation > LEAK_BYTES ? { 'bytes/op kept': Math.round(row.keptBytesPerOperation) } : {}
  const extra = Object.entries({ ...row.notes, ...kept }).map(([name, value]) => `${name} ${value}`)
  return [
    entrant === 'ours' || entrant.startsWith('ours:') ? entrant.replace('ours', '@warren/async') : entrant,
    short(ns.median),
    `${short(ns.min)}-${short(ns.max)}`,
    thousands(row.operationsPerSecond),
    row.speed < 0.1 ? row.speed.toPrecision(1) : row.speed.toFixed(2),
    String(row.allocatedBytesPerOperation),
    String(row.peakMb),
    [lacks.join(', '), ...extra].filter((word) => word !== '').join('; '),
  ]
}

/** The result in a line. */
export function verdict({ equals, all }: CaseResult): string {
  const words = (ratio: Ratio | undefined, of: string) =>
    ratio === undefined ? [] : [`${ratio.ratio.toFixed(2)} x the speed of ${of} (${ratio.entrant})`]
  if (equals === undefined) return ['no other library gives the same', ...words(all, 'the fastest other')].join('; ')
  const best = words(equals, 'the fastest with the same guarantees')
  return all === undefined || all.entrant === equals.entrant ? (best[0] ?? '') : [...best, ...words(all, 'the fastest of all')].join('; ')
}

/** What ours pays for, where that makes it slower than a library. */
const behind = ({ all, pays }: CaseResult): string[] =>
  all !== undefined && all.ratio < 1 && pays !== undefined ? [`   ours pays for: ${pays}`] : []

/** All results as Markdown, for the README. */
function toMarkdown({ commit, at, machine, method, libraries, cases }: Results): string {
  const list = (record: Readonly<Record<string, string | number>>) => Object.entries(record).map(([name, value]) => `${name} ${value}`)
  const loads = cases.map(({ loadAverage }) => loadAverage)
  return [
    `Commit ${commit}, ${at}. ${machine['cores']} x ${machine['cpu']}, Node ${machine['node']}, ${method['rounds']} rounds; load average ${Math.min(...loads)} to ${Math.max(...loads)}.`,
    `Versions: ${list(libraries).join(', ')}.`,
    '',
    ...table(
      ['case', 'against the fastest with the same guarantees', 'against the fastest of all'],
      cases.map(({ name, equals, all }) => [name, ratioCell(equals), ratioCell(all)]),
      () => true,
    ),
    '',
    ...cases.flatMap((result) => [
      `**${result.name}**. One operation: ${result.operation}.${result.guarantees.length === 0 ? '' : ` Given: ${result.guarantees.join(', ')}.`}`,
      '',
      ...table(['library', ...HEADER.slice(1)], result.rows.map(cells), isWords),
      '',
      ...behind(result).flatMap((line) => [`Behind, since o${line.trim().slice(1)}.`, '']),
    ]),
  ].join('\n')
}

/** A Markdown table as biome formats it. */
function table(header: readonly string[], rows: readonly (readonly string[])[], isLeft: (column: number) => boolean): string[] {
  const widths = widthsOf([header, ...rows])
  const line = (words: readonly string[]) =>
    `| ${words.map((word, column) => pad(word, widths[column] ?? 0, isLeft(column))).join(' | ')} |`
  const rule = widths.map((width, column) => (isLeft(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(header), line(rule), ...rows.map(line)]
}

const isWords = (column: number): boolean => column === 0 || column === HEADER.length - 1

const widthsOf = (lines: readonly (readonly string[])[]): number[] =>
  (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))

const pad = (word: string, width: number, isLeft: boolean): string => (isLeft ? word.padEnd(width) : word.padStart(width))

const ratioCell = (ratio: Ratio | undefined): string =>
  ratio === undefined ? 'none gives the same' : `**${ratio.ratio.toFixed(2)} x** (${ratio.entrant})`

/** The words of the tables, for the README. */
const glossary = (): string =>
  Object.entries(GUARANTEES)
    .map(([word, meaning]) => `- **${word}**: ${meaning}.`)
    .join('\n')

/** As biome formats JSON: lists of words are on one line. */
export const toJson = (results: Results): string =>
  `${JSON.stringify(results, null, 2).replace(/\[\s+("[^"]*"(?:,\s+"[^"]*")*)\s+\]/g, (_, words: string) => `[${words.replace(/,\s+/g, ', ')}]`)}\n`

/** The README with these results. Errors: Error if its markers are gone. */
export const fillReadme = (readme: string, results: Results): string =>
  between(between(readme, 'words', glossary()), 'results', toMarkdown(results))

/** Puts `text` between the markers `<!-- name -->` and `<!-- /name -->`. */
function between(document: string, name: string, text: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [start, end] = [document.indexOf(open), document.indexOf(close)]
  if (start < 0 || end < start) throw new Error(`Cannot write the ${name}: there is no ${open} with a ${close} after it`)
  return `${document.slice(0, start + open.length)}\n${text.trim()}\n${document.slice(end)}`
}

function range(values: readonly number[]): Range {
  const sorted = values.toSorted((a, b) => a - b)
  const [min = Number.NaN, max = Number.NaN] = [sorted[0], sorted.at(-1)]
  const median = ((sorted[(sorted.length - 1) >> 1] ?? Number.NaN) + (sorted[sorted.length >> 1] ?? Number.NaN)) / 2
  return { median: round(median), min: round(min), max: round(max) }
}

const round = (value: number): number => Number(value.toPrecision(4))
const short = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3))
const thousands = (value: number): string => Math.round(value).toLocaleString('en')
