import { channel, Semaphore, tryJoin } from '@warren/async'
import type { CatalogRow, Frontier } from '@warren/frontier'
import { type CatalogCursor, openPagesFile } from '@warren/output'

/** Rows read from the catalog at once; about a megabyte of JSON. */
const ROWS = 1_000

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
 * The next rows are read while the last are written; memory: three batches.
 * Errors: ERR_OUTPUT_UNUSABLE (a full disk), as a rejection of `catchUp`.
 */
export async function startPagesExport(frontier: Frontier, crawlId: number, dir: string): Promise<PagesExport> {
  const file = await openPagesFile(dir)
  const turn = new Semaphore(1)
  return {
    async catchUp() {
      using _turn = await turn.acquire()
      const { sender, receiver } = channel<Batch>(1)
      const read = async (signal: AbortSignal) => {
        for (let from = file.cursor; ; ) {
          const { rows, cursor } = await frontier.catalog(crawlId, from, ROWS)
          if (rows.length === 0 || cursor === null) break
          await sender.send({ rows, cursor }, { signal })
          if (rows.length < ROWS) break
          from = cursor
        }
        sender.close()
      }
      const write = async (signal: AbortSignal) => {
        for (;;) {
          const batch = await receiver.recv({ signal })
          if (batch === undefined) return
          await file.append(batch.rows, batch.cursor)
        }
      }
      await tryJoin([read, write])
    },
    async [Symbol.asyncDispose]() {
      using _turn = await turn.acquire()
      await file[Symbol.asyncDispose]()
    },
  }
}
