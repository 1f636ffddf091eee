import { tryJoin } from '@warren/async'
import type { Counts, Crawl, Frontier, Stalls } from '@warren/frontier'
import { colorsOf } from './colors.ts'
import { printable } from './printable.ts'
import { type Section, showSections } from './sections.ts'
import { reasonsText, reasonText, shortHost } from './stalled.ts'
import { showBytes, showCount, showSpan } from './units.ts'

/** A crawl as `warren status` tells it; with detail for a crawl that was named. */
export interface CrawlStatus {
  readonly name: string
  readonly id: number
  readonly state: Crawl['state']
  readonly pass: number
  readonly counts: Counts
  /** Why it does not move, or what it waits for; null: it has ended. */
  readonly stalls: Stalls | null
  readonly detail?: {
    readonly statuses: Readonly<Record<string, number>>
    readonly failures: Readonly<Record<string, number>>
    readonly exclusions: Readonly<Record<string, number>>
    readonly waiting: Awaited<ReturnType<Frontier['waiting']>>
  }
}

/** Hosts that are shown one by one. */
const HOSTS_SHOWN = 10
/** Rows of a table of results. */
const RESULTS_SHOWN = 10

export async function statusOf(frontier: Frontier, crawl: Crawl, withDetail: boolean): Promise<CrawlStatus> {
  const { id, name, state, pass } = crawl
  const hasEnded = state === 'completed' || state === 'cancelled' || state === 'failed'
  const counts = await frontier.counts(id)
  const stalls = hasEnded ? null : await frontier.stalls(id)
  const status = { name, id, state, pass, counts, stalls }
  if (!withDetail) return status
  const [results, waiting] = await tryJoin([() => frontier.results(id), () => frontier.waiting(id, hasEnded ? 0 : HOSTS_SHOWN)])
  return { ...status, detail: { ...results, waiting } }
}

const COLUMNS = ['discovered', 'queued', 'leased', 'done', 'failed', 'excluded'] as const
type Colors = ReturnType<typeof colorsOf>

/** A table of crawls, below it why some do not move, and the detail of those that have some. */
export function showStatus(statuses: readonly CrawlStatus[], colors = colorsOf(process.stdout)): string {
  if (statuses.length === 0) return 'There is no crawl yet; create one with warren seed.\n'
  const rows = [
    ['crawl', 'state', ...COLUMNS, 'bytes'],
    ...statuses.map(({ name, state, pass, counts }) => [
      name,
      pass > 1 ? `${state}, pass ${pass}` : state,
      ...COLUMNS.map((column) => showCount(counts[column])),
      showBytes(counts.bytes),
    ]),
  ]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const lines = rows.map((row, index) => {
    const line = row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')
    return index === 0 ? colors.dim(line) : line
  })
  const stalled = statuses.flatMap(({ name, stalls }) =>
    stalls?.stalled === true ? [`${colors.yellow(`${name} is stalled because`)} ${reasonsText(stalls)}`] : [],
  )
  const details = statuses.map((status) => showSections(detailOf(status, colors), colors)).filter((text) => text !== '')
  return [`${lines.join('\n')}\n`, ...(stalled.length > 0 ? [`${stalled.join('\n')}\n`] : []), ...details].join('\n')
}

function detailOf({ detail, stalls }: CrawlStatus, colors: Colors): Section[] {
  if (detail === undefined) return []
  const table = (title: string, counts: Readonly<Record<string, number>>): Section => ({
    title,
    rows: Object.entries(counts)
      .sort(([, a], [, b]) => b - a)
      .slice(0, RESULTS_SHOWN)
      .map(([name, n]) => [printable(name), showCount(n)]),
  })
  const waits = stalls?.reasons.map((reason) => [reasonText(reason, stalls.looked.isAll)]) ?? []
  const hosts = detail.waiting.map(({ hostKey, reason, detail: why, dueInMs }) => [
    shortHost(hostKey),
    dueInMs > 0 ? `in ${showSpan(dueInMs)}` : 'now',
    reason,
    colors.dim(printable(why)),
  ])
  return [
    table('Answers by status', detail.statuses),
    table('Failed by reason', detail.failures),
    table('Excluded by rule', detail.exclusions),
    { title: 'Waits', rows: waits },
    { title: 'Hosts that are due next', rows: hosts },
  ]
}
