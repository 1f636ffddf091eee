import { retry } from '@warren/async'
import { CrawlError } from '@warren/protocol'

/** The database may be away for as long as it likes: nothing is lost by waiting, everything by giving up. */
const STORE_RETRY = { baseMs: 50, maxMs: 2_000 }

/** True for errors that heal by themselves: a database or a broker that is away, a conflict. */
export const isWorthWaiting = (error: unknown): error is CrawlError => error instanceof CrawlError && error.disposition === 'retry'

/** Calls the frontier until it answers. Errors: those that waiting cannot heal; `signal.reason`, looked at between two tries. */
export const untilStored = <T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> =>
  retry(call, { ...STORE_RETRY, retryable: isWorthWaiting, signal })
