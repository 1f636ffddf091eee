import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { defaultFolder, finishedIn, OutFolder, runningDatabase } from '../src/out-folder.ts'
import { parseSeed } from '../src/seeds.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'warren-out-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

test('the default folder is named after the host, and the port where there is one', () => {
  expect(defaultFolder(parseSeed('https://example.org/a'))).toBe('warren-out/example.org')
  expect(defaultFolder(parseSeed('http://127.0.0.1:8080/'))).toBe('warren-out/127.0.0.1_8080')
  expect(defaultFolder(parseSeed('http://[::1]:8080/'))).toBe('warren-out/_1_8080')
})
test('a folder has one owner, and is free again after it', async () => {
  {
    await using _first = await OutFolder.open(dir)
    await expect(OutFolder.open(dir)).rejects.toMatchObject({
      code: 'ERR_OUTPUT_BUSY',
      message: expect.stringContaining(String(process.pid)),
    })
  }
  await using _second = await OutFolder.open(dir)
})
test('the lock of a dead process, and a half-written one, are taken over', async () => {
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'exit')
  for (const content of [JSON.stringify({ pid: child.pid, started: '1' }), JSON.stringify({ pid: process.pid, started: '1' }), '{"pi']) {
    await mkdir(join(dir, '.warren'), { recursive: true })
    await writeFile(join(dir, '.warren', 'lock'), content)
    await using _out = await OutFolder.open(dir)
  }
})
test('the database of a running crawl is told, for its user alone, while the crawl holds the folder', async () => {
  expect(await runningDatabase(dir)).toBeUndefined()
  {
    await using out = await OutFolder.open(dir)
    expect(await runningDatabase(dir)).toBeUndefined()
    await out.tellDatabase('postgres://u:p@127.0.0.1/x')
    expect(await runningDatabase(dir)).toBe('postgres://u:p@127.0.0.1/x')
    expect((await stat(join(dir, '.warren', 'database'))).mode & 0o777).toBe(0o600)
  }
  expect(await runningDatabase(dir)).toBeUndefined()
})
test('what a killed crawl told of its database is not believed, and goes when the next one comes', async () => {
  await mkdir(join(dir, '.warren'), { recursive: true })
  await writeFile(join(dir, '.warren', 'lock'), JSON.stringify({ pid: process.pid, started: '1' }))
  await writeFile(join(dir, '.warren', 'database'), 'postgres://u:p@127.0.0.1/x')
  expect(await runningDatabase(dir)).toBeUndefined()
  await using _out = await OutFolder.open(dir)
  expect(await readdir(join(dir, '.warren'))).toEqual(['lock'])
})
test('a path that is a file, or lies where nobody may write, is named', async () => {
  const file = join(dir, 'file')
  await writeFile(file, '')
  await expect(OutFolder.open(file)).rejects.toMatchObject({ code: 'ERR_OUTPUT_UNUSABLE', message: expect.stringContaining(file) })
  await expect(OutFolder.open(join(file, 'below'))).rejects.toMatchObject({ code: 'ERR_OUTPUT_UNUSABLE' })
  await expect(OutFolder.open('/proc/warren')).rejects.toMatchObject({ code: 'ERR_OUTPUT_UNUSABLE' })
})
test('a crawl that an earlier version finished had no canonical rules', async () => {
  await mkdir(dir, { recursive: true })
  await writeFile(
    join(dir, 'summary.json'),
    JSON.stringify({ at: '', summary: {}, scope: { kind: 'host', roots: [], include: [], exclude: [] } }),
  )
  expect((await finishedIn(dir))?.scope.canonical).toEqual([])
})
test('starting anew keeps the pages that were there', async () => {
  await using out = await OutFolder.open(dir)
  await writeFile(join(dir, 'pages.jsonl'), '{}\n')
  await writeFile(join(dir, 'pages.cursor.json'), '{}')
  await out.finish({
    at: '2026-01-02T03:04:05.000Z',
    summary: { state: 'completed' } as never,
    scope: { kind: 'host', roots: [], include: [], exclude: [], canonical: [] },
  })
  expect((await finishedIn(dir))?.at).toBe('2026-01-02T03:04:05.000Z')
  await out.startAnew()
  expect((await readdir(dir)).sort()).toEqual(['.warren', 'pages-2026-01-02T03-04-05-000Z.jsonl', 'summary-2026-01-02T03-04-05-000Z.json'])
  expect(await finishedIn(dir)).toBeUndefined()
})
