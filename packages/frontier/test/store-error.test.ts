import { CrawlError } from '@warren/protocol'
import { expect, test } from 'vitest'
import { asStoreError, storeErrorCode } from '../src/store-error.ts'

const coded = (code: string, message = 'said') => Object.assign(new Error(message), { code })

test.each([
  ['40001', 'ERR_STORE_CONFLICT'],
  ['40P01', 'ERR_STORE_CONFLICT'],
  ['55P03', 'ERR_STORE_CONFLICT'],
  ['57P01', 'ERR_STORE_UNAVAILABLE'],
  ['57014', 'ERR_STORE_UNAVAILABLE'],
  ['08006', 'ERR_STORE_UNAVAILABLE'],
  ['53300', 'ERR_STORE_UNAVAILABLE'],
  ['53100', 'ERR_STORE_UNAVAILABLE'],
  ['28P01', 'ERR_STORE_DENIED'],
  ['42501', 'ERR_STORE_DENIED'],
  ['3D000', 'ERR_CONFIG_INVALID'],
  ['42P01', 'ERR_SCHEMA_VERSION'],
  ['WR001', 'ERR_CRAWL_CONFLICT'],
  ['ECONNREFUSED', 'ERR_STORE_UNAVAILABLE'],
  ['ECONNRESET', 'ERR_STORE_UNAVAILABLE'],
  ['ENOTFOUND', 'ERR_STORE_UNAVAILABLE'],
])('store error: %s is %s', (code, expected) => {
  expect(storeErrorCode(coded(code))).toBe(expected)
})

test('store error: what the table does not know is a bug and stays as it came', () => {
  const bug = coded('42601', 'syntax error')
  expect(asStoreError(bug, 'claim', 'there')).toBe(bug)
  expect(asStoreError(new TypeError('no'), 'claim', 'there')).toBeInstanceOf(TypeError)
  expect(asStoreError('a string', 'claim', 'there')).toBe('a string')
})

test('store error: the driver says in words what has no code', () => {
  for (const words of ['Connection terminated unexpectedly', 'Query read timeout', 'timeout exceeded when trying to connect'])
    expect(storeErrorCode(new Error(words))).toBe('ERR_STORE_UNAVAILABLE')
})

test('store error: the message says what, where and what to do, and keeps the cause', () => {
  const cause = coded('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1')
  const error = asStoreError(cause, 'claim', 'postgres://127.0.0.1:1/x')
  expect(error).toBeInstanceOf(CrawlError)
  expect(error).toMatchObject({
    cause,
    message: 'Cannot claim: connect ECONNREFUSED 127.0.0.1:1 (postgres://127.0.0.1:1/x); is Postgres running and reachable?',
  })
})
