import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { connectRabbit } from '@warren/broker'
import { freePorts, type TestDatabase, type TestVhost, testDatabase, testVhost } from '@warren/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Ended, temporaryFolder, warren } from '../support/warren.ts'

const stack = new AsyncDisposableStack()
let database: TestDatabase
let vhost: TestVhost
let env: Record<string, string>
let deadPort: number

beforeAll(async () => {
  database = stack.use(await testDatabase())
  vhost = stack.use(await testVhost())
  env = { DATABASE_URL: database.url, AMQP_URL: vhost.url }
  const ports = await freePorts(1)
  deadPort = Number(ports[0])
  expect((await warren(['migrate'], { env })).code).toBe(0)
})
afterAll(() => stack.disposeAsync())

/** What every refusal looks like: the documented code, one line, no password, nothing on stdout but what was logged on the way. */
function expectRefusal(ended: Ended, code: number, line: RegExp): void {
  expect(ended).toMatchObject({ code, signal: null })
  expect(ended.stderr).toMatch(/^warren: [^\n]+\n$/)
  expect(ended.stderr).toMatch(line)
  for (const url of [database.url, vhost.url]) expect(ended.stdout + ended.stderr).not.toContain(new URL(url).password)
  expect(ended.stdout + ended.stderr).not.toContain('s3cret')
}

const changed = (url: string, change: Partial<Record<'port' | 'password' | 'username' | 'pathname' | 'hostname', string>>): string => {
  const other = new URL(url)
  Object.assign(other, change)
  return other.href
}
const roles = ['coordinator', 'fetcher', 'parser'] as const

describe('services that cannot be had', () => {
  test('a broker that is not there', async () => {
    const AMQP_URL = changed(vhost.url, { port: String(deadPort), password: 's3cret' })
    for (const ended of await Promise.all(roles.map((role) => warren([role], { env: { ...env, AMQP_URL } }))))
      expectRefusal(ended, 4, new RegExp(`RabbitMQ.*127\\.0\\.0\\.1:${deadPort}`))
  })

  test('a broker that does not know the password', async () => {
    const AMQP_URL = changed(vhost.url, { password: 's3cret' })
    expectRefusal(await warren(['fetcher'], { env: { ...env, AMQP_URL } }), 4, /RabbitMQ.*correct user and password in AMQP_URL/)
  })

  test('a virtual host that is not there', async () => {
    const AMQP_URL = changed(vhost.url, { pathname: '/nowhere' })
    expectRefusal(await warren(['fetcher'], { env: { ...env, AMQP_URL } }), 4, /nowhere/)
  })

  test('a database that is not there, does not know the password, or has another name', async () => {
    const at = (change: Parameters<typeof changed>[1]) => ({ env: { ...env, DATABASE_URL: changed(database.url, change) } })
    const gone = { port: String(deadPort), password: 's3cret' }
    for (const ended of await Promise.all([['coordinator'], ['status'], ['migrate']].map((args) => warren(args, at(gone)))))
      expectRefusal(ended, 4, new RegExp(`127\\.0\\.0\\.1:${deadPort}/.*is Postgres running`))
    expectRefusal(await warren(['coordinator'], at({ password: 's3cret' })), 4, /check user, password and privileges/)
    expectRefusal(await warren(['status'], at({ pathname: '/nowhere' })), 2, /nowhere.*check DATABASE_URL/)
  })

  test('a port that is taken', async () => {
    await using server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const HTTP_PORT = String(typeof address === 'object' ? address?.port : '')
    expectRefusal(
      await warren(['parser'], { env: { ...env, HTTP_PORT } }),
      4,
      new RegExp(`127\\.0\\.0\\.1:${HTTP_PORT}: another process uses the port`),
    )
  })
})

describe('schemas of another version', () => {
  test('a database that was not migrated', async () => {
    await using empty = await testDatabase()
    const ended = await Promise.all(
      [['coordinator'], ['status'], ['seed', 'http://127.0.0.1/']].map((args) =>
        warren(args, { env: { ...env, DATABASE_URL: empty.url } }),
      ),
    )
    for (const one of ended) expectRefusal(one, 5, /run `warren migrate`/)
  })

  test('a database that a newer Warren migrated', async () => {
    await using newer = await testDatabase()
    const own = { ...env, DATABASE_URL: newer.url }
    await warren(['migrate'], { env: own })
    await newer.execute(`insert into frontier.migrations (hash, created_at) values ('of the future', 9000000000000)`)
    const ended = await Promise.all([['coordinator'], ['migrate']].map((args) => warren(args, { env: own })))
    for (const one of ended) expectRefusal(one, 5, /upgrade warren/)
  })

  test('a queue that other roles declared with another limit', async () => {
    await using own = await testVhost()
    await using _other = await connectRabbit({ url: own.url, name: 'test', visitQueueMs: 30_000 })
    const ended = await warren(['fetcher'], { env: { ...env, AMQP_URL: own.url, VISIT_QUEUE_MS: '7000' } })
    expectRefusal(ended, 2, /VISIT_QUEUE_MS/)
  })
})

describe('settings', () => {
  test('several bad ones are told at once, with name, value and bounds', async () => {
    const bad = { FETCH_CONCURRENCY: '0', VISIT_SLOTS: 'many', LOG_LEVEL: 'loud', AMQP_URL: 'http://user:s3cret@127.0.0.1/' }
    const ended = await warren(['fetcher'], { env: { ...env, ...bad } })
    expectRefusal(ended, 2, /FETCH_CONCURRENCY="0".*>= 1 and <= 10000.*\(default 64\)/)
    expect(ended.stderr).toMatch(/VISIT_SLOTS="many"/)
    expect(ended.stderr).toMatch(/LOG_LEVEL="loud".*one of trace, debug, info, warn, error/)
    expect(ended.stderr).toMatch(/AMQP_URL=.*a URL/)
  })

  test('a missing one, and one in a file that nobody knows; a file for all roles is fine', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'warren.json')
    await writeFile(file, JSON.stringify({ AMQP_URL: changed(vhost.url, { port: String(deadPort) }), PARSE_THREADS: 1, WINDOW_VISITS: 10 }))
    const none = { DATABASE_URL: undefined, AMQP_URL: undefined }
    expectRefusal(await warren(['coordinator', '--config', file], { env: none }), 2, /DATABASE_URL is missing, it must be a URL/)
    expectRefusal(await warren(['fetcher', '--config', file], { env: none }), 4, new RegExp(`:${deadPort}`))
    await writeFile(file, JSON.stringify({ AMQP_URL: vhost.url, PARSE_SLOT: 1 }))
    expectRefusal(await warren(['parser', '--config', file], { env: none }), 2, /PARSE_SLOT in .*warren\.json is unknown/)
  })
})

describe('what an operator types', () => {
  const crawl = ['--crawl', 'held', '--scope', 'any', '--allow-address', '127.0.0.0/8']

  test('seeds that are no URL, of another scheme, without an address, without a contact, or excluded', async () => {
    const [word, scheme, unknown, contact, excluded, none] = await Promise.all(
      [
        ['not a url'],
        ['ftp://127.0.0.1/'],
        ['https://no-such-name.invalid/', '--contact', 'a@example.org'],
        ['https://public.test/', '--resolve', 'public.test:8.8.8.8'],
        ['http://127.0.0.1/private', '--exclude', 'private'],
        [],
      ].map((args) => warren(['seed', ...args], { env: { ...env, XDG_CONFIG_HOME: '/nonexistent' } })),
    )
    if (!word || !scheme || !unknown || !contact || !excluded || !none) throw new Error('one is missing')
    expectRefusal(word, 2, /"not a url".*it is no URL; write it like/)
    expectRefusal(scheme, 2, /"ftp:\/\/127\.0\.0\.1\/".*scheme ftp is not supported/)
    expectRefusal(unknown, 7, /no-such-name\.invalid has no address/)
    expectRefusal(contact, 3, /public\.test without a contact; add --contact/)
    expectRefusal(excluded, 2, /--exclude refuses every seed/)
    expectRefusal(none, 2, /no URL was given/)
    expect((await warren(['status', '--json'], { env })).stdout).toBe('[]\n')
  })

  test('crawls that are not there, not in that state, or of another scope; nothing is changed', async () => {
    expect((await warren(['seed', 'http://127.0.0.1:1/', ...crawl], { env })).code).toBe(0)
    const commands = [
      ['pause', 'other'],
      ['resume', 'held'],
      ['seed', 'http://127.0.0.1:1/', '--crawl', 'held', '--scope', 'host', '--delay', '7s'],
    ]
    const [other, running, scope] = await Promise.all(commands.map((args) => warren(args, { env })))
    if (!other || !running || !scope) throw new Error('one is missing')
    expectRefusal(other, 2, /Cannot find crawl "other": there is held/)
    expectRefusal(running, 2, /Cannot resume crawl 1: it is running/)
    expectRefusal(scope, 2, /--scope: it has "any", you asked for "host"; use another --crawl/)
    const [status] = JSON.parse((await warren(['status', 'held', '--json'], { env })).stdout)
    expect(status).toMatchObject({ name: 'held', state: 'running', counts: { discovered: 1, queued: 1 } })
  })
})
