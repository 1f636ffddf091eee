import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openPagesFile, pageRecord } from '@warren/output'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cursorAt, rows } from './rows.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'warren-output-'))
})
afterEach(() => rm(dir, { recursive: true }))

/** Starts a writer and kills it after it told `batches` of them; returns whether it had finished before. */
async function writeAndKill(last: number, batches: number): Promise<boolean> {
  const writer = spawn(process.execPath, [fileURLToPath(new URL('./endless-writer.ts', import.meta.url)), dir, String(last)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(writer, 'close')
  let told = 0
  for await (const chunk of writer.stdout) {
    told += String(chunk).split('\n').length - 1
    if (told >= batches) writer.kill('SIGKILL') // it is in the middle of the next batch, wherever that is
  }
  const [code] = await ended
  return code === 0
}

test('pages.jsonl: a writer killed with SIGKILL again and again loses no row and writes none twice', { timeout: 60_000 }, async () => {
  const LAST = 8_000
  let kills = 0
  while (!(await writeAndKill(LAST, 12 + ((kills * 17) % 23)))) {
    kills++
    await using file = await openPagesFile(dir)
    const text = await readFile(join(dir, 'pages.jsonl'), 'utf8')
    expect(Buffer.byteLength(text)).toBe(file.bytes)
    expect(text.split('\n').length - 1).toBe(file.records)
    expect(file.records).toBe(Number(file.cursor?.seq ?? 0))
  }
  expect(kills).toBeGreaterThan(3)
  const lines = (await readFile(join(dir, 'pages.jsonl'), 'utf8')).split('\n')
  const expected = rows(1, LAST).map((row) => JSON.stringify(pageRecord(row)))
  expect(lines.slice(0, -1)).toEqual(expected)
  await using file = await openPagesFile(dir)
  expect([file.cursor, file.records]).toEqual([cursorAt(LAST), LAST])
})
