import { causes, codeOf } from '@warren/async'
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
  UND_ERR_WS_MESSAGE_SIZE_EXCEEDED: 'protocol',
  ERR_WEBASSEMBLY_NOT_SUPPORTED: 'protocol',
  // sockets
  ECANCELED: 'reset',
  ECONNABORTED: 'reset',
  ECONNRESET: 'reset',
  EIO: 'reset',
  ENETRESET: 'reset',
  ENOTCONN: 'reset',
  EOF: 'reset', // of a resolver's connection: inPhase makes it `dns-failed`
  EPIPE: 'reset',
  ERR_SOCKET_CLOSED: 'reset',
  ERR_STREAM_DESTROYED: 'reset',
  ERR_STREAM_PREMATURE_CLOSE: 'reset',
  ERR_STREAM_WRITE_AFTER_END: 'reset',
  ESHUTDOWN: 'reset',
  ECONNREFUSED: 'connect-refused',
  ERR_SOCKET_CONNECTION_TIMEOUT: 'connect-timeout',
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
  ENONET: 'connect-failed',
  EPERM: 'connect-failed',
  EPROTONOSUPPORT: 'connect-failed',
  ERR_SOCKET_CLOSED_BEFORE_CONNECTION: 'connect-failed',
  ESOCKTNOSUPPORT: 'connect-failed',
  UNKNOWN: 'connect-failed',
  EPROTO: 'tls',
  // the resolvers: c-ares and getaddrinfo
  EBADNAME: 'dns-not-found',
  ECHARSET: 'dns-not-found', // no name that can be written in DNS
  ENODATA: 'dns-not-found',
  ENONAME: 'dns-not-found',
  ENOTFOUND: 'dns-not-found',
  EAI_NODATA: 'dns-not-found',
  EAI_NONAME: 'dns-not-found',
  EADDRGETNETWORKPARAMS: 'dns-failed',
  EBADFAMILY: 'dns-failed',
  EBADFLAGS: 'dns-failed',
  EBADHINTS: 'dns-failed',
  EBADQUERY: 'dns-failed',
  EBADRESP: 'dns-failed',
  EBADSTR: 'dns-failed',
  ECANCELLED: 'dns-failed',
  EDESTRUCTION: 'dns-failed',
  EFILE: 'dns-failed',
  EFORMERR: 'dns-failed',
  ELOADIPHLPAPI: 'dns-failed',
  ENOTIMP: 'dns-failed',
  ENOTINITIALIZED: 'dns-failed',
  EREFUSED: 'dns-failed',
  ESERVFAIL: 'dns-failed',
  ETIMEOUT: 'dns-failed',
  // certificates (X509_V_ERR_*, as Node names them); more by their prefix
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls',
  HOSTNAME_MISMATCH: 'tls',
  INVALID_CA: 'tls',
  INVALID_PURPOSE: 'tls',
  OUT_OF_MEM: 'tls',
  PATH_LENGTH_EXCEEDED: 'tls',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls',
  UNSPECIFIED: 'tls',
  // a decoder that cannot be made; what it says of broken data ends where bodies are read
  ERR_BROTLI_PARAM_SET_FAILED: 'decode',
  ERR_ZLIB_INITIALIZATION_FAILED: 'decode',
  ERR_ZSTD_PARAM_SET_FAILED: 'decode',
}

/** Families of codes that are too many to list. */
const PREFIXES: readonly (readonly [string, UnreachableCode])[] = [
  ['CERT_', 'tls'],
  ['CRL_', 'tls'],
  ['ERROR_IN_C', 'tls'], // of a certificate's or a revocation list's dates
  ['UNABLE_TO_', 'tls'],
  ['ERR_OSSL_', 'tls'],
  ['ERR_SSL_', 'tls'],
  ['ERR_TLS_', 'tls'],
  ['EAI_', 'dns-failed'],
  ['HPE_', 'protocol'],
  ['UND_ERR_SOCKS5', 'protocol'], // not used here
]

export type Phase = 'resolve' | 'connect' | 'handshake' | 'exchange'

export interface Failure {
  readonly code: UnreachableCode
  /** For people: the foreign code and its words. */
  readonly detail: string
  /** False: the table lacks this error; it is counted and logged, and deserves a row. */
  readonly known: boolean
}

/**
 * What a foreign error means in the phase it came up in: the first that is known of it and of what stands behind it.
 * Total: what the table lacks is `protocol`, and says so.
 */
export function failureOf(error: unknown, phase: Phase): Failure {
  for (const cause of causes(error)) {
    const code = codeFor(keyOf(cause))
    if (code !== undefined) return { code: inPhase(code, phase), detail: detailOf(cause), known: true }
  }
  return { code: inPhase('protocol', phase), detail: detailOf(error), known: false }
}

const codeFor = (key: string): UnreachableCode | undefined =>
  Object.hasOwn(FAILURES, key) ? FAILURES[key] : PREFIXES.find(([prefix]) => key.startsWith(prefix))?.[1]

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

const keyOf = (error: unknown): string => codeOf(error) ?? (error instanceof Error ? error.name : typeof error)

function detailOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return (message === '' ? keyOf(error) : `${keyOf(error)}: ${message}`).slice(0, 300)
}
