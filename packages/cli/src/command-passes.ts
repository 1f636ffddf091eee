import { createInterface } from 'node:readline/promises'
import { CancelScope } from '@warren/async'
import { nextPassAt, type Schedule } from '@warren/coordinator'
import type { Crawl, Frontier } from '@warren/frontier'
import { CrawlError } from '@warren/protocol'
import { dueOf, dueText } from './due.ts'
import { namedCrawl, type Operator, type SourceOptions } from './operator.ts'
import { showBytes, showCount, showWhen } from './units.ts'

/** Times of a schedule that are shown. */
const TIMES_SHOWN = 3

/** The commands for crawls that have ended: recrawl, schedule, delete. */
export function addPassCommands({ add, withFrontier, shutdown }: Operator): void {
  add('recrawl', 'pass a finished crawl again: ask for its URLs anew, with conditional requests')
    .argument('<NAME>', 'the crawl')
    .option('--all', 'all URLs, not only those that are due (see --recrawl-every of warren seed)')
    .addHelpText(
      'after',
      `
URLs that failed or were excluded are tried again in every pass.

Examples:
  warren recrawl docs
  warren recrawl docs --all`,
    )
    .action((name: string, options: SourceOptions & { all?: true }) =>
      withFrontier(options, async (frontier) => {
        process.stdout.write(await recrawl(frontier, await namedCrawl(frontier, name), options.all === true))
      }),
    )

  add('schedule', 'pass a crawl again at times, or show when')
    .argument('<NAME>', 'the crawl')
    .option('--cron <EXPRESSION>', "minute, hour, day of the month, month, day of the week: '0 4 * * *' is 4:00 every day")
    .option('--time-zone <ZONE>', 'IANA name of the time zone that the times are in (default UTC)')
    .option('--off', 'no more passes by themselves')
    .addHelpText(
      'after',
      `
A pass that is due while the crawl still runs is left out. A local time that a clock change skips is the moment after the change.

Examples:
  warren schedule docs --cron '0 4 * * *' --time-zone Europe/Berlin
  warren schedule docs --cron '*/30 8-18 * * 1-5'
  warren schedule docs
  warren schedule docs --off`,
    )
    .action((name: string, options: SourceOptions & ScheduleOptions) =>
      withFrontier(options, async (frontier) => {
        process.stdout.write(await schedule(frontier, await namedCrawl(frontier, name), options))
      }),
    )

  add('delete', 'delete a crawl that has ended, with everything it knows')
    .argument('<NAME>', 'the crawl')
    .option('--yes', 'do not ask')
    .addHelpText('after', '\nIts disk space is given back at once. Example:\n  warren delete docs --yes')
    .action((name: string, options: SourceOptions & { yes?: true }) =>
      withFrontier(options, async (frontier) => {
        process.stdout.write(await deleteCrawl(frontier, await namedCrawl(frontier, name), options.yes === true, shutdown.draining))
      }),
    )
}

async function recrawl(frontier: Frontier, { id, name, state }: Crawl, all: boolean): Promise<string> {
  if (state === 'failed')
    throw new CrawlError('ERR_CRAWL_CONFLICT', `Cannot recrawl ${name}: it has failed; create another with warren seed`)
  if (state !== 'completed' && state !== 'cancelled')
    throw new CrawlError(
      'ERR_CRAWL_CONFLICT',
      `Cannot recrawl ${name}: it is ${state}; wait for its end, or cancel it (warren cancel ${name})`,
    )
  const due = await dueOf(frontier, id)
  if (!all && due.due + due.ended === 0) return `${name}: nothing to do, ${dueText(due)}; --all asks for all of them\n`
  const pass = await frontier.startPass(id, { all })
  return `${name}: pass ${pass} has begun, ${dueText(due, { all })}\n`
}

interface ScheduleOptions {
  readonly cron?: string
  readonly timeZone?: string
  readonly off?: true
}

async function schedule(frontier: Frontier, { id, name, state, config }: Crawl, { cron, timeZone, off }: ScheduleOptions): Promise<string> {
  const held = config.recrawl.schedule
  const set = (next: Schedule | null) => frontier.setConfig(id, { ...config, recrawl: { ...config.recrawl, schedule: next } })
  if (off === true) {
    if (cron !== undefined || timeZone !== undefined)
      throw new CrawlError('ERR_INPUT_INVALID', `Cannot schedule ${name}: --off goes with no other option`)
    await set(null)
    return held === null
      ? `${name}: there was no schedule\n`
      : `${name}: no more passes by themselves (it was '${held.cron}' in ${held.timeZone})\n`
  }
  if (cron === undefined && timeZone === undefined) {
    if (held === null) return `${name}: there is no schedule; give one with --cron '0 4 * * *'\n`
    return showSchedule(name, held, timesOf(name, held))
  }
  if (state === 'failed')
    throw new CrawlError('ERR_CRAWL_CONFLICT', `Cannot schedule ${name}: it has failed; create another with warren seed`)
  if (cron === undefined && held === null)
    throw new CrawlError('ERR_INPUT_INVALID', `Cannot schedule ${name}: a time zone alone is no schedule; add --cron '0 4 * * *'`)
  const next: Schedule = { cron: cron ?? held?.cron ?? '', timeZone: timeZone ?? held?.timeZone ?? 'UTC' }
  const times = timesOf(name, next)
  await set(next)
  return showSchedule(name, next, times)
}

/** The next times of a schedule. Errors: ERR_INPUT_INVALID for one that cannot be read or names no time. */
function timesOf(name: string, schedule: Schedule): Date[] {
  const times: Date[] = []
  try {
    for (let after: Date | null = new Date(); after !== null && times.length < TIMES_SHOWN; ) {
      after = nextPassAt(schedule, after)
      if (after !== null) times.push(after)
    }
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new CrawlError(
      'ERR_INPUT_INVALID',
      `Cannot schedule ${name}: ${cause.message}; write five fields, such as '0 4 * * *', and a zone such as Europe/Berlin`,
      { cause },
    )
  }
  if (times.length > 0) return times
  throw new CrawlError('ERR_INPUT_INVALID', `Cannot schedule ${name}: ${JSON.stringify(schedule.cron)} names no time that ever comes`)
}

function showSchedule(name: string, { cron, timeZone }: Schedule, times: readonly Date[]): string {
  const local = new Intl.DateTimeFormat('en-GB', { timeZone, dateStyle: 'full', timeStyle: 'long' })
  const now = new Date()
  return `${name}: '${cron}' in ${timeZone}, next\n${times.map((time) => `  ${local.format(time)}, ${showWhen(time, now)}\n`).join('')}`
}

async function deleteCrawl(frontier: Frontier, { id, name, state }: Crawl, isSure: boolean, signal: AbortSignal): Promise<string> {
  if (state !== 'created' && state !== 'completed' && state !== 'cancelled' && state !== 'failed')
    throw new CrawlError('ERR_CRAWL_CONFLICT', `Cannot delete ${name}: it is ${state}; end it first (warren cancel ${name})`)
  const bytes = await frontier.size(id)
  const { discovered, done } = await frontier.counts(id)
  if (!isSure) await confirm(name, `${showCount(discovered)} URLs, ${showCount(done)} answers, ${showBytes(bytes)}`, signal)
  await frontier.deleteCrawl(id)
  return `${name} is deleted: ${showCount(discovered)} URLs, ${showBytes(bytes)} of disk are free again\n`
}

/** Asks for the name once more. Errors: ERR_INPUT_INVALID for another answer or none, and where nobody can be asked; `signal.reason`. */
async function confirm(name: string, what: string, signal: AbortSignal): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new CrawlError('ERR_INPUT_INVALID', `Cannot delete ${name} (${what}) without being asked for it: add --yes`)
  const answer = await question(`Delete ${name} with ${what}? Its name again to go on: `, signal)
  if (answer !== name)
    throw new CrawlError('ERR_INPUT_INVALID', `Cannot delete ${name}: you wrote ${JSON.stringify(answer)}; nothing was deleted`)
}

/** An answer on the terminal; empty when it is closed (Ctrl-C, Ctrl-D). */
async function question(text: string, signal: AbortSignal): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  using asking = new CancelScope({ signal })
  terminal.once('close', () => asking.cancel())
  try {
    return (await terminal.question(text, { signal: asking.signal })).trim()
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof Error && error.name === 'AbortError')) throw error
    process.stderr.write('\n') // the question's line is not ended
    return ''
  } finally {
    terminal.close()
  }
}
