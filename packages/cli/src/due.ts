import type { DueUrls, Frontier } from '@warren/frontier'
import { LiveLine } from './live-line.ts'
import { showCount, showWhen } from './units.ts'

/** URLs that are counted in one go. */
const COUNTED_AT_ONCE = 50_000
/** Counting that is over by then says nothing. */
const QUIET_MS = 2_000

/** What another pass of a crawl would ask for: `ended` URLs failed or were excluded, and are tried in any case. */
export type Due = DueUrls & { readonly ended: number }

/** Counts, and tells how far it is when that takes long. Cost: a walk of the crawl's catalog. */
export async function dueOf(frontier: Frontier, crawlId: number): Promise<Due> {
  let found: DueUrls = { answered: 0, due: 0, firstAt: null, now: new Date() }
  const text = async () => `Counting what is due: ${showCount(found.due)} of ${showCount(found.answered)}`
  await using _line = new LiveLine({ stream: process.stderr, firstMs: QUIET_MS, text })
  for await (const now of frontier.due(crawlId, COUNTED_AT_ONCE)) found = now
  const { failed, excluded } = await frontier.counts(crawlId)
  return { ...found, ended: failed + excluded }
}

/** `3 of 60 answered URLs are due, the first is due in 3 h; 2 that failed or were excluded are tried again`. */
export function dueText({ answered, due, firstAt, now, ended }: Due, { all = false }: { readonly all?: boolean } = {}): string {
  const first = firstAt === null ? '' : `, the first ${firstAt <= now ? 'was due' : 'is due'} ${showWhen(firstAt, now)}`
  const asked = all
    ? `all ${showCount(answered)} answered URLs are asked for again`
    : `${showCount(due)} of ${showCount(answered)} answered URLs ${due === 1 ? 'is' : 'are'} due${first}`
  return ended === 0 ? asked : `${asked}; ${showCount(ended)} that failed or were excluded ${ended === 1 ? 'is' : 'are'} tried again`
}
