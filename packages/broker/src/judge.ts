import { backoffMs, select, sleep } from '@warren/async'
import { CrawlError } from '@warren/protocol'
import type { Verdict } from './broker.ts'

/** How often and how far apart a handler that throws a `retry` error is run again. Full jitter. */
export interface RetryPolicy {
  /** Runs of the handler, the first included. */
  readonly attempts: number
  readonly baseMs: number
  readonly maxMs: number
}

/** At most 128 s of pauses and on average half of it: a restart of Postgres fits in, the consumer time-out (30 min) is far. */
export const DEFAULT_RETRY: RetryPolicy = { attempts: 10, baseMs: 250, maxMs: 30_000 }

/** The end of a message's handling. `error`: what the handler threw, if it did. */
export interface Judgement {
  readonly verdict: Verdict
  readonly error?: unknown
}

export interface Court {
  readonly retry: RetryPolicy
  /** Ends the pauses between runs: the message is given back. */
  readonly closing: AbortSignal
  /** A handler that throws this signal's reason was cancelled. */
  readonly cancelled: AbortSignal | undefined
  readonly onRetry: (attempt: number, error: CrawlError) => void
}

/**
 * Runs `handle` until there is a verdict. Never rejects: whatever is thrown becomes one, by the error's disposition.
 * The caller holds the message all the while, so a pause costs one place of the prefetch and blocks nobody else's.
 */
export async function judge(handle: (attempt: number) => Promise<Verdict>, court: Court): Promise<Judgement> {
  for (let attempt = 1; ; attempt++) {
    try {
      return { verdict: await handle(attempt) }
    } catch (error) {
      if (isCancellation(error, court.cancelled)) return { verdict: 'requeue' }
      if (!(error instanceof CrawlError)) return { verdict: { deadLetter: `bug: ${String(error)}` }, error }
      switch (error.disposition) {
        case 'dead-letter':
          return { verdict: { deadLetter: `${error.code}: ${error.message}` }, error }
        case 'shutdown':
          return { verdict: 'requeue', error }
        case 'retry':
          if (attempt >= court.retry.attempts)
            return { verdict: { deadLetter: `${error.code}: ${error.message} (tried ${attempt} times)` }, error }
      }
      court.onRetry(attempt, error)
      const next = await pause(backoffMs(attempt, court.retry), court.closing)
      if (next === 'closing') return { verdict: 'requeue' }
    }
  }
}

/** Waits for `ms`, or until `closing` aborts; which of the two it was. */
export async function pause(ms: number, closing: AbortSignal): Promise<'closing' | 'over'> {
  return (await select({ closing, over: (signal) => sleep(ms, { signal }) })).branch
}

const isCancellation = (error: unknown, signal: AbortSignal | undefined): boolean =>
  (signal?.aborted === true && error === signal.reason) || (error instanceof DOMException && error.name === 'AbortError')
