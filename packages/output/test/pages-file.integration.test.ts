import { appendFile, chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPagesFile, pageRecord } from '@warren/output'
import { CrawlError } from '@warren/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cursorAt, rows } from './rows.ts'

let dir: string
let data: string
let cursor: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'warren-output-'))
  data = join(dir, 'pages.jsonl')
  cursor = join(dir, 'pages.cursor.json')
})
afterEach(() => rm(dir, { recursive: true }))

const expected = (last: number): string =>
  rows(1, last)
    .map((row) => `${JSON.stringify(pageRecord(row))}\n`)
    .join('')

/** Writes rows `first` to `last` and closes. */
async function write(first: number, last: number): Promise<void> {
  await using file = await openPagesFile(dir)
  await file.append(rows(first, last), cursorAt(last))
}

async function refusal(operation: Promise<unknown>): Promise<CrawlError> {
  const error = await operation.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(CrawlError)
  if (!(error instanceof CrawlError)) throw error
  expect(error).toMatchObject({ code: 'ERR_OUTPUT_UNUSABLE', disposition: 'shutdown' })
  return error
}

describe('PagesFile', () => {
  test('makes its folder, and holds each row as one line of JSON', async () => {
    dir = join(dir, 'a', 'b')
    await using file = await openPagesFile(dir)
    expect([file.cursor, file.records, file.bytes]).toEqual([null, 0, 0])
    await file.append(rows(1, 25), cursorAt(25))
    const text = await readFile(join(dir, 'pages.jsonl'), 'utf8')
    expect(text).toBe(expected(25))
    expect(
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line).seq),
    ).toEqual(rows(1, 25).map((row) => row.seq))
    expect([file.cursor, file.records, file.bytes]).toEqual([cursorAt(25), 25, Buffer.byteLength(text)])
  })

  test('goes on where it was closed', async () => {
    await write(1, 10)
    await write(11, 12)
    expect(await readFile(data, 'utf8')).toBe(expected(12))
    expect(JSON.parse(await readFile(cursor, 'utf8'))).toMatchObject({
      ...cursorAt(12),
      records: 12,
      bytes: Buffer.byteLength(expected(12)),
    })
    expect((await readdir(dir)).sort()).toEqual(['pages.cursor.json', 'pages.jsonl'])
  })

  test('what an append returned for is there without closing', async () => {
    await using first = await openPagesFile(dir)
    await first.append(rows(1, 3), cursorAt(3))
    await using second = await openPagesFile(dir) // as after kill -9 of the first
    expect(second.cursor).toEqual(cursorAt(3))
  })

  test('appends take effect in the order of their calls', async () => {
    await using file = await openPagesFile(dir)
    await Promise.all([1, 2, 3, 4, 5].map((n) => file.append(rows(n, n), cursorAt(n))))
    expect(await readFile(data, 'utf8')).toBe(expected(5))
  })

  test('an append of no rows moves the cursor', async () => {
    await using file = await openPagesFile(dir)
    await file.append([], cursorAt(7))
    expect([file.cursor, file.bytes]).toEqual([cursorAt(7), 0])
  })

  test('refuses rows that are not behind the cursor, and writes nothing of them', async () => {
    await using file = await openPagesFile(dir)
    await file.append(rows(1, 9), cursorAt(9))
    await expect(file.append(rows(9, 12), cursorAt(12))).rejects.toThrow(RangeError)
    await expect(file.append([...rows(11, 11), ...rows(10, 10)], cursorAt(11))).rejects.toThrow(RangeError)
    await expect(file.append(rows(10, 11), cursorAt(10))).rejects.toThrow(RangeError)
    await file.append(rows(10, 12), cursorAt(12)) // 9 to 10 adds a digit
    expect(await readFile(data, 'utf8')).toBe(expected(12))
  })

  test('dispose waits for the append under way, and may be called twice', async () => {
    const file = await openPagesFile(dir)
    const append = file.append(rows(1, 3), cursorAt(3))
    await file[Symbol.asyncDispose]()
    await append
    await file[Symbol.asyncDispose]()
    await expect(file.append(rows(4, 4), cursorAt(4))).rejects.toThrow(RangeError)
    expect(await readFile(data, 'utf8')).toBe(expected(3))
  })
})

describe('opening after a crash', () => {
  test('cuts what no cursor covers: a torn line, and whole records too', async () => {
    await write(1, 10)
    const saved = await readFile(cursor)
    await write(11, 20)
    await writeFile(cursor, saved) // killed between the data and its cursor
    await appendFile(data, '{"url":"https://exam')
    await using file = await openPagesFile(dir)
    expect(file.cursor).toEqual(cursorAt(10))
    expect(await readFile(data, 'utf8')).toBe(expected(10))
    await file.append(rows(11, 13), cursorAt(13))
    expect(await readFile(data, 'utf8')).toBe(expected(13))
  })

  test('starts from nothing when it was killed before the first record', async () => {
    await (await openPagesFile(dir))[Symbol.asyncDispose]()
    await appendFile(data, '{"url"')
    await using file = await openPagesFile(dir)
    expect([file.cursor, (await stat(data)).size]).toEqual([null, 0])
  })

  test('takes no notice of a cursor that was not finished', async () => {
    await write(1, 3)
    await writeFile(`${cursor}.new`, '{"tx":"9')
    await write(4, 5)
    expect(await readFile(data, 'utf8')).toBe(expected(5))
  })

  test('an empty data file without a cursor is a start', async () => {
    await writeFile(data, '')
    await write(1, 3)
    expect(await readFile(data, 'utf8')).toBe(expected(3))
  })
})

describe('opening what somebody touched', () => {
  test('a data file without its cursor is refused and left alone', async () => {
    await write(1, 3)
    await unlink(cursor)
    const error = await refusal(openPagesFile(dir))
    expect(error.message).toBe(
      `Cannot continue ${data}: it is there without pages.cursor.json; move it away, and all of it is written again`,
    )
    expect(await readFile(data, 'utf8')).toBe(expected(3))
    expect(await readdir(dir)).toEqual(['pages.jsonl'])
  })

  test('a cursor without its data file: everything is written again', async () => {
    await write(1, 3)
    await unlink(data)
    await using file = await openPagesFile(dir)
    expect([file.cursor, file.records]).toEqual([null, 0])
    await file.append(rows(1, 4), cursorAt(4))
    expect(await readFile(data, 'utf8')).toBe(expected(4))
  })

  test('a data file shorter than its cursor says is refused', async () => {
    await write(1, 3)
    await truncate(data, 10)
    expect((await refusal(openPagesFile(dir))).message).toContain(`${data}: it has 10 bytes where pages.cursor.json says`)
    expect((await stat(data)).size).toBe(10)
  })

  test('a data file that was edited is refused, when no record ends where the cursor says', async () => {
    await write(1, 3)
    await writeFile(data, `${'x'.repeat(10)}${await readFile(data, 'utf8')}`)
    expect((await refusal(openPagesFile(dir))).message).toContain('no record ends at byte')
  })

  test.each([
    '',
    '{',
    '[]',
    'null',
    '{"bytes":1}',
    '{"tx":"1","seq":"2","bytes":-1,"records":0}',
    '{"tx":1,"seq":2,"bytes":0,"records":0}',
  ])('a cursor that is none of ours (%j) is refused', async (text) => {
    await write(1, 3)
    await writeFile(cursor, text)
    expect((await refusal(openPagesFile(dir))).message).toContain(cursor)
    expect(await readFile(data, 'utf8')).toBe(expected(3))
  })

  test('another source is refused, naming both; the same or none given goes on', async () => {
    await (await openPagesFile(dir, { source: 'crawl 1' }))[Symbol.asyncDispose]()
    await write(1, 2)
    await (await openPagesFile(dir, { source: 'crawl 1' }))[Symbol.asyncDispose]()
    const { message } = await refusal(openPagesFile(dir, { source: 'crawl 2' }))
    expect(message).toContain('it belongs to crawl 1, not to crawl 2')
    expect(await readFile(data, 'utf8')).toBe(expected(2))
  })
})

describe('a folder that cannot be used', () => {
  test('is a file, or lies under one', async () => {
    const file = join(dir, 'file')
    await writeFile(file, 'x')
    expect((await refusal(openPagesFile(file))).message).toContain(file)
    expect((await refusal(openPagesFile(join(file, 'x')))).message).toContain('no directory')
  })

  test('has a directory where the data belongs', async () => {
    await mkdir(data)
    expect((await refusal(openPagesFile(dir))).message).toContain(data)
  })

  test('may not be written to', async () => {
    const closed = join(dir, 'closed')
    await mkdir(closed)
    await chmod(dir, 0o755)
    await chmod(closed, 0o555)
    const root = process.geteuid?.() === 0
    if (root) process.seteuid?.(65_534) // root may do anything: be nobody for a moment
    try {
      expect((await refusal(openPagesFile(closed))).message).toMatch(/permission denied; choose a folder/)
      expect((await refusal(openPagesFile(join(closed, 'x')))).message).toMatch(/^Cannot make .*closed\/x: permission denied/)
    } finally {
      if (root) process.seteuid?.(0)
    }
  })

  test('is on a device that takes nothing: the error names the file, and stays', async () => {
    await using file = await openPagesFile(dir)
    await file.append(rows(1, 3), cursorAt(3))
    await symlink('/dev/full', `${cursor}.new`)
    const error = await refusal(file.append(rows(4, 5), cursorAt(5)))
    expect(error.message).toBe(`Cannot write ${cursor}: no space left on the disk; free some, then run the same command again`)
    expect(await refusal(file.append(rows(4, 5), cursorAt(5)))).toBe(error)
    expect(file.cursor).toEqual(cursorAt(3))
    await unlink(`${cursor}.new`)
    await write(4, 6)
    expect(await readFile(data, 'utf8')).toBe(expected(6))
  })
})
