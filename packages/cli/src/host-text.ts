import type { HostFacts } from '@warren/frontier'
import type { CrawlConfig } from '@warren/protocol'
import type { colorsOf } from './colors.ts'
import { printable } from './printable.ts'
import { showCount, showSpan, showWhen } from './units.ts'

type Colors = ReturnType<typeof colorsOf>
type Row = readonly string[]

/** What is known of a host, a row for each thing. `config`: of the crawl whose pace it is; without one that of every crawl. */
export function hostRows(host: HostFacts, now: Date, colors: Colors, config?: CrawlConfig): Row[] {
  return [
    ...(host.blocked === null ? [] : [['blocked', colors.red(printable(host.blocked))]]),
    ['pace', paceText(host, config)],
    ['next visit', nextText(host, now)],
    ...(host.visit === null ? [] : [['visit', visitText(host.visit, now)]]),
    ['breaker', breakerText(host, now, colors)],
    ...(host.throttled === null
      ? []
      : [
          [
            'throttled',
            `${host.throttled.count} ${host.throttled.count === 1 ? 'visit' : 'visits'} ended with 429 or 503, the last ${showWhen(host.throttled.at, now)}`,
          ],
        ]),
    ['robots.txt', robotsText(host, now, colors)],
    ['address', addressText(host, now)],
  ]
}

/** The work that crawls have for a host. `queued`: by crawl id, counted up to `limit`. */
export function queueRows({ queues }: HostFacts, queued: ReadonlyMap<number, number>, limit: number, now: Date, colors: Colors): Row[] {
  return queues.map(({ crawl, crawlId, crawlState, dueAt, closed }) => {
    const n = queued.get(crawlId)
    const count = n === undefined ? '' : `${n === limit ? 'at least ' : ''}${showCount(n)} queued`
    const when =
      closed !== null
        ? colors.yellow(`closed, ${printable(closed)}`)
        : dueAt === null || n === 0
          ? ''
          : dueAt <= now
            ? 'due'
            : `due ${showWhen(dueAt, now)}`
    return [printable(crawl), crawlState, count, when]
  })
}

function paceText({ pace, crawlDelayMs, meanExchangeMs }: HostFacts, config: CrawlConfig | undefined): string {
  const ownMs = pace.delayMs ?? config?.delayMs
  const width = pace.width ?? config?.hostConcurrency
  const isStretched = crawlDelayMs !== null && crawlDelayMs > (ownMs ?? 0)
  const delayMs = isStretched ? crawlDelayMs : ownMs
  const by = [
    ...(isStretched ? ["robots.txt's Crawl-delay"] : []),
    ...(pace.delayMs !== null || pace.width !== null ? ["an operator's"] : !isStretched && config !== undefined ? ["the crawl's"] : []),
  ]
  const parts = [
    ...(delayMs === undefined
      ? ["each crawl's own delay"]
      : [delayMs === 0 ? 'no pause between requests' : `${seconds(delayMs)} between requests`]),
    ...(width === undefined ? [] : [`${width} at a time`]),
    ...(meanExchangeMs === null ? [] : [`one takes ${showSpan(meanExchangeMs)}`]),
  ]
  return `${parts.join(', ')}${by.length === 0 ? '' : ` (${by.join(', ')})`}`
}

export const seconds = (ms: number): string => `${ms / 1_000} s`

function nextText({ visit, nextAt }: HostFacts, now: Date): string {
  if (visit !== null) return 'after the one that is open'
  return nextAt === null ? 'now' : showWhen(nextAt, now)
}

const KINDS = { pages: 'pages of', robots: 'robots.txt for', resolve: 'a look-up of its name for' } as const

function visitText({ worker, kind, crawl, since, until, recalled }: NonNullable<HostFacts['visit']>, now: Date): string {
  const who = worker === null ? 'no fetcher yet' : printable(worker)
  const parts = [
    who,
    `${KINDS[kind]} ${printable(crawl)}`,
    `since ${showSpan(now.getTime() - since.getTime())}`,
    `lease ends ${showWhen(until, now)}`,
  ]
  return [...parts, ...(recalled ? ['recalled'] : [])].join(', ')
}

function breakerText({ breaker }: HostFacts, now: Date, colors: Colors): string {
  const { state, count, code, since } = breaker
  const trouble = `${printable(code ?? '')}, ${count} ${count === 1 ? 'visit' : 'visits in a row'} without a usable answer${since === null ? '' : `, the first ${showWhen(since, now)}`}`
  if (state === 'closed') return count === 0 ? colors.green('closed') : `${colors.green('closed')}, but ${trouble}`
  return state === 'open' ? `${colors.red('open')}  ${trouble}` : `${colors.yellow('half open')}  one request proves the host; ${trouble}`
}

function robotsText({ robots, breaker }: HostFacts, now: Date, colors: Colors): string {
  const { access, fetchedAt, expiresAt, retryAt, redirect } = robots
  const ages = [
    ...(fetchedAt === null ? [] : [`fetched ${showWhen(fetchedAt, now)}`]),
    expiresAt === null ? 'asked for again before the next page' : `asked for again ${showWhen(expiresAt, now)}`,
  ]
  if (redirect !== null) return `redirected to ${printable(redirect.url)}, hop ${redirect.hop}`
  if (access === 'rules') return `rules, ${ages.join(', ')}`
  if (access === 'allow-all') return `there is none, which allows all; ${ages.join(', ')}`
  if (retryAt !== null)
    return colors.yellow(
      `out of reach${breaker.code === null ? '' : ` (${printable(breaker.code)})`}, so nothing is fetched; asked for again ${showWhen(retryAt, now)}`,
    )
  return 'not fetched yet'
}

function addressText({ address }: HostFacts, now: Date): string {
  if (address === null) return 'not looked up yet'
  const { group, nextAt, openVisits } = address
  const open = `${openVisits} ${openVisits === 1 ? 'visit' : 'visits'} open there`
  return `${group}, ${open}, its calendar is ${nextAt === null ? 'free' : `full, next ${showWhen(nextAt, now)}`}`
}
