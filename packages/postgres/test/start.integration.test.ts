import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type PrivatePostgres, removePostgres, startPostgres } from '@warren/postgres'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { exists, homeOf, processesWith, query, temporaryFolder, useOwnCache } from './support.ts'

useOwnCache()
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }) // an initdb takes seconds where many share a disk

/** Where an initdb of its own is needed, without waiting for the disk. */
const QUICK = { fsync: 'off' }

let shared: Awaited<ReturnType<typeof temporaryFolder>>
/** A folder with a whole cluster and nobody on it, for all tests that leave it so: an initdb is the slowest thing here. */
let dir: string
beforeAll(async () => {
  shared = await temporaryFolder()
  dir = join(shared.path, 'a'.repeat(60), 'b'.repeat(60)) // longer than a unix socket's path may be
  await using postgres = await startPostgres({ dir })
  await query(postgres.url, 'create table kept as select 42 as answer')
})
afterAll(() => shared[Symbol.asyncDispose]())

test('keeps its data from start to start, and leaves no process', async () => {
  {
    await using again = await startPostgres({ dir, settings: { work_mem: '3MB' } })
    expect(await query(again.url, 'select * from kept')).toEqual([{ answer: 42 }])
    const names = ['fsync', 'shared_buffers', 'wal_level', 'work_mem', 'listen_addresses', 'unix_socket_directories']
    const values = await query(again.url, `select current_setting(name) from unnest(array['${names.join("','")}']) as name`)
    expect(values.map((row) => Object.values(row as object)[0])).toEqual(['on', '32MB', 'minimal', '3MB', '127.0.0.1', ''])
  }
  expect(await processesWith(await homeOf(dir))).toEqual([])
})

test('wants the password: nobody else on the machine gets in', async () => {
  await using postgres = await startPostgres({ dir })
  const url = new URL(postgres.url)
  url.password = 'guessed'
  await expect(query(url.href, 'select 1')).rejects.toMatchObject({ code: '28P01' })
  expect((await stat(join(await homeOf(dir), 'password'))).mode & 0o777).toBe(0o600)
})

test('two starts on one folder at once: one runs, the other gets one clear error', async () => {
  const results = await Promise.allSettled([startPostgres({ dir }), startPostgres({ dir })])
  const running = results.filter((result) => result.status === 'fulfilled')
  const refused = results.filter((result) => result.status === 'rejected')
  for (const { value } of running) await value[Symbol.asyncDispose]()
  expect(running).toHaveLength(1)
  expect(refused).toMatchObject([
    { reason: { code: 'ERR_OUTPUT_BUSY', message: expect.stringContaining(`Cannot use ${dir}: this process runs on it`) } },
  ])
})

test('an initdb that was interrupted is done again', async () => {
  await using temporary = await temporaryFolder()
  const dir = temporary.path
  await using first = await startPostgres({ dir, settings: QUICK })
  await first[Symbol.asyncDispose]()
  const home = await homeOf(dir)
  await rm(join(home, 'initialized.json')) // the marker comes last: without it the rest counts for nothing
  await rm(join(home, 'data/global'), { recursive: true })
  await using postgres = await startPostgres({ dir, settings: QUICK })
  expect(await query(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('damaged data is an error with the last words of Postgres, not a new database', async () => {
  await using temporary = await temporaryFolder()
  const dir = temporary.path
  await (await startPostgres({ dir, settings: QUICK }))[Symbol.asyncDispose]()
  await truncate(join(await homeOf(dir), 'data/global/pg_control'), 100)
  await expect(startPostgres({ dir, settings: QUICK })).rejects.toMatchObject({
    code: 'ERR_SERVICE_START',
    message: expect.stringMatching(/pg_control/),
  })
  expect(await processesWith(await homeOf(dir))).toEqual([])
})

test('data of another major version is refused by name', async () => {
  const marker = join(await homeOf(dir), 'initialized.json')
  const kept = await readFile(marker)
  await writeFile(marker, '{"version":1,"postgres":"17"}')
  await expect(startPostgres({ dir })).rejects.toMatchObject({
    code: 'ERR_SERVICE_START',
    message: expect.stringContaining('Postgres 17 made it'),
  })
  await writeFile(marker, kept)
})

test('a folder that cannot be made is ERR_OUTPUT_UNUSABLE with its path', async () => {
  await using temporary = await temporaryFolder()
  const file = join(temporary.path, 'file')
  await writeFile(file, '')
  await expect(startPostgres({ dir: join(file, 'dir') })).rejects.toMatchObject({
    code: 'ERR_OUTPUT_UNUSABLE',
    message: expect.stringContaining(join(file, 'dir')),
  })
})

test('a cancelled start rejects with the reason and leaves nothing running', async () => {
  await using temporary = await temporaryFolder()
  const dir = temporary.path
  const stop = new AbortController()
  const starting = startPostgres({ dir, settings: QUICK }, { signal: stop.signal })
  starting.catch(() => {})
  const reason = new Error('changed my mind')
  while (!(await exists(join(await homeOf(dir), 'password')))) await new Promise(setImmediate) // initdb is about to run
  stop.abort(reason)
  await expect(starting).rejects.toBe(reason)
  expect(await processesWith(await homeOf(dir))).toEqual([])
  await using postgres = await startPostgres({ dir, settings: QUICK })
  expect(await query(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('a stale postmaster.pid that names a stranger is removed, and the stranger is left alone', async () => {
  const data = join(await homeOf(dir), 'data')
  const stranger = spawn('sleep', ['60'])
  await once(stranger, 'spawn')
  await writeFile(join(data, 'postmaster.pid'), [stranger.pid, data, 1, 5432, '', '127.0.0.1', 1, 'ready', ''].join('\n'))
  await using _postgres = await startPostgres({ dir })
  expect([stranger.exitCode, stranger.signalCode]).toEqual([null, null])
  stranger.kill()
  await once(stranger, 'exit')
})

test('failed resolves with the last words when Postgres ends by itself', async () => {
  await using postgres: PrivatePostgres = await startPostgres({ dir })
  process.kill(postgres.pid, 'SIGQUIT')
  expect(await postgres.failed).toMatchObject({ code: 'ERR_SERVICE_START', message: expect.stringContaining('immediate shutdown') })
})

test('removePostgres leaves an empty folder', async () => {
  await using temporary = await temporaryFolder()
  const dir = join(temporary.path, 'db')
  await mkdir(dir)
  await (await startPostgres({ dir, settings: QUICK }))[Symbol.asyncDispose]()
  const home = await homeOf(dir)
  await removePostgres(dir)
  expect(await exists(join(home, 'data'))).toBe(false)
  expect(await exists(join(dir, 'pointer.json'))).toBe(false)
})
