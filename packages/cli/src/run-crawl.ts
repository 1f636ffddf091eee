import { CancelScope, interval, join, onAbort, ShutdownScope, select, unwrap, withTimeout } from '@warren/async'
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
  using roles = new ShutdownScope({ aborted: shutdown.aborted })
  using looking = new CancelScope({ signal: shutdown.draining })
  using _telling = onAbort(shutdown.draining, deps.onDrain)
  let gone: CrawlError | undefined
  void deps.databaseFailed.then((error) => {
    gone = error
    roles.abort(error)
    looking.cancel(error)
  })
  const [looked, ran] = await join([
    () => lookUntilEnded(deps, looking.signal).finally(() => roles.drain()),
    () => runEmbedded(deps, roles).finally(() => looking.cancel()),
  ])
  if (gone !== undefined) throw gone // roles that were aborted may end without a word
  const failed = [looked, ran].find((end) => !end.ok) // the first one is the one that tells
  if (failed === undefined) return unwrap(looked)
  throw isStoreUnavailable(failed.error) ? await lastWords(deps.databaseFailed, failed.error) : failed.error
}

/** The state of the crawl once it has ended; undefined when `stop` came first. */
async function lookUntilEnded({ frontier, crawlId, look }: RunDeps, stop: AbortSignal): Promise<CrawlState | undefined> {
  const looks = interval({ everyMs: LOOK_MS, missed: 'delay' })
  while ((await select({ stop, looks })).branch === 'looks') {
    try {
      await look()
      const state = await stateOf(frontier, crawlId)
      if (hasEnded(state)) return state
    } catch (error) {
      if (!isStoreUnavailable(error)) throw error // it may start again; if not, its end is told
    }
  }
  return undefined
}

/** Why the database is gone, if it is known soon, else `error`. */
const lastWords = (failed: Promise<CrawlError>, error: unknown): Promise<unknown> =>
  withTimeout(LAST_WORDS_MS, () => failed).catch(() => error)

const stateOf = async (frontier: Frontier, crawlId: number): Promise<CrawlState> => (await frontier.crawl(crawlId))?.state ?? 'failed'
const isStoreUnavailable = (error: unknown): boolean => error instanceof CrawlError && error.code === 'ERR_STORE_UNAVAILABLE'
