import { type EventOf, IllegalStepError, step } from '@warren/async'
import { CrawlError, type CrawlState } from '@warren/protocol'

/** The life of a crawl. Nothing is claimed but in `running`; `spend` and `complete` are the frontier's own steps (advance). */
export const crawlLife = {
  created: { start: 'running', cancel: 'cancelling', fail: 'failed' },
  running: { pause: 'paused', cancel: 'cancelling', spend: 'finishing', complete: 'completed', fail: 'failed' },
  paused: { resume: 'running', cancel: 'cancelling', fail: 'failed' },
  finishing: { cancel: 'cancelling', complete: 'completed', fail: 'failed' },
  cancelling: { complete: 'cancelled', fail: 'failed' },
  completed: { recrawl: 'running' },
  cancelled: { recrawl: 'running' },
  failed: {},
} as const satisfies Record<CrawlState, Record<string, CrawlState>>

export type CrawlEvent = EventOf<typeof crawlLife>

/** The state after `event`. Errors: ERR_CRAWL_CONFLICT naming crawl, state and event. */
export function nextState(crawlId: number, from: CrawlState, event: CrawlEvent): CrawlState {
  try {
    return step(crawlLife, from, event)
  } catch (cause) {
    if (!(cause instanceof IllegalStepError)) throw cause
    throw new CrawlError('ERR_CRAWL_CONFLICT', `Cannot ${event} crawl ${crawlId}: it is ${from}`, { cause })
  }
}
