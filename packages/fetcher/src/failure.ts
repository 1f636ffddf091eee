import type { UnreachableCode } from '@warren/protocol'

/**
 * The one table from foreign error codes to ours: undici's codes, errno, the resolver's and OpenSSL's.
 * `HTTPParserError` is looked up by its name, because undici 8 leaves its code undefined.
 */
export const FAILURES: Readonly<Record<string, UnreachableCode>> = {
  // undici: what a peer can do
  UND_ERR_CONNECT_TIMEOUT: 'connect-timeout',
  UND_ERR_HEADERS_TIMEOUT: 'headers-timeout',
  UND_ERR_BODY_TIMEOUT: 'exchange-timeout',
  UND_ERR_SOCKET: 'reset',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'reset', // the peer closed before the length it had announced
  UND_ERR_HEADERS_OVERFLOW: 'protocol',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'protocol',
  HTTPParserError: 'protocol',
  // undici: our own hand on the connection
  UND_ERR_ABORT: 'reset',
  UND_ERR_ABORTED: 'reset',
  UND_ERR_CLOSED: 'reset',
  UND_ERR_DESTROYED: 'reset',
  UND_ERR_INFO: 'reset',
  // undici: requests that cannot be written, and features that are not used here
  UND_ERR: 'protocol',
  UND_ERR_BPL_MISSING_UPSTREAM: 'protocol',
  UND_ERR_INVALID_ARG: 'protocol',
  UND_ERR_INVALID_RETURN_VALUE: 'protocol',
  UND_ERR_MAX_ORIGINS_REACHED: 'protocol',
  UND_ERR_NOT_SUPPORTED: 'protocol',
  UND_ERR_PRX_CONN: 'protocol',
  UND_ERR_PRX_TLS: 'protocol',
  UND_ERR_REDIRECT_MAX: 'protocol',
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: 'protocol',
  UND_ERR_REQ_RETRY: 'protocol',
  UND_ERR_RESPONSE: 'protocol',
  UND_ERR_SOCKS5: 'protocol',
  UND_ERR_WS_MESSAGE_SIZE_EXCEEDED: 'protocol',
  ERR_WEBASSEMBLY_NOT_SUPPORTED: 'protocol',
  // sockets
  ECONNABORTED: 'reset',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ERR_STREAM_DESTROYED: 'reset',
  ERR_STREAM_PREMATURE_CLOSE: 'reset',
  ERR_STREAM_WRITE_AFTER_END: 'reset',
  ENOTCONN: 'reset',
  ECONNREFUSED: 'connect-refused',
  ETIMEDOUT: 'connect-timeout',
  EACCES: 'connect-failed',
  EADDRINUSE: 'connect-failed',
  EADDRNOTAVAIL: 'connect-failed',
  EAFNOSUPPORT: 'connect-failed',
  EHOSTDOWN: 'connect-failed',
  EHOSTUNREACH: 'connect-failed',
  EINVAL: 'connect-failed',
  EMFILE: 'connect-failed',
  ENETDOWN: 'connect-failed',
  ENETUNREACH: 'connect-failed',
  ENFILE: 'connect-failed',
  ENOBUFS: 'connect-failed',
  ENOMEM: 'connect-failed',
  EPERM: 'connect-failed',
  EPROTO: 'tls',
  // the resolvers: c-ares and getaddrinfo
  ENOTFOUND: 'dns-not-found',
  ENODATA: 'dns-not-found',
  ENONAME: 'dns-not-found',
  EAI_NONAME: 'dns-not-found',
  EAI_NODATA: 'dns-not-found',
  EAI_AGAIN: 'dns-failed',
  EAI_FAIL: 'dns-failed',
  EBADNAME: 'dns-not-found',
  EBADRESP: 'dns-failed',
  ECANCELLED: 'dns-failed',
  EFORMERR: 'dns-failed',
  ENOTIMP: 'dns-failed',
  EREFUSED: 'dns-failed',
  ESERVFAIL: 'dns-failed',
  ETIMEOUT: 'dns-failed',
  // certificates (X509_V_ERR_*, as Node names them)
  CERT_CHAIN_TOO_LONG: 'tls',
  CERT_HAS_EXPIRED: 'tls',
  CERT_NOT_YET_VALID: 'tls',
  CERT_REJECTED: 'tls',
  CERT_REVOKED: 'tls',
  CERT_SIGNATURE_FAILURE: 'tls',
  CERT_UNTRUSTED: 'tls',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls',
  HOSTNAME_MISMATCH: 'tls',
  INVALID_CA: 'tls',
  INVALID_PURPOSE: 'tls',
  PATH_LENGTH_EXCEEDED: 'tls',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls',
  UNABLE_TO_GET_ISSUER_CERT: 'tls',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tls',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls',
}

/** Families of codes that are too many to list. */
const PREFIXES: readonly (readonly [string, UnreachableCode])[] = [
  ['ERR_SSL_', 'tls'],
  ['ERR_TLS_', 'tls'],
  ['HPE_', 'protocol'],
]

export type Phase = 'resolve' | 'connect' | 'handshake' | 'exchange'

export interface Failure {
  readonly code: UnreachableCode
  /** For people: the foreign code and its words. */
  readonly detail: string
  /** False: the table lacks this error; it is counted and logged, and deserves a row. */
  readonly known: boolean
}

/** What a foreign error means in the phase it came up in. Total: what the table lacks is `protocol`, and says so. */
export function failureOf(error: unknown, phase: Phase): Failure {
  const cause = error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error
  const { key, message } = named(cause)
  const found = (Object.hasOwn(FAILURES, key) ? FAILURES[key] : undefined) ?? PREFIXES.find(([prefix]) => key.startsWith(prefix))?.[1]
  return { code: inPhase(found ?? 'protocol', phase), detail: `${key}: ${message}`.slice(0, 300), known: found !== undefined }
}

/** One errno means different things before and after a connection stands. */
function inPhase(code: UnreachableCode, phase: Phase): UnreachableCode {
  switch (phase) {
    case 'resolve':
      return code === 'dns-not-found' ? code : 'dns-failed'
    case 'connect':
      return code === 'connect-refused' || code === 'connect-timeout' ? code : 'connect-failed'
    case 'handshake':
      return code === 'connect-timeout' ? code : 'tls'
    case 'exchange':
      return code.startsWith('connect-') || code.startsWith('dns-') || code === 'tls' ? 'reset' : code
  }
}

function named(error: unknown): { key: string; message: string } {
  if (!(error instanceof Error)) return { key: typeof error, message: String(error) }
  const code: unknown = 'code' in error ? error.code : undefined
  return { key: typeof code === 'string' ? code : error.name, message: error.message }
}
