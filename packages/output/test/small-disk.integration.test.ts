/** Seen failing when the cursor is saved before the data it covers. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openPagesFile, pageRecord } from '@warren/output'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cursorAt, rows } from './rows.ts'

const run = promisify(execFile)
const DISK_BYTES = 128 * 1024

let dir: string
let mounted: boolean
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'warren-disk-'))
  // root in a namespace that may mount gets a real small disk; everyone else /dev/full in its place
  mounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', dir]).then(
    () => true,
    () => false,
  )
})
afterEach(async () => {
  if (mounted) await run('umount', ['-l', dir])
  await rm(dir, { recursive: true })
})

const lines = (last: number): string =>
  rows(1, last)
    .map((row) => `${JSON.stringify(pageRecord(row))}\n`)
    .join('')

test('a disk that fills up leaves whole records and their cursor, and the crawl goes on when there is room again', async () => {
  const data = join(dir, 'pages.jsonl')
  const filler = join(dir, 'filler')
  let last = 0
  {
    await using file = await openPagesFile(dir)
    await file.append(rows(1, 5), cursorAt(5))
    last = 5
    if (mounted) await writeFile(filler, Buffer.alloc(DISK_BYTES / 2))
    else await symlink('/dev/full', join(dir, 'pages.cursor.json.new'))
    const failure = await (async () => {
      for (;;) {
        await file.append(rows(last + 1, last + 20), cursorAt(last + 20))
        last += 20
      }
    })().catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'ERR_OUTPUT_UNUSABLE', message: expect.stringContaining('no space left on the disk') })
    expect(file.cursor).toEqual(cursorAt(last))
    // The part that fitted was cut again, or all of it fitted and there was no room for its cursor: the next start cuts it.
    if (mounted) expect([lines(last), lines(last + 20)]).toContain(await readFile(data, 'utf8'))
  }
  await unlink(mounted ? filler : join(dir, 'pages.cursor.json.new'))
  await using file = await openPagesFile(dir)
  expect(file.cursor).toEqual(cursorAt(last))
  await file.append(rows(last + 1, last + 40), cursorAt(last + 40))
  expect(await readFile(data, 'utf8')).toBe(lines(last + 40))
  expect((await stat(data)).size).toBe(file.bytes)
})
