import { causes, codeOf } from '@warren/async'
import { CrawlError, type ErrorCode } from '@warren/protocol'

/** What a foreign error means: a code of ours, or `bug`: ours to mend, and thrown as it came. */
export type Meaning = ErrorCode | 'bug'

/** SQLSTATEs; two characters are the rest of a class. Source: PostgreSQL manual, appendix A; errcodes.txt of 15 to 18. */
const BY_SQLSTATE: Readonly<Record<string, Meaning>> = {
  '00': 'bug', // successful completion
  '01': 'bug', // warning: never comes as an error
  '02': 'bug', // no data
  '03': 'bug', // SQL statement not yet complete
  '08': 'ERR_STORE_UNAVAILABLE', // connection exception; 08P01 is also how poolers say that they have no server
  '09': 'bug', // triggered action exception
  '0A': 'bug', // feature not supported
  '0B': 'bug', // invalid transaction initiation
  '0F': 'bug', // locator exception
  '0L': 'bug', // invalid grantor
  '0P': 'bug', // invalid role specification
  '0Z': 'bug', // diagnostics exception
  '10': 'bug', // XQuery error
  '20': 'bug', // case not found
  '21': 'bug', // cardinality violation
  '22': 'bug', // data exception: we let through what the database cannot hold
  '23': 'bug', // integrity constraint violation: our functions exclude it, or say it with a code of ours
  '24': 'bug', // invalid cursor state
  '25': 'bug', // invalid transaction state
  '25006': 'ERR_STORE_UNAVAILABLE', // read_only_sql_transaction: a standby after a failover, a disk that an operator protects
  '25P03': 'ERR_STORE_UNAVAILABLE', // idle_in_transaction_session_timeout
  '25P04': 'ERR_STORE_UNAVAILABLE', // transaction_timeout
  '26': 'ERR_CONFIG_INVALID', // invalid_sql_statement_name: what this session prepared is gone, so it is not one session
  '27': 'bug', // triggered data change violation
  '28': 'ERR_STORE_DENIED', // invalid authorization specification
  '2B': 'bug', // dependent privilege descriptors still exist
  '2D': 'bug', // invalid transaction termination
  '2F': 'bug', // SQL routine exception
  '34': 'bug', // invalid cursor name
  '38': 'bug', // external routine exception
  '39': 'bug', // external routine invocation exception
  '3B': 'bug', // savepoint exception
  '3D': 'ERR_CONFIG_INVALID', // the database does not exist
  '3F': 'ERR_SCHEMA_VERSION', // the schema does not exist
  '40': 'ERR_STORE_CONFLICT', // transaction rollback: serialization failure, deadlock
  '40002': 'bug', // transaction_integrity_constraint_violation: as 23
  '40003': 'ERR_STORE_UNAVAILABLE', // statement_completion_unknown
  '42': 'bug', // syntax error or access rule violation
  '42501': 'ERR_STORE_DENIED', // insufficient_privilege
  '42703': 'ERR_SCHEMA_VERSION', // undefined_column
  '42704': 'ERR_SCHEMA_VERSION', // undefined_object: a type of ours
  '42883': 'ERR_SCHEMA_VERSION', // undefined_function
  '42P01': 'ERR_SCHEMA_VERSION', // undefined_table
  '42P05': 'ERR_CONFIG_INVALID', // duplicate_prepared_statement: another client prepared it in this session
  '44': 'bug', // with check option violation
  '53': 'ERR_STORE_UNAVAILABLE', // insufficient resources: disk full, out of memory, too many connections
  '54': 'bug', // program limit exceeded: a row or statement of ours is too large
  '55': 'bug', // object not in prerequisite state
  '55000': 'ERR_STORE_UNAVAILABLE', // from a server that is in recovery, or a database that takes no connections
  '55006': 'ERR_STORE_CONFLICT', // object_in_use
  '55P02': 'ERR_CONFIG_INVALID', // cant_change_runtime_param: an option in DATABASE_URL
  '55P03': 'ERR_STORE_CONFLICT', // lock_not_available: lock_timeout
  '57': 'ERR_STORE_UNAVAILABLE', // operator intervention: shutdown, crash, start, statement_timeout, idle_session_timeout
  '57P04': 'ERR_CONFIG_INVALID', // database_dropped: as 3D000, which the next connection gets
  '58': 'ERR_STORE_UNAVAILABLE', // system error: the server's disk and files
  '72': 'ERR_STORE_CONFLICT', // snapshot too old, up to Postgres 16
  F0: 'ERR_STORE_UNAVAILABLE', // configuration file error: the server's own
  HV: 'bug', // foreign data wrapper error
  P0: 'bug', // PL/pgSQL error: an exception of our functions without a code of ours
  WR001: 'ERR_CRAWL_CONFLICT', // raised by our functions
  XX: 'ERR_STORE_UNAVAILABLE', // internal error, corrupted data: the server's, also when a pooler says it; waiting loses nothing
}

/** Where one SQLSTATE stands for too much, the server's function that raised it tells more. Its name is never translated. */
const BY_ROUTINE: Readonly<Record<string, Meaning>> = {
  RevalidateCachedQuery: 'ERR_SCHEMA_VERSION', // 0A000: a migration gave a prepared statement another result; a new process prepares anew
  GetNewTransactionId: 'ERR_STORE_UNAVAILABLE', // 54000: the server stops before transaction ids wrap around
  GetNewMultiXactId: 'ERR_STORE_UNAVAILABLE',
}

/** Codes of Node: of sockets, of the resolver, of what DATABASE_URL names. */
const BY_CODE: Readonly<Record<string, Meaning>> = {
  EACCES: 'ERR_STORE_DENIED', // a unix socket that may not be opened
  EADDRINUSE: 'ERR_STORE_UNAVAILABLE',
  EADDRNOTAVAIL: 'ERR_STORE_UNAVAILABLE',
  EAFNOSUPPORT: 'ERR_STORE_UNAVAILABLE',
  EAGAIN: 'ERR_STORE_UNAVAILABLE', // a unix socket with too many who wait
  ECANCELED: 'ERR_STORE_UNAVAILABLE',
  ECHARSET: 'ERR_STORE_UNAVAILABLE',
  ECONNABORTED: 'ERR_STORE_UNAVAILABLE',
  ECONNREFUSED: 'ERR_STORE_UNAVAILABLE',
  ECONNRESET: 'ERR_STORE_UNAVAILABLE',
  EHOSTDOWN: 'ERR_STORE_UNAVAILABLE',
  EHOSTUNREACH: 'ERR_STORE_UNAVAILABLE',
  EINVAL: 'ERR_STORE_UNAVAILABLE',
  EIO: 'ERR_STORE_UNAVAILABLE',
  EISDIR: 'ERR_CONFIG_INVALID', // a certificate that is a folder
  ELOOP: 'ERR_CONFIG_INVALID',
  EMFILE: 'ERR_STORE_UNAVAILABLE',
  ENAMETOOLONG: 'ERR_CONFIG_INVALID', // the path of a unix socket
  ENETDOWN: 'ERR_STORE_UNAVAILABLE',
  ENETUNREACH: 'ERR_STORE_UNAVAILABLE',
  ENFILE: 'ERR_STORE_UNAVAILABLE',
  ENOBUFS: 'ERR_STORE_UNAVAILABLE',
  ENOENT: 'ERR_STORE_UNAVAILABLE', // a unix socket that is not there
  ENOMEM: 'ERR_STORE_UNAVAILABLE',
  ENONET: 'ERR_STORE_UNAVAILABLE',
  ENOTCONN: 'ERR_STORE_UNAVAILABLE',
  ENOTDIR: 'ERR_CONFIG_INVALID',
  ENOTFOUND: 'ERR_STORE_UNAVAILABLE',
  EOF: 'ERR_STORE_UNAVAILABLE',
  EPERM: 'ERR_STORE_UNAVAILABLE', // a firewall of this machine
  EPIPE: 'ERR_STORE_UNAVAILABLE',
  EPROTONOSUPPORT: 'ERR_STORE_UNAVAILABLE',
  EPROTOTYPE: 'ERR_CONFIG_INVALID', // a unix socket of another kind
  ERR_INVALID_URL: 'ERR_CONFIG_INVALID',
  ERR_SOCKET_CLOSED: 'ERR_STORE_UNAVAILABLE',
  ERR_SOCKET_CLOSED_BEFORE_CONNECTION: 'ERR_STORE_UNAVAILABLE',
  ERR_SOCKET_CONNECTION_TIMEOUT: 'ERR_STORE_UNAVAILABLE',
  ERR_STREAM_DESTROYED: 'ERR_STORE_UNAVAILABLE',
  ERR_STREAM_PREMATURE_CLOSE: 'ERR_STORE_UNAVAILABLE',
  ERR_STREAM_WRITE_AFTER_END: 'ERR_STORE_UNAVAILABLE',
  ESHUTDOWN: 'ERR_STORE_UNAVAILABLE',
  ESOCKTNOSUPPORT: 'ERR_STORE_UNAVAILABLE',
  ETIMEDOUT: 'ERR_STORE_UNAVAILABLE',
  UNKNOWN: 'ERR_STORE_UNAVAILABLE',
}

const RESOLVER = /^EAI_/
/** OpenSSL's families, and certificates as Node names their faults. */
const TLS =
  /^(?:EPROTO|ERR_(?:OSSL|SSL|TLS)_.*|(?:CERT|CRL|DEPTH_ZERO|ERROR_IN_C(?:ERT|RL)|PATH_LENGTH|SELF_SIGNED|UNABLE_TO)_.*|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|OUT_OF_MEM|UNSPECIFIED)$/

/** What the driver says without a code, by how it begins. Source: pg 8, pg-pool 3, pg-protocol 1, pg-connection-string 2. */
const BY_WORDS: readonly (readonly [start: string, Meaning])[] = [
  ['Connection terminated', 'ERR_STORE_UNAVAILABLE'],
  ['Client has encountered a connection error', 'ERR_STORE_UNAVAILABLE'],
  ['Client was closed', 'ERR_STORE_UNAVAILABLE'],
  ['Query read timeout', 'ERR_STORE_UNAVAILABLE'],
  ['timeout exceeded when trying to connect', 'ERR_STORE_UNAVAILABLE'],
  ['timeout expired', 'ERR_STORE_UNAVAILABLE'],
  ['There was an error establishing an SSL connection', 'ERR_STORE_UNAVAILABLE'],
  ['Cannot use a pool after calling end', 'ERR_STORE_UNAVAILABLE'], // a call that comes while we close
  ['Received unexpected ', 'ERR_STORE_UNAVAILABLE'], // out of step with the server; the driver drops the connection
  ['SASL', 'ERR_STORE_DENIED'], // no password where one is asked for, or a server that does not know it either
  ['Unknown authenticationOk message type', 'ERR_STORE_DENIED'], // a way to log in that the driver lacks
  // What DATABASE_URL asks for and cannot have
  ['The server does not support SSL', 'ERR_CONFIG_INVALID'],
  ['sslnegotiation=direct requires SSL', 'ERR_CONFIG_INVALID'],
  ['Invalid sslnegotiation value', 'ERR_CONFIG_INVALID'],
  ['Both useLibpqCompat and uselibpqcompat', 'ERR_CONFIG_INVALID'],
  ['SECURITY WARNING: Using sslmode=verify-ca', 'ERR_CONFIG_INVALID'],
  ['URI malformed', 'ERR_CONFIG_INVALID'],
  // Calls that we must not make
  ['Client has already been connected', 'bug'],
  ['Client was passed a null or undefined query', 'bug'],
  ['Password must be a string', 'bug'],
  ['callback is not a function', 'bug'],
  ['A query must have either text or a name', 'bug'],
  ['Prepared statements must be unique', 'bug'],
  ['Query values must be an array', 'bug'],
  ['circular reference detected', 'bug'],
  ['first argument must be a Buffer', 'bug'],
  ['second argument must be a Buffer', 'bug'],
  ['Buffer lengths must match', 'bug'],
  ['Buffers cannot be empty', 'bug'],
  ['Release called on client which has already been released', 'bug'],
  ['Called end on pool more than once', 'bug'],
  ['Passing a function as the first parameter to pool.query', 'bug'],
  ['unexpected condition', 'bug'],
  ['Binary mode not supported yet', 'bug'],
]

const REMEDY: Partial<Record<ErrorCode, string>> = {
  ERR_STORE_UNAVAILABLE: 'is Postgres running and reachable?',
  ERR_STORE_DENIED: 'check user, password and privileges in DATABASE_URL',
  ERR_CONFIG_INVALID: 'check DATABASE_URL',
  ERR_SCHEMA_VERSION: 'run `warren migrate`',
  ERR_STORE_CONFLICT: 'other processes hold the rows',
}
const ONE_SESSION = 'DATABASE_URL leads to a pooler that mixes sessions; use its session mode, or Postgres itself'
/** Where the code's remedy would mislead. */
const REMEDY_BY_SQLSTATE: Readonly<Record<string, string>> = {
  '0A000': 'the schema was migrated meanwhile; start again',
  '26000': ONE_SESSION,
  '42P05': ONE_SESSION,
  XX001: 'the database is damaged; restore it',
  XX002: 'an index is damaged; rebuild it (reindex)',
}
const TLS_REMEDY = 'check the certificate (NODE_EXTRA_CA_CERTS adds an authority) and sslmode in DATABASE_URL'

/**
 * `error` as CrawlError, or as it came when it is a bug. `verb` is what could not be done, `where` is host, port and database: never the
 * password. Everything that SQLSTATEs, errnos and the driver's words mean to us is known here, and nowhere else.
 */
export function asStoreError(error: unknown, verb: string, where: string): unknown {
  if (error instanceof CrawlError) return error
  const { meaning, source } = read(error) ?? {}
  if (source === undefined || meaning === undefined || meaning === 'bug') return error
  const code = codeOf(source) ?? ''
  const remedy = TLS.test(code) ? TLS_REMEDY : (REMEDY_BY_SQLSTATE[code] ?? REMEDY[meaning])
  const said = source.message || code
  return new CrawlError(meaning, `Cannot ${verb}: ${said} (${where})${remedy === undefined ? '' : `; ${remedy}`}`, { cause: error })
}

/** What a foreign error means; undefined when it is not known here, which makes it a bug too. */
export const storeMeaning = (error: unknown): Meaning | undefined => read(error)?.meaning

/** The first that is known of all that stands behind an error: drizzle wraps what pg threw, of several addresses Node tells in one error. */
function read(error: unknown): { readonly meaning: Meaning; readonly source: Error } | undefined {
  for (const source of causes(error)) {
    const meaning = source instanceof Error ? meaningOf(source) : undefined
    if (meaning !== undefined) return { meaning, source: source as Error }
  }
  return undefined
}

function meaningOf(error: Error): Meaning | undefined {
  const code = codeOf(error)
  if (code === undefined) return BY_WORDS.find(([start]) => error.message.startsWith(start))?.[1]
  if (isUnreadableFile(error, code)) return 'ERR_CONFIG_INVALID'
  if (RESOLVER.test(code) || TLS.test(code)) return 'ERR_STORE_UNAVAILABLE'
  const routine = 'routine' in error && typeof error.routine === 'string' ? BY_ROUTINE[error.routine] : undefined
  return BY_CODE[code] ?? routine ?? BY_SQLSTATE[code] ?? BY_SQLSTATE[code.slice(0, 2)]
}

/** A certificate that DATABASE_URL names and that is not there; the same errno of `connect` is about a unix socket. */
const isUnreadableFile = (error: Error, code: string): boolean =>
  (code === 'ENOENT' || code === 'EACCES') && 'syscall' in error && error.syscall === 'open'
