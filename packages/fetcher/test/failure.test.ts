import { constants } from 'node:os'
import { unreachableCode } from '@warren/protocol'
import { errors } from 'undici'
import { describe, expect, test } from 'vitest'
import { FAILURES, failureOf, type Phase } from '../src/failure.ts'

const withCode = (code: string) => Object.assign(new Error('words'), { code })

describe('The failure table', () => {
  test('knows every error class that undici exports, by the code an instance has', () => {
    for (const [name, kind] of Object.entries(errors)) expect(failureOf(made(kind), 'exchange'), name).toMatchObject({ known: true })
    expect(Object.keys(errors).length).toBeGreaterThan(20)
  })

  test('has no row for what undici does not throw', () => {
    const codes = new Set(Object.values(errors).map((kind) => (made(kind) as { code?: unknown }).code))
    for (const code of Object.keys(FAILURES)) if (code.startsWith('UND_ERR')) expect(codes, code).toContain(code)
  })

  test('knows the errno that a socket may die of', () => {
    for (const code of [
      'ECONNREFUSED',
      'ECONNRESET',
      'EHOSTUNREACH',
      'ENETUNREACH',
      'EPIPE',
      'ETIMEDOUT',
      'EADDRNOTAVAIL',
      'EMFILE',
      'ECONNABORTED',
      'ENETDOWN',
      'ENOBUFS',
    ]) {
      expect(constants.errno).toHaveProperty(code)
      expect(failureOf(withCode(code), 'connect').known, code).toBe(true)
    }
  })

  test('knows families by their prefix', () => {
    expect(failureOf(withCode('ERR_SSL_WRONG_VERSION_NUMBER'), 'handshake')).toMatchObject({ code: 'tls', known: true })
    expect(failureOf(withCode('ERR_TLS_CERT_ALTNAME_INVALID'), 'handshake')).toMatchObject({ code: 'tls', known: true })
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

  test('looks into an AggregateError, and keeps the words short', () => {
    expect(failureOf(new AggregateError([withCode('ECONNREFUSED')]), 'connect').code).toBe('connect-refused')
    expect(failureOf(new Error('x'.repeat(1_000)), 'exchange').detail.length).toBeLessThanOrEqual(300)
  })
})

/** An instance as undici makes it: the HTTP parser's errors have no code, whatever it found (undici 8). */
const made = (kind: unknown): Error => Reflect.construct(kind as new () => Error, ['words', undefined, { headers: {} }])
