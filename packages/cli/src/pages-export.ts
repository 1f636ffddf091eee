import { mapConcurrentOrdered, Semaphore } from '@warren/async'
import type { CatalogRow, Frontier } from '@warren/frontier'
import { type CatalogCursor, openPagesFile } from '@warren/output'

/** Rows read from the catalog at once; about a megabyte of JSON. */
const ROWS = 1_000
/** Batches that are read while one is written. */
const AHEAD = 1

export interface PagesExport extends AsyncDisposable {
  /** Writes everything that is committed by now. */
  catchUp(): Promise<void>
}

/** Rows of the catalog, and where they end. */
interface Batch {
  readonly rows: readonly CatalogRow[]
  readonly cursor: CatalogCursor
}

/**
 * Keeps `DIR/pages.jsonl` behind the catalog: every row once, in commit order. Dispose closes the file; call `catchUp` before.
 * The next rows are read while the last are written.
 * Errors: ERR_OUTPUT_UNUSABLE (a full disk), as a rejection of `catchUp`.
 */
export async function startPagesExport(frontier: Frontier, crawlId: number, dir: string): Promise<PagesExport> {
  const file = await openPagesFile(dir)
  const turn = new Semaphore(1)
  const ahead = (from: CatalogCursor | null) => mapConcurrentOrdered(rowsAfter(from, frontier, crawlId), AHEAD, async (batch) => batch)
  return {
    async catchUp() {
      using _turn = await turn.acquire()
      for await (const { rows, cursor } of ahead(file.cursor)) await file.append(rows, cursor)
    },
    async [Symbol.asyncDispose]() {
      using _turn = await turn.acquire()
      await file[Symbol.asyncDispose]()
    },
  }
}

/** All rows of the catalog that are committed by now, behind `from`. */
async function* rowsAfter(from: CatalogCursor | null, frontier: Frontier, crawlId: number): AsyncGenerator<Batch, void, undefined> {
  for (;;) {
    const { rows, cursor } = await frontier.catalog(crawlId, from, ROWS)
    if (rows.length > 0 && cursor !== null) yield { rows, cursor }
    if (rows.length < ROWS) return
    from = cursor
  }
}
