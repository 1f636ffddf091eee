import { CrawlError, type ErrorCode } from '@warren/protocol'

/** SQLSTATE, or its class of two characters, to error code. What is not listed is a bug and is thrown as it came. */
const BY_SQLSTATE: Readonly<Record<string, ErrorCode>> = {
  '40001': 'ERR_STORE_CONFLICT', // serialization_failure
  '40P01': 'ERR_STORE_CONFLICT', // deadlock_detected
  '55P03': 'ERR_STORE_CONFLICT', // lock_not_available: lock_timeout
  '57014': 'ERR_STORE_UNAVAILABLE', // query_canceled: statement_timeout
  '57P01': 'ERR_STORE_UNAVAILABLE', // admin_shutdown
  '57P02': 'ERR_STORE_UNAVAILABLE', // crash_shutdown
  '57P03': 'ERR_STORE_UNAVAILABLE', // cannot_connect_now
  '57P05': 'ERR_STORE_UNAVAILABLE', // idle_session_timeout
  '25P03': 'ERR_STORE_UNAVAILABLE', // idle_in_transaction_session_timeout
  '25P04': 'ERR_STORE_UNAVAILABLE', // transaction_timeout
  '25006': 'ERR_STORE_UNAVAILABLE', // read_only_sql_transaction: a standby after a failover
  '08': 'ERR_STORE_UNAVAILABLE', // connection exception
  '53': 'ERR_STORE_UNAVAILABLE', // insufficient resources: disk full, too many connections
  '58': 'ERR_STORE_UNAVAILABLE', // system error
  '28': 'ERR_STORE_DENIED', // invalid authorization
  '42501': 'ERR_STORE_DENIED', // insufficient_privilege
  '3D000': 'ERR_CONFIG_INVALID', // the database does not exist
  '3F000': 'ERR_SCHEMA_VERSION', // the schema does not exist
  '42P01': 'ERR_SCHEMA_VERSION', // undefined_table
  '42883': 'ERR_SCHEMA_VERSION', // undefined_function
  WR001: 'ERR_CRAWL_CONFLICT', // raised by our functions
}

const BY_ERRNO: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'ERR_STORE_UNAVAILABLE',
  ECONNRESET: 'ERR_STORE_UNAVAILABLE',
  ECONNABORTED: 'ERR_STORE_UNAVAILABLE',
  EPIPE: 'ERR_STORE_UNAVAILABLE',
  ETIMEDOUT: 'ERR_STORE_UNAVAILABLE',
  EHOSTUNREACH: 'ERR_STORE_UNAVAILABLE',
  EHOSTDOWN: 'ERR_STORE_UNAVAILABLE',
  ENETUNREACH: 'ERR_STORE_UNAVAILABLE',
  ENETDOWN: 'ERR_STORE_UNAVAILABLE',
  EADDRNOTAVAIL: 'ERR_STORE_UNAVAILABLE',
  ENOTFOUND: 'ERR_STORE_UNAVAILABLE',
  EAI_AGAIN: 'ERR_STORE_UNAVAILABLE',
  ENOENT: 'ERR_STORE_UNAVAILABLE', // a unix socket that is not there
  EACCES: 'ERR_STORE_DENIED', // a unix socket that may not be opened
}

/** The driver's own errors carry no code; these are the beginnings of their messages. Source: pg 8 client.js, pg-pool index.js. */
const DRIVER_MESSAGES: readonly string[] = [
  'Connection terminated',
  'Client has encountered a connection error',
  'Client was closed',
  'Query read timeout',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'The server does not support SSL',
  'Cannot use a pool after calling end',
]

/**
 * The error code for what pg threw, undefined for a bug. The one place that knows SQLSTATEs, errnos and the driver's words.
 * Source: PostgreSQL manual, appendix A.
 */
export function storeErrorCode(error: unknown): ErrorCode | undefined {
  if (!(error instanceof Error)) return undefined
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  if (code !== undefined) return BY_ERRNO[code] ?? BY_SQLSTATE[code] ?? BY_SQLSTATE[code.slice(0, 2)]
  return DRIVER_MESSAGES.some((start) => error.message.startsWith(start)) ? 'ERR_STORE_UNAVAILABLE' : undefined
}

const REMEDY: Partial<Record<ErrorCode, string>> = {
  ERR_STORE_UNAVAILABLE: 'is Postgres running and reachable?',
  ERR_STORE_DENIED: 'check user, password and privileges in DATABASE_URL',
  ERR_CONFIG_INVALID: 'check DATABASE_URL',
  ERR_SCHEMA_VERSION: 'run `warren migrate`',
  ERR_STORE_CONFLICT: 'other processes hold the rows',
}

/** `error` as CrawlError, or as it is when it is a bug. `verb` is what could not be done, `where` is host, port and database: never the password. */
export function asStoreError(error: unknown, verb: string, where: string): unknown {
  if (error instanceof CrawlError) return error
  const code = storeErrorCode(error)
  if (code === undefined || !(error instanceof Error)) return error
  const said = error.message === '' && 'code' in error ? String(error.code) : error.message
  const remedy = REMEDY[code]
  return new CrawlError(code, `Cannot ${verb}: ${said} (${where})${remedy === undefined ? '' : `; ${remedy}`}`, { cause: error })
}
