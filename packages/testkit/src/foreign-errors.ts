import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getSystemErrorMap } from 'node:util'

// What the platform and the drivers can throw, taken from themselves: an edge that maps all of it is total, and an upgrade that brings
// something new fails the edge's test.

/** No TCP socket and no resolver gives these, by where they come from instead. */
const NOT_OF_TCP = {
  files: 'EDQUOT EEXIST EFBIG EFTYPE EISDIR EMLINK ENODEV ENOLCK ENOSPC ENOTEMPTY ENXIO EREMOTEIO EROFS ESPIPE ESTALE ETXTBSY EXDEV',
  unixSockets: 'ELOOP ENAMETOOLONG ENOENT ENOTDIR EPROTOTYPE',
  processes: 'E2BIG ECHILD EDEADLK ENOEXEC ENOTTY ESRCH',
  streamsAndQueues: 'EBADMSG EIDRM EMULTIHOP ENODATA ENOLINK ENOMSG ENOSR ENOSTR ETIME EUNATCH',
  arithmetic: 'EDOM EILSEQ EOVERFLOW ERANGE',
  // Handled inside libuv, or a call that no program of ours makes.
  misuse:
    'EAGAIN EALREADY EBADF EBUSY EDESTADDRREQ EFAULT EINPROGRESS EINTR EISCONN EMSGSIZE ENOPROTOOPT ENOSYS ENOTSOCK ENOTSUP EOPNOTSUPP EWOULDBLOCK',
} as const

/** Codes of Node's own that a socket can end with, plain and TLS. Source: Node's documentation of errors. */
const OF_NODE = `
  ERR_SOCKET_CLOSED ERR_SOCKET_CLOSED_BEFORE_CONNECTION ERR_SOCKET_CONNECTION_TIMEOUT
  ERR_STREAM_DESTROYED ERR_STREAM_PREMATURE_CLOSE ERR_STREAM_WRITE_AFTER_END
  ERR_OSSL_EVP_UNSUPPORTED ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR ERR_SSL_WRONG_VERSION_NUMBER
  ERR_TLS_CERT_ALTNAME_FORMAT ERR_TLS_CERT_ALTNAME_INVALID ERR_TLS_DH_PARAM_SIZE ERR_TLS_HANDSHAKE_TIMEOUT ERR_TLS_INVALID_STATE
  ERR_TLS_REQUIRED_SERVER_NAME ERR_TLS_SESSION_ATTACK`

/** What Node may say of a peer's certificate. Source: Node's documentation of tls, X509 certificate error codes; UNSPECIFIED is for others. */
const OF_CERTIFICATES = `
  CERT_CHAIN_TOO_LONG CERT_HAS_EXPIRED CERT_NOT_YET_VALID CERT_REJECTED CERT_REVOKED CERT_SIGNATURE_FAILURE CERT_UNTRUSTED
  CRL_HAS_EXPIRED CRL_NOT_YET_VALID CRL_SIGNATURE_FAILURE DEPTH_ZERO_SELF_SIGNED_CERT ERROR_IN_CERT_NOT_AFTER_FIELD
  ERROR_IN_CERT_NOT_BEFORE_FIELD ERROR_IN_CRL_LAST_UPDATE_FIELD ERROR_IN_CRL_NEXT_UPDATE_FIELD HOSTNAME_MISMATCH INVALID_CA
  INVALID_PURPOSE OUT_OF_MEM PATH_LENGTH_EXCEEDED SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY
  UNABLE_TO_DECRYPT_CERT_SIGNATURE UNABLE_TO_DECRYPT_CRL_SIGNATURE UNABLE_TO_GET_CRL UNABLE_TO_GET_ISSUER_CERT
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE UNSPECIFIED`

/** The codes of errors that a socket can end with, its name resolution and its TLS included; over a Unix socket there are a few more. */
export function socketCodes({ unix = false }: { unix?: boolean } = {}): string[] {
  const never = new Set(Object.values(NOT_OF_TCP).flatMap(names))
  if (unix) for (const errno of ['EAGAIN', ...names(NOT_OF_TCP.unixSockets)]) never.delete(errno)
  const errnos = [...getSystemErrorMap().values()].map(([name]) => name).filter((name) => !never.has(name))
  return [...errnos, 'ENOTFOUND', ...names(OF_NODE), ...names(OF_CERTIFICATES)] // ENOTFOUND: Node's word for EAI_NONAME and EAI_NODATA
}

const names = (list: string): string[] => list.trim().split(/\s+/)

/** A place in a driver's sources that makes an error. */
export interface MadeError {
  readonly file: string
  /** How its message begins, as far as it is written out there; undefined when it starts with something computed. */
  readonly words: string | undefined
  /** The code of its first argument, for those without words. */
  readonly code: string
}

/** `new SomeError(...)`, and throwing a bare message. */
const MAKERS = /\bnew \w*Error\(|\bthrow (?=(?:fmt\()?['"`])/g

/** Every place under `folder` that makes an error, by reading its sources; `also`: further functions whose first argument is a message. */
export function madeErrors(folder: string, also: readonly RegExp[] = []): MadeError[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.js') && !file.includes('.test.'),
  )
  return files.sort().flatMap((file) => {
    const source = readFileSync(join(folder, file), 'utf8').replaceAll(/^\s*(?:\/\/|\*).*$/gm, '')
    return [MAKERS, ...also].flatMap((maker) =>
      [...source.matchAll(maker)].map(({ 0: found, index }) => {
        const argument = source.slice(index + found.length).trimStart()
        return { file, words: wordsOf(argument), code: /^[^\n,)]*/.exec(argument)?.[0] ?? '' }
      }),
    )
  })
}

/** The beginning of a message: of a literal, of several joined by +, of a template up to its first hole, of a format up to its first %. */
function wordsOf(argument: string): string | undefined {
  const format = /^(?:fmt|format)\(\s*/.exec(argument)?.[0] ?? ''
  const quote = argument[format.length]
  if (quote !== "'" && quote !== '"' && quote !== '`') return undefined
  const literals = /^(?:(['"`])(?:\\.|(?!\1).)*\1\s*(?:\+\s*(?=['"`]))?)+/s.exec(argument.slice(format.length))?.[0] ?? ''
  const text = [...literals.matchAll(/(['"`])((?:\\.|(?!\1).)*)\1/gs)].map(([, , text = '']) => text.replaceAll(/\\(.)/g, '$1')).join('')
  const words = text.split(format === '' ? (quote === '`' ? '${' : '\0') : '%')[0] ?? ''
  return words === '' ? undefined : words
}
