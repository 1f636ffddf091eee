import { tryJoin } from '@warren/async'
import type { Counts, Crawl, Frontier } from '@warren/frontier'
import pc from 'picocolors'
import { showBytes, showCount, showDuration } from './units.ts'

/** A crawl as `warren status` tells it; with detail for a crawl that was named. */
export interface CrawlStatus {
  readonly name: string
  readonly id: number
  readonly state: Crawl['state']
  readonly counts: Counts
  readonly detail?: {
    readonly statuses: Readonly<Record<string, number>>
    readonly failures: Readonly<Record<string, number>>
    readonly exclusions: Readonly<Record<string, number>>
    readonly waiting: Awaited<ReturnType<Frontier['waiting']>>
  }
}

export async function statusOf(frontier: Frontier, crawl: Crawl, withDetail: boolean): Promise<CrawlStatus> {
  const counts = await frontier.counts(crawl.id)
  const status = { name: crawl.name, id: crawl.id, state: crawl.state, counts }
  if (!withDetail) return status
  const [results, waiting] = await tryJoin([() => frontier.results(crawl.id), () => frontier.waiting(crawl.id, 10)])
  return { ...status, detail: { ...results, waiting } }
}

const COLUMNS = ['discovered', 'queued', 'leased', 'done', 'failed', 'excluded'] as const

/** A table of crawls, and below it the detail of those that have some. */
export function showStatus(statuses: readonly CrawlStatus[]): string {
  if (statuses.length === 0) return 'There is no crawl yet; create one with warren seed.\n'
  const rows = [
    ['crawl', 'state', ...COLUMNS, 'bytes'],
    ...statuses.map(({ name, state, counts }) => [
      name,
      state,
      ...COLUMNS.map((column) => showCount(counts[column])),
      showBytes(counts.bytes),
    ]),
  ]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const lines = rows.map((row, index) => {
    const line = row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')
    return index === 0 ? pc.dim(line) : line
  })
  return `${[...lines, ...statuses.flatMap(showDetail)].join('\n')}\n`
}

function showDetail({ detail }: CrawlStatus): string[] {
  if (detail === undefined) return []
  const table = (title: string, counts: Readonly<Record<string, number>>) => {
    const entries = Object.entries(counts).sort(([, a], [, b]) => b - a)
    return entries.length === 0
      ? []
      : ['', pc.dim(title), ...entries.slice(0, 10).map(([name, n]) => `  ${name.padEnd(24)} ${showCount(n)}`)]
  }
  const waiting = detail.waiting.map(
    ({ hostKey, reason, detail: why, dueInMs }) =>
      `  ${hostKey}  ${reason}${why === '' ? '' : ` (${why})`}${dueInMs > 0 ? `, again in ${showDuration(dueInMs)}` : ''}`,
  )
  return [
    ...table('pages by status', detail.statuses),
    ...table('failed by reason', detail.failures),
    ...table('excluded by rule', detail.exclusions),
    ...(waiting.length === 0 ? [] : ['', pc.dim('waits for'), ...waiting]),
  ]
}
