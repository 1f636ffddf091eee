import type { Frontier } from '@warren/frontier'
import { openPagesFile } from '@warren/output'

/** Rows read from the catalog at once; about a megabyte of JSON. */
const ROWS = 1_000

export interface PagesExport extends AsyncDisposable {
  /** Writes everything that is committed by now. */
  catchUp(): Promise<void>
}

/**
 * Keeps `DIR/pages.jsonl` behind the catalog: every row once, in commit order. Dispose closes the file; call `catchUp` before.
 * Errors: ERR_OUTPUT_UNUSABLE (a full disk), as a rejection of `catchUp`.
 */
export async function startPagesExport(frontier: Frontier, crawlId: number, dir: string): Promise<PagesExport> {
  const file = await openPagesFile(dir)
  let tail: Promise<void> = Promise.resolve()
  const pull = async (): Promise<void> => {
    for (;;) {
      const { rows, cursor } = await frontier.catalog(crawlId, file.cursor, ROWS)
      if (rows.length === 0 || cursor === null) return
      await file.append(rows, cursor)
      if (rows.length < ROWS) return
    }
  }
  return {
    catchUp() {
      tail = tail.then(pull, pull)
      return tail
    },
    async [Symbol.asyncDispose]() {
      await tail.catch(() => {}) // its caller has seen the error
      await file[Symbol.asyncDispose]()
    },
  }
}
