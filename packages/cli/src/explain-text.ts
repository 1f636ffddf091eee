import type { UrlExplanation } from '@warren/coordinator'
import type { Explanation, UrlFacts, Wait } from '@warren/frontier'
import type { CrawlConfig } from '@warren/protocol'
import type { colorsOf } from './colors.ts'
import { hostRows } from './host-text.ts'
import { printable } from './printable.ts'
import { type Section, showSections } from './sections.ts'
import { showBytes, showCount, showSpan, showWhen } from './units.ts'

type Colors = ReturnType<typeof colorsOf>
type Row = readonly string[]

/** A URL's explanation for a person: what it comes down to first, then why. `config`: that of the crawl. */
export function showExplanation(explanation: UrlExplanation, config: CrawlConfig, colors: Colors): string {
  const { url, asked, facts } = explanation
  const head = `${colors.bold(printable(url ?? asked))}\n${verdictText(explanation, colors)}\n`
  if (facts === null) return head
  return `${head}\n${showSections(sectionsOf(explanation, facts, config, colors), colors)}`
}

/** One line that answers the question. */
function verdictText({ refused, rules, robots, facts }: UrlExplanation, colors: Colors): string {
  if (facts === null) return `${colors.yellow('never crawled')}  ${printable(refused ?? '')}`
  const { url, now } = facts
  if (url === null) {
    const broken = rules.find(({ passes }) => passes === false)
    const why =
      broken !== undefined
        ? `refused by ${broken.rule}: ${broken.detail}`
        : robots?.allowed === false
          ? `no page led here; robots.txt would exclude it: ${robots.detail}`
          : `no page that was fetched led here by a link that may be followed`
    return `${colors.yellow('not known')}  ${printable(why)}`
  }
  switch (url.state) {
    case 'queued':
      return `${colors.cyan('queued')}  ${waitText(url.queue?.waits ?? [])}`
    case 'leased':
      return `${colors.cyan('leased')}  ${leaseText(url.lease, now)}`
    case 'done': {
      const [answer] = url.answers
      return `${colors.green('done')}  ${answer === undefined ? '' : `status ${answer.status}${answer.changed === false ? ', unchanged' : ''}, ${showWhen(answer.fetchedAt, now)}`}`
    }
    case 'failed':
      return `${colors.red('failed')}  ${url.failure === null ? '' : endText(url.failure.code, url.failure, now)}`
    case 'excluded':
      return `${colors.yellow('excluded')}  ${url.exclusion === null ? '' : endText(`by ${url.exclusion.rule}`, url.exclusion, now)}`
    default:
      return url.state satisfies never
  }
}

const endText = (why: string, { detail, at }: { readonly detail: string; readonly at: Date }, now: Date): string =>
  `${printable(why)}${detail === '' ? '' : `: ${printable(detail)}`}, ${showWhen(at, now)}`

function waitText(waits: readonly Wait[]): string {
  const [first] = waits
  if (first === undefined) return 'it is next'
  return `waits: ${printable(first.detail)}${first.inMs === null ? '' : `, ${showSpan(first.inMs)} to go`}`
}

function leaseText(lease: UrlFacts['lease'], now: Date): string {
  if (lease === null) return ''
  if (lease.visit === null) return 'fetched, its page is on its way through a parser'
  const { worker, since } = lease.visit
  if (worker === null) return `handed out ${showWhen(since, now)}, no fetcher has taken it up yet`
  return `${printable(worker)} visits its host, since ${showSpan(now.getTime() - since.getTime())}`
}

function sectionsOf(explanation: UrlExplanation, facts: Explanation, config: CrawlConfig, colors: Colors): Section[] {
  const { crawl, asked, url: canonical } = explanation
  const { url, host, now, refusals } = facts
  const crawlText = `${printable(crawl.name)}, ${crawl.state}${crawl.reason === null ? '' : ` (${crawl.reason})`}${crawl.pass > 1 ? `, pass ${crawl.pass}` : ''}`
  const known = url === null ? [] : [['dedup', `one URL, number ${url.id}, in every spelling of it`]]
  return [
    { title: 'URL', rows: [['crawl', crawlText], ...(asked === canonical ? [] : [['asked', printable(asked)]]), ...known] },
    { title: 'How it got here', rows: url === null ? [] : pathRows(url, canonical ?? '', now, colors) },
    { title: 'Queue', rows: url?.queue ? queueRows(url.queue, colors) : [] },
    { title: 'Lease', rows: url?.lease ? leaseRows(url.lease, now) : [] },
    { title: 'Rules', rows: ruleRows(explanation, colors) },
    {
      title: 'Tries before',
      rows: (url?.tries ?? []).map(({ pass, attempt, code, at }) => [`pass ${pass}`, `try ${attempt}`, printable(code), showWhen(at, now)]),
    },
    { title: 'Answers', rows: (url?.answers ?? []).map((answer, i) => answerRow(answer, i === 0, now)) },
    { title: `Host ${host?.key ?? ''}`, rows: host === null ? [] : hostRows(host, now, colors, config) },
    {
      title: 'Links on its host that were refused',
      rows: refusals.map(({ rule, count, sample }) => [rule, showCount(count), colors.dim(`such as ${printable(sample)}`)]),
    },
  ]
}

function pathRows({ path, foundOn, depth, chain }: UrlFacts, self: string, now: Date, colors: Colors): Row[] {
  const first = path[0]
  const last = path.at(-1)
  const place = (at: { readonly depth: number; readonly chain: number }) =>
    `depth ${at.depth}${at.chain > 0 ? `, redirect ${at.chain}` : ''}`
  return [
    ...(first !== undefined && first.depth + first.chain > 0
      ? [[colors.dim('...'), colors.dim('the way before is longer than is shown')]]
      : []),
    ...path.map((step) => [
      place(step),
      printable(step.url),
      colors.dim(step.fetchedAt === null ? '' : `fetched ${showWhen(step.fetchedAt, now)}`),
    ]),
    [place({ depth, chain }), colors.bold(printable(self)), last === undefined ? 'a seed' : ''],
    ...(foundOn === null || foundOn.url === last?.url ? [] : [['found first', printable(foundOn.url), colors.dim(place(foundOn))]]),
  ]
}

function ruleRows({ rules, robots, priority }: UrlExplanation, colors: Colors): Row[] {
  const mark = (passes: boolean | null) => (passes === null ? colors.dim('?') : passes ? colors.green('✓') : colors.red('✗'))
  const robotsRow =
    robots === null
      ? []
      : [[mark(robots.allowed), 'robots.txt', printable(`${robots.detail}${robots.rule === null ? '' : ` (for ${robots.agent})`}`)]]
  const priorityRow = priority.match === null ? [] : [[colors.dim('·'), 'priority', `${priority.value} by ${printable(priority.match)}`]]
  return [...rules.map(({ rule, passes, detail }) => [mark(passes), rule, printable(detail)]), ...robotsRow, ...priorityRow]
}

function queueRows({ position, waits }: NonNullable<UrlFacts['queue']>, colors: Colors): Row[] {
  const { place, atLeast } = position
  return [
    [
      'place',
      `${atLeast ? 'behind ' : ''}${showCount(atLeast ? place - 1 : place)}${atLeast ? ' others at least' : ''} among the URLs of its host`,
    ],
    ...waits.map((one, i) => [
      i === 0 ? 'waits for' : '',
      `${colors.yellow(LABELS[one.for])}  ${printable(one.detail)}${one.inMs === null ? '' : colors.bold(`  ${showSpan(one.inMs)}`)}`,
    ]),
  ]
}

const LABELS: Record<Wait['for'], string> = {
  pause: 'pause',
  'crawl-state': 'crawl',
  coordinator: 'coordinator',
  blocked: 'block',
  closed: 'its end',
  budget: 'budget',
  level: 'depth',
  retry: 'its next try',
  visit: 'visit',
  breaker: 'breaker',
  'back-off': 'back-off',
  pace: 'pace',
  robots: 'robots.txt',
  address: 'address',
  turn: 'turn',
  'other-urls': 'others',
}

function leaseRows({ visitId, visit, until }: NonNullable<UrlFacts['lease']>, now: Date): Row[] {
  const worker =
    visit === null ? 'the visit is over; the page waits for a parser, or to be settled' : (visit.worker ?? 'no fetcher has taken it up yet')
  return [
    ['visit', visitId],
    ['worker', printable(worker)],
    ...(visit === null ? [] : [['since', showSpan(now.getTime() - visit.since.getTime())]]),
    ['ends', showWhen(until, now)],
  ]
}

/** Only the newest answer says when its URL is asked for again. */
function answerRow(answer: UrlFacts['answers'][number], isNewest: boolean, now: Date): Row {
  const { pass, status, contentType, bodyBytes, changed, fetchedAt, dueAt, location, attempt } = answer
  const facts = [
    ...(contentType === null ? [] : [contentType.split(';')[0] ?? '']),
    showBytes(bodyBytes),
    ...(location === null ? [] : [`to ${location}`]),
    ...(changed === null ? [] : [changed ? 'changed' : 'unchanged']),
    ...(attempt > 1 ? [`try ${attempt}`] : []),
  ]
  const again = isNewest ? `; a later pass asks again ${dueAt <= now ? 'now' : showWhen(dueAt, now)}` : ''
  return [`pass ${pass}`, String(status), printable(facts.join(', ')), `${showWhen(fetchedAt, now)}${again}`]
}
