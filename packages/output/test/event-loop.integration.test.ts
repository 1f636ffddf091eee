/*
 * Mutants that these tests kill:
 * - pages-file.ts: all rows are made into lines at once
 *     `const CHUNK_ROWS = 16` => `const CHUNK_ROWS = 1_000`
 * - pages-file.ts: what follows the first write is written at its place
 *     `return position + bytes.byteLength` => `return position`
 */
import { mkdtempDisposable, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPagesFile, pageRecord } from '@warren/output'
import { measureTurns } from '@warren/testkit'
import { expect, test } from 'vitest'
import { cursorAt, row } from './rows.ts'

const ROWS = 1_000
const URL_CHARS = 8_192

/** As long as a row can be: every URL at its limit, a title with letters of three bytes. */
function longRow(n: number) {
  const url = `https://example.org/${n}/`.padEnd(URL_CHARS, 'path/')
  return { ...row(n), url, referrer: url, canonical: url, location: url, title: `"${n}" ${'\u4e16'.repeat(500)}` }
}

test(`pages.jsonl: ${ROWS} of the longest rows hold the event loop for less than 10 ms`, { retry: 2 }, async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'warren-output-'))
  await using file = await openPagesFile(dir.path)
  const rows = Array.from({ length: ROWS }, (_, i) => longRow(i + 1))
  await file.append(rows.slice(0, 100), cursorAt(100)) // compiling is none of its work
  const { longestMs } = await measureTurns(() => file.append(rows.slice(100), cursorAt(ROWS)))
  expect(await readFile(join(dir.path, 'pages.jsonl'), 'utf8')).toBe(rows.map((row) => `${JSON.stringify(pageRecord(row))}\n`).join(''))
  expect(longestMs).toBeLessThan(10)
})
