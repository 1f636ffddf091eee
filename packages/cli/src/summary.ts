import { tryJoin } from '@warren/async'
import type { Frontier } from '@warren/frontier'
import type { CrawlState } from '@warren/protocol'
import { colorsOf } from './colors.ts'
import { showBytes, showCount, showDuration } from './units.ts'

/** What came of a crawl; also the content of summary.json. */
export interface Summary {
  readonly state: CrawlState
  /** The round of a crawl that was passed again, from 1. */
  readonly pass: number
  readonly discovered: number
  readonly queued: number
  readonly done: number
  readonly failed: number
  readonly excluded: number
  readonly bytes: number
  /** Time this and earlier runs of the pass took, in milliseconds. */
  readonly elapsedMs: number
  /** Answers of the pass by status: `{ '200': 914, '404': 3 }`. */
  readonly statuses: Readonly<Record<string, number>>
  /** URLs without an answer by reason: `{ 'connect-refused': 2 }`. */
  readonly failures: Readonly<Record<string, number>>
  /** URLs that were not asked for, by rule: `{ 'robots': 12 }`. */
  readonly exclusions: Readonly<Record<string, number>>
}

/** Reads the summary of a crawl; its clock ticks twice a second, `thisRunMs` is the finer one. Cost: scans its catalog once. */
export async function readSummary(frontier: Frontier, crawlId: number, thisRunMs: number): Promise<Summary> {
  const [crawl, counts, results] = await tryJoin([
    () => frontier.crawl(crawlId),
    () => frontier.counts(crawlId),
    () => frontier.results(crawlId),
  ])
  return {
    state: crawl?.state ?? 'failed',
    pass: crawl?.pass ?? 1,
    discovered: counts.discovered,
    queued: counts.queued + counts.leased,
    done: counts.done,
    failed: counts.failed,
    excluded: counts.excluded,
    bytes: counts.bytes,
    elapsedMs: Math.max(crawl?.ranMs ?? 0, Math.round(thisRunMs)),
    ...results,
  }
}

const fetchedCount = ({ statuses }: Summary): number => Object.values(statuses).reduce((sum, n) => sum + n, 0)

/** True if at least one URL gave a usable answer; in a later pass nothing need be due. */
export const fetchedAnything = (summary: Summary): boolean =>
  (summary.pass > 1 && summary.done > 0) || Object.entries(summary.statuses).some(([status, n]) => Number(status) < 400 && n > 0)

/** The closing lines of a crawl, for people. */
export function showSummary(summary: Summary, folder: string): string {
  const pc = colorsOf(process.stdout)
  const isLater = summary.pass > 1
  const rows: [string, string][] = [
    [
      'pages',
      `${pc.bold(showCount(summary.done))}  ${pc.dim(`${isLater ? `pass ${summary.pass}: ` : ''}${list(summary.statuses) || 'nothing was due'}`)}`,
    ],
    ['failed', `${summary.failed > 0 ? pc.yellow(showCount(summary.failed)) : '0'}  ${pc.dim(list(summary.failures))}`],
    ['excluded', `${showCount(summary.excluded)}  ${pc.dim(list(summary.exclusions))}`],
    ...(summary.queued > 0 ? [['queued', showCount(summary.queued)] as [string, string]] : []),
    ['bytes', showBytes(summary.bytes)],
    [
      'time',
      `${showDuration(summary.elapsedMs)}  ${pc.dim(`${(fetchedCount(summary) / Math.max(0.001, summary.elapsedMs / 1_000)).toFixed(1)} pages/s`)}`,
    ],
    ['written', `${folder}/pages.jsonl`],
  ]
  const head =
    { completed: pc.green('Finished'), cancelled: pc.yellow('Cancelled'), failed: pc.red('Failed') }[summary.state as 'completed'] ??
    pc.yellow('Interrupted')
  return `${head}\n${rows.map(([name, value]) => `  ${name.padEnd(9)} ${value.trimEnd()}`).join('\n')}\n`
}

/** `200: 914, 404: 3`, largest first, at most six. */
function list(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts).sort(([, a], [, b]) => b - a)
  const shown = entries.slice(0, 6).map(([name, n]) => `${name}: ${showCount(n)}`)
  return [...shown, ...(entries.length > 6 ? [`${entries.length - 6} more`] : [])].join(', ')
}
