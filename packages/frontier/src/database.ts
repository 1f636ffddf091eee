import { RetryBudget, retry } from '@warren/async'
import { CrawlError } from '@warren/protocol'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { asStoreError } from './store-error.ts'

export interface DatabaseOptions {
  readonly databaseUrl: string
  readonly maxConnections: number
}

/** A row lock is held for one call of milliseconds; longer means something is wrong, and the call is better made anew. */
const LOCK_TIMEOUT_MS = 5_000
const STATEMENT_TIMEOUT_MS = 30_000
/** The client gives up last: it cannot know whether the server did the work, so settling must be repeatable (it is: the gate). */
const QUERY_TIMEOUT_MS = 40_000
const IDLE_IN_TRANSACTION_MS = 10_000
const CONNECT_TIMEOUT_MS = 5_000
const KEEP_ALIVE_DELAY_MS = 10_000
const CONFLICT_RETRY = { attempts: 6, baseMs: 20, maxMs: 500 }
/**
 * Conflicts come in pairs, now and then. When more than a fifth of the calls meet one, somebody holds the rows, and who waits for them
 * again only makes the line longer: each try may wait 5 s for its lock. Beside that, four calls in 10 s may use all their tries, so that
 * a process with few calls has them too. A call that gets none is ERR_STORE_CONFLICT, which its caller repeats after longer pauses.
 */
const CONFLICT_BUDGET = { ratio: 0.2, minPerSecond: 2 }

/** A plan that is kept for every crawl locks the partitions of all of them; the functions that may keep theirs say so. */
const OPTIONS = '-c plan_cache_mode=force_custom_plan'

const INT8_OID = 20
/** int8 as number: ids, counts and bytes stay below 2^53; cursors are selected as text. Everything else as pg does it. */
const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8_OID && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
} as pg.CustomTypesConfig

/**
 * A pool of sessions with limits on everything that could wait for ever. Owns its connections.
 * **Errors**: every method throws CrawlError by the table of store-error.ts; what is not in it is a bug and comes as it was thrown.
 */
export class Database implements AsyncDisposable {
  readonly where: string
  readonly #pool: pg.Pool
  readonly #budget = new RetryBudget(CONFLICT_BUDGET)
  #conflicts = 0

  constructor({ databaseUrl, maxConnections }: DatabaseOptions) {
    this.where = whereIs(databaseUrl)
    this.#pool = new pg.Pool({
      connectionString: databaseUrl,
      max: maxConnections,
      application_name: 'warren',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      lock_timeout: LOCK_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      options: OPTIONS,
      types,
    })
    // An idle connection that breaks is replaced by the pool; without a listener the event would end the process.
    this.#pool.on('error', () => {})
  }

  /** Calls that met a deadlock, a lock time-out or a serialization failure and were made again. */
  get conflicts(): number {
    return this.#conflicts
  }

  /**
   * One prepared statement in a transaction of its own; made again, whole, a bounded number of times when it conflicts with another,
   * as long as few of all calls do.
   * `name` is also the verb in messages: 'frontier.claim' reads "Cannot claim".
   */
  async call<Row extends pg.QueryResultRow>(name: string, text: string, values: readonly unknown[]): Promise<Row[]> {
    const once = async (): Promise<Row[]> => {
      try {
        return (await this.#pool.query<Row>({ name, text, values: values as unknown[] })).rows
      } catch (error) {
        throw asStoreError(error, name.slice(name.lastIndexOf('.') + 1).replaceAll('-', ' '), this.where)
      }
    }
    return retry(once, {
      ...CONFLICT_RETRY,
      budget: this.#budget,
      retryable: isConflict,
      onRetry: () => {
        this.#conflicts++
      },
    })
  }

  /** An operator's query through drizzle, with the same mapping of errors. Not made again. */
  async query<T>(verb: string, run: (db: NodePgDatabase) => PromiseLike<T>): Promise<T> {
    try {
      return await run(drizzle(this.#pool))
    } catch (error) {
      throw asStoreError(error, verb, this.where)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end()
  }
}

const isConflict = (error: unknown): error is CrawlError => error instanceof CrawlError && error.code === 'ERR_STORE_CONFLICT'

/** Host, port and database of a URL. Errors: ERR_CONFIG_INVALID when it is no Postgres URL; the message does not repeat it, it may hold a password. */
export function whereIs(databaseUrl: string): string {
  const url = URL.parse(databaseUrl)
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol))
    throw new CrawlError('ERR_CONFIG_INVALID', 'Cannot read DATABASE_URL: it must look like postgres://user@host:5432/database')
  const host = url.hostname || url.searchParams.get('host') || 'localhost'
  return `postgres://${host}:${url.port || 5432}${url.pathname}`
}
