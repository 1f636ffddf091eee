import { ShutdownScope, sleep } from '@warren/async'
import type { Frontier } from '@warren/frontier'
import { CrawlError, type CrawlState } from '@warren/protocol'
import { type EmbeddedDeps, runEmbedded } from './embedded.ts'

/** Between two looks at the crawl's state, and two writes of pages.jsonl. */
const LOOK_MS = 200
/** A database that breaks its connections is dead or starts again; it is known which within this time. */
const LAST_WORDS_MS = 2_000

const ENDED: ReadonlySet<CrawlState> = new Set(['completed', 'cancelled', 'failed'])
export const hasEnded = (state: CrawlState): boolean => ENDED.has(state)

export interface RunDeps extends EmbeddedDeps {
  readonly crawlId: number
  /** Resolves to the reason when the database is gone for good. */
  readonly databaseFailed: Promise<CrawlError>
  /** Runs every 200 ms; what it throws drains the roles. */
  readonly look: () => Promise<void>
  readonly onDrain: () => void
}

/**
 * Runs the roles until the crawl has ended (its state) or a drain was asked for (undefined), and drains them.
 * Errors: those of a role, of `look`, and of the database once it is gone; then nothing is drained, the next start resumes.
 */
export async function runUntilEnded(deps: RunDeps, shutdown: ShutdownScope): Promise<CrawlState | undefined> {
  const roles = new ShutdownScope()
  const stopped = new AbortController()
  const listening = { once: true, signal: stopped.signal }
  shutdown.aborted.addEventListener('abort', () => roles.abort(shutdown.aborted.reason), listening)
  if (shutdown.draining.aborted) deps.onDrain()
  else shutdown.draining.addEventListener('abort', deps.onDrain, listening)
  let gone: CrawlError | undefined
  const lost = deps.databaseFailed.then((error) => {
    gone = error
    stopped.abort(error)
    roles.abort(error)
    return error
  })
  const watching = watch(deps, AbortSignal.any([shutdown.draining, stopped.signal]))
  const running = runEmbedded(deps, roles).finally(() => stopped.abort())
  running.catch(() => {}) // awaited below; until then nobody looks at it
  try {
    const state = await watching
    roles.drain()
    await running
    if (gone !== undefined) throw gone // roles that were aborted may end without a word
    return state
  } catch (error) {
    roles.drain(error)
    await running.catch(() => {}) // the first error is the one that tells
    throw gone !== undefined || isStoreUnavailable(error) ? await Promise.race([lost, sleep(LAST_WORDS_MS).then(() => error)]) : error
  }
}

async function watch({ frontier, crawlId, look }: RunDeps, stop: AbortSignal): Promise<CrawlState | undefined> {
  while (!stop.aborted) {
    try {
      await look()
      const state = await stateOf(frontier, crawlId)
      if (hasEnded(state)) return state
    } catch (error) {
      if (!isStoreUnavailable(error)) throw error // it may start again; if not, its end is told
    }
    await sleep(LOOK_MS, { signal: stop }).catch(() => {}) // the stop ends the wait
  }
  return undefined
}

const stateOf = async (frontier: Frontier, crawlId: number): Promise<CrawlState> => (await frontier.crawl(crawlId))?.state ?? 'failed'
const isStoreUnavailable = (error: unknown): boolean => error instanceof CrawlError && error.code === 'ERR_STORE_UNAVAILABLE'
