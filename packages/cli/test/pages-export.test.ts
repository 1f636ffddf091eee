/*
 * Mutants that these tests kill:
 * - pages-export.ts: the same rows are read again and again
 *     `    from = cursor` => ``
 * - pages-export.ts: it reads on behind a short batch
 *     `if (rows.length < ROWS) return` => `if (rows.length === 0) return`
 * - pages-export.ts: it reads all before it writes
 *     `const AHEAD = 1` => `const AHEAD = 100`
 * - pages-export.ts: rows are read when the last are written
 *     `for await (const { rows, cursor } of ahead(file.cursor)) await` => `for await (const { rows, cursor } of rowsAfter(file.cursor, frontier, crawlId)) await`
 * - pages-export.ts: two calls read the same rows
 *     `const turn = new Semaphore(1)` => `const turn = new Semaphore(2)`
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Frontier } from '@warren/frontier'
import { CrawlError } from '@warren/protocol'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startPagesExport } from '../src/pages-export.ts'

type Catalog = Awaited<ReturnType<Frontier['catalog']>>

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'warren-export-'))
})
afterEach(() => rm(dir, { recursive: true }))

const urlOf = (n: number) => `http://a.example/${n}`
const seqOf = (cursor: Catalog['cursor']): number => Number(cursor?.seq ?? 0)
const lines = async () => (await readFile(join(dir, 'pages.jsonl'), 'utf8')).split('\n').filter(Boolean)
const urls = async () => (await lines()).map((line) => (JSON.parse(line) as { url: string }).url)
const upTo = (n: number) => Array.from({ length: n }, (_, i) => urlOf(i + 1))

/** A catalog of `size` rows; `before` runs when it is read. */
function catalogOf(size: number, before: (from: number) => Promise<void> = async () => {}) {
  const catalog = { size, reads: [] as number[] }
  const frontier = {
    catalog: async (_: number, cursor: Catalog['cursor'], limit: number): Promise<Catalog> => {
      const from = seqOf(cursor)
      catalog.reads.push(from)
      await before(from)
      const count = Math.max(0, Math.min(limit, catalog.size - from))
      const rows = Array.from({ length: count }, (_, i) => ({ tx: '7', seq: String(from + i + 1), url: urlOf(from + i + 1) }) as never)
      return { rows, cursor: count === 0 ? cursor : { tx: '7', seq: String(from + count) } }
    },
  } as unknown as Frontier
  return { catalog, frontier }
}

test('pages.jsonl catches up with the catalog: every row once, in order, and later what has come since', async () => {
  const { catalog, frontier } = catalogOf(3_500)
  await using pages = await startPagesExport(frontier, 1, dir)
  await pages.catchUp()
  expect(await urls()).toEqual(upTo(3_500))
  expect(catalog.reads).toEqual([0, 1_000, 2_000, 3_000])
  catalog.size = 4_000
  await Promise.all([pages.catchUp(), pages.catchUp()])
  expect(await urls()).toEqual(upTo(4_000))
  expect(catalog.reads).toEqual([0, 1_000, 2_000, 3_000, 3_500, 4_000])
})

test('pages.jsonl: the next rows are read while the last are written, and not many more', async () => {
  const written: number[] = []
  const { frontier } = catalogOf(10_000, async () => {
    written.push(
      await lines().then(
        (all) => all.length,
        () => 0,
      ),
    )
  })
  await using pages = await startPagesExport(frontier, 1, dir)
  await pages.catchUp()
  expect(written[1]).toBe(0) // nothing of the first thousand is there yet
  written.forEach((rows, read) => {
    expect(read * 1_000 - rows).toBeLessThanOrEqual(3_000)
  })
})

test('pages.jsonl: when reading fails, that is told, what was read before is written or not, and the next call goes on', async () => {
  let isAway = true
  const { frontier } = catalogOf(2_500, async (from) => {
    if (from === 2_000 && isAway) throw new CrawlError('ERR_STORE_UNAVAILABLE', 'away')
  })
  await using pages = await startPagesExport(frontier, 1, dir)
  await expect(pages.catchUp()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
  isAway = false
  await pages.catchUp()
  expect(await urls()).toEqual(upTo(2_500))
})

test('pages.jsonl: when writing fails, that is told, and nothing reads on', async () => {
  const { catalog, frontier } = catalogOf(1_000_000)
  await using pages = await startPagesExport(frontier, 1, dir)
  await rm(dir, { recursive: true })
  await expect(pages.catchUp()).rejects.toMatchObject({ code: 'ERR_OUTPUT_UNUSABLE' })
  expect(catalog.reads.length).toBeLessThanOrEqual(4)
  dir = await mkdtemp(join(tmpdir(), 'warren-export-'))
})
