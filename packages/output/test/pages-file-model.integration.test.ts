/**
 * Seen failing on these mutants of src:
 * - opening does not cut the tail; it takes the length of the file for the end of the data
 * - the saved length counts characters instead of bytes; the cursor is not saved when a batch is empty
 * - a lost data file does not put the cursor back to the start
 */
import { mkdtempSync } from 'node:fs'
import { appendFile, readFile, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPagesFile, pageRecord } from '@warren/output'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cursorAt, rows } from './rows.ts'

/** One life of a writer: how many rows it projects a batch, and what happens to the files when it ends. */
const life = fc.record({
  batches: fc.array(fc.nat(5), { maxLength: 4 }),
  end: fc.oneof(
    fc.constant({ kind: 'closed' as const }),
    fc.constant({ kind: 'cursor not saved' as const }),
    fc.constant({ kind: 'file lost' as const }),
    fc.record({ kind: fc.constant('torn' as const), tail: fc.string({ unit: 'binary', maxLength: 30 }) }),
  ),
})

test('PagesFile: whatever ends its writers, the file is the catalog up to the cursor', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 5 }), async (lives) => {
      const dir = mkdtempSync(join(tmpdir(), 'warren-output-'))
      const [data, cursor] = [join(dir, 'pages.jsonl'), join(dir, 'pages.cursor.json')]
      try {
        for (const { batches, end } of lives) {
          let saved: Buffer
          {
            await using file = await openPagesFile(dir)
            saved = await readFile(cursor)
            for (const size of batches) {
              const from = Number(file.cursor?.seq ?? 0)
              saved = await readFile(cursor)
              await file.append(rows(from + 1, from + size), file.cursor === null && size === 0 ? cursorAt(0) : cursorAt(from + size))
              expect(file.cursor).toEqual(cursorAt(from + size))
            }
            const at = Number(file.cursor?.seq ?? 0)
            expect(await readFile(data, 'utf8')).toBe(
              rows(1, at)
                .map((row) => `${JSON.stringify(pageRecord(row))}\n`)
                .join(''),
            )
            expect(file.records).toBe(at)
          }
          if (end.kind === 'cursor not saved') await writeFile(cursor, saved)
          else if (end.kind === 'file lost') await unlink(data)
          else if (end.kind === 'torn') await appendFile(data, end.tail)
        }
      } finally {
        await rm(dir, { recursive: true })
      }
    }),
    { numRuns: 60 },
  )
})
