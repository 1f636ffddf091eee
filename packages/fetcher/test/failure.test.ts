import dns from 'node:dns'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { getSystemErrorMap } from 'node:util'
import { unreachableCode } from '@warren/protocol'
import { errors } from 'undici'
import { describe, expect, test } from 'vitest'
import { FAILURES, failureOf, type Phase } from '../src/failure.ts'

/** No TCP socket gives these, by where they come from instead; so a table that lacks them lacks nothing. */
const NOT_OF_SOCKETS = {
  files: 'EDQUOT EEXIST EFBIG EFTYPE EISDIR EMLINK ENODEV ENOLCK ENOSPC ENOTEMPTY ENXIO EREMOTEIO EROFS ESPIPE ESTALE ETXTBSY EXDEV',
  unixSockets: 'EAGAIN ELOOP ENAMETOOLONG ENOENT ENOTDIR EPROTOTYPE EWOULDBLOCK',
  processes: 'E2BIG ECHILD EDEADLK ENOEXEC ENOTTY ESRCH',
  streamsAndQueues: 'EBADMSG EIDRM EMULTIHOP ENOLINK ENOMSG ENOSR ENOSTR ETIME EUNATCH',
  arithmetic: 'EDOM EILSEQ EOVERFLOW ERANGE',
  // Handled inside libuv, or a call that nobody here makes.
  misuse: 'EALREADY EBADF EBUSY EDESTADDRREQ EFAULT EINPROGRESS EINTR EISCONN EMSGSIZE ENOPROTOOPT ENOSYS ENOTSOCK ENOTSUP EOPNOTSUPP',
}

/** Source: Node's documentation of tls, X509 certificate error codes; UNSPECIFIED is what it calls all others. */
const CERTIFICATES = `
  CERT_CHAIN_TOO_LONG CERT_HAS_EXPIRED CERT_NOT_YET_VALID CERT_REJECTED CERT_REVOKED CERT_SIGNATURE_FAILURE CERT_UNTRUSTED
  CRL_HAS_EXPIRED CRL_NOT_YET_VALID CRL_SIGNATURE_FAILURE DEPTH_ZERO_SELF_SIGNED_CERT ERROR_IN_CERT_NOT_AFTER_FIELD
  ERROR_IN_CERT_NOT_BEFORE_FIELD ERROR_IN_CRL_LAST_UPDATE_FIELD ERROR_IN_CRL_NEXT_UPDATE_FIELD HOSTNAME_MISMATCH INVALID_CA
  INVALID_PURPOSE OUT_OF_MEM PATH_LENGTH_EXCEEDED SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY
  UNABLE_TO_DECRYPT_CERT_SIGNATURE UNABLE_TO_DECRYPT_CRL_SIGNATURE UNABLE_TO_GET_CRL UNABLE_TO_GET_ISSUER_CERT
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE UNSPECIFIED`

const names = (list: string): string[] => list.trim().split(/\s+/)
const withCode = (code: string) => Object.assign(new Error('words'), { code })

describe('The failure table', () => {
  test('knows every error class that undici exports, by the code an instance has', () => {
    for (const [name, kind] of Object.entries(errors)) expect(failureOf(made(kind), 'exchange'), name).toMatchObject({ known: true })
    expect(Object.keys(errors).length).toBeGreaterThan(20)
  })

  test("knows every code that stands in undici's sources", () => {
    const lib = join(dirname(createRequire(import.meta.url).resolve('undici')), 'lib')
    const sources = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.js'))
    const codes = new Set(sources.flatMap((file) => readFileSync(join(lib, file), 'utf8').match(/\bUND_ERR\w*/g) ?? []))
    codes.delete('UND_ERR_HTTP_PARSER') // the name of a symbol: HTTPParserError has the parser's code, or none
    expect(codes.size).toBeGreaterThan(30)
    for (const code of codes) expect(failureOf(withCode(code), 'exchange'), code).toMatchObject({ known: true })
  })

  test('has no row for what undici does not throw', () => {
    const codes = new Set(Object.values(errors).map((kind) => (made(kind) as { code?: unknown }).code))
    for (const code of Object.keys(FAILURES)) if (code.startsWith('UND_ERR')) expect(codes, code).toContain(code)
  })

  test('knows every errno but those that no socket gives', () => {
    const never = new Set(Object.values(NOT_OF_SOCKETS).flatMap(names))
    const errnos = new Set([...Object.keys(constants.errno), ...[...getSystemErrorMap().values()].map(([name]) => name)])
    expect(errnos.size).toBeGreaterThan(80)
    for (const code of errnos) expect(failureOf(withCode(code), 'connect').known, code).toBe(!never.has(code))
  })

  test('knows every code of node:dns', () => {
    const codes = Object.values(dns).filter((value) => typeof value === 'string')
    expect(codes.length).toBeGreaterThanOrEqual(24)
    for (const code of codes) expect(failureOf(withCode(code), 'resolve'), code).toMatchObject({ known: true })
  })

  test('knows all that Node says of a certificate', () => {
    for (const code of names(CERTIFICATES)) expect(failureOf(withCode(code), 'handshake'), code).toMatchObject({ code: 'tls', known: true })
  })

  test('knows the ends of streams and sockets that have no errno, and a decoder that cannot be made', () => {
    const ends = `ERR_SOCKET_CLOSED ERR_SOCKET_CLOSED_BEFORE_CONNECTION ERR_SOCKET_CONNECTION_TIMEOUT ERR_STREAM_DESTROYED
      ERR_STREAM_PREMATURE_CLOSE ERR_STREAM_WRITE_AFTER_END`
    for (const code of names(ends)) expect(failureOf(withCode(code), 'exchange'), code).toMatchObject({ code: 'reset', known: true })
    for (const code of ['ERR_BROTLI_PARAM_SET_FAILED', 'ERR_ZLIB_INITIALIZATION_FAILED', 'ERR_ZSTD_PARAM_SET_FAILED'])
      expect(failureOf(withCode(code), 'exchange'), code).toMatchObject({ code: 'decode', known: true })
  })

  test('knows families by their prefix', () => {
    expect(failureOf(withCode('ERR_SSL_WRONG_VERSION_NUMBER'), 'handshake')).toMatchObject({ code: 'tls', known: true })
    expect(failureOf(withCode('ERR_TLS_CERT_ALTNAME_INVALID'), 'handshake')).toMatchObject({ code: 'tls', known: true })
    expect(failureOf(withCode('ERR_OSSL_EVP_UNSUPPORTED'), 'handshake')).toMatchObject({ code: 'tls', known: true })
    expect(failureOf(withCode('HPE_INVALID_CONSTANT'), 'exchange')).toMatchObject({ code: 'protocol', known: true })
  })

  test('is total: what it lacks is `protocol`, and says so', () => {
    for (const error of [withCode('E_NEW'), new TypeError('x'), 'text', undefined, { code: 'ECONNRESET' }])
      expect(failureOf(error, 'exchange')).toMatchObject({ code: 'protocol', known: false })
  })

  test('gives only codes that make sense in their phase', () => {
    const allowed: Record<Phase, readonly string[]> = {
      resolve: ['dns-not-found', 'dns-failed'],
      connect: ['connect-refused', 'connect-timeout', 'connect-failed'],
      handshake: ['tls', 'connect-timeout'],
      exchange: unreachableCode.options.filter((code) => !/^(?:dns|connect)-|^tls$/.test(code)),
    }
    for (const [phase, codes] of Object.entries(allowed))
      for (const key of [...Object.keys(FAILURES), 'E_NEW'])
        expect(codes, `${key} while ${phase}`).toContain(failureOf(withCode(key), phase as Phase).code)
  })

  test('takes the first that it knows of an error and what stands behind it, and keeps the words short', () => {
    const wrapped = new TypeError('failed', { cause: new AggregateError([withCode('ECONNREFUSED'), withCode('ETIMEDOUT')]) })
    expect(failureOf(wrapped, 'connect')).toEqual({ code: 'connect-refused', detail: 'ECONNREFUSED: words', known: true })
    expect(failureOf(new TypeError('failed', { cause: withCode('E_NEW') }), 'exchange')).toMatchObject({
      detail: 'TypeError: failed',
      known: false,
    })
    expect(failureOf(Object.assign(new AggregateError([]), { code: 'ETIMEDOUT' }), 'connect').detail).toBe('ETIMEDOUT')
    expect(failureOf(new Error('x'.repeat(1_000)), 'exchange').detail.length).toBeLessThanOrEqual(300)
  })
})

/** An instance as undici makes it: the HTTP parser's errors have no code, whatever it found (undici 8). */
const made = (kind: unknown): Error => Reflect.construct(kind as new () => Error, ['words', undefined, { headers: {} }])
