import type { Frontier } from '@warren/frontier'
import { Cron } from 'croner'

/** Five fields; `timeZone` is an IANA name. */
export interface Schedule {
  readonly cron: string
  readonly timeZone: string
}

/**
 * The first time after `after` that the expression names, in its time zone: a local time that a clock change leaves out is the moment after
 * the change, one that it repeats counts once. null: there is none.
 * Errors: RangeError that names the expression or the zone.
 */
export function nextPassAt({ cron, timeZone }: Schedule, after: Date): Date | null {
  try {
    return new Cron(cron, { timezone: timeZone, mode: '5-part', paused: true }).nextRun(after)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new RangeError(`Cannot read schedule ${JSON.stringify(cron)} in ${JSON.stringify(timeZone)}: ${reason}`, { cause })
  }
}

/** What is asked of the frontier. */
export type Passes = Pick<Frontier, 'scheduledPasses' | 'setNextPass' | 'startPass'>

/** For an expression that names no time, such as one for 30 February. */
const NEVER = new Date('9999-01-01T00:00:00Z')

/**
 * Starts the passes that are due by the schedules of crawls; one that is due while its crawl still runs is left out. The database's clock
 * rules, and of several coordinators one starts it.
 */
export async function startDuePasses(frontier: Passes): Promise<{ name: string; pass: number }[]> {
  const started: { name: string; pass: number }[] = []
  for (const { crawlId, name, schedule, now, nextAt, ended } of await frontier.scheduledPasses()) {
    const isOurs = await frontier.setNextPass(crawlId, nextAt, nextPassAt(schedule, now) ?? NEVER)
    if (isOurs && nextAt !== null && ended) started.push({ name, pass: await frontier.startPass(crawlId, { all: false }) })
  }
  return started
}
