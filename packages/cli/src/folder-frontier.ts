import { ResourceScope } from '@warren/async'
import { type Frontier, migrate, openFrontier } from '@warren/frontier'
import { startPostgres } from '@warren/postgres'
import { CrawlError } from '@warren/protocol'
import { hasCrawl, OutFolder, runningDatabase } from './out-folder.ts'

/** The frontier of an embedded crawl's folder. */
export interface FolderFrontier extends AsyncDisposable {
  readonly frontier: Frontier
}

/**
 * Opens the database in a folder: that of the process which crawls there, or, when none does, by starting it, which takes the folder's lock.
 * Errors: ERR_INPUT_INVALID where no crawl is, ERR_OUTPUT_BUSY while a crawl there starts or ends, those of startPostgres and openFrontier.
 */
export async function openFolderFrontier(dir: string, { signal }: { readonly signal: AbortSignal }): Promise<FolderFrontier> {
  if (!(await hasCrawl(dir))) throw new CrawlError('ERR_INPUT_INVALID', `Cannot open ${dir}: no crawl is there; name its folder with --out`)
  await using scope = new ResourceScope()
  const running = await runningDatabase(dir)
  if (running === undefined) {
    const out = scope.use(await OutFolder.open(dir))
    const postgres = scope.use(await startPostgres({ dir: out.postgresDir }, { signal }))
    await migrate(postgres.url)
    const frontier = scope.use(await openFrontier({ databaseUrl: postgres.url, slot: 0 }, { signal }))
    const owned = scope.move()
    return { frontier, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() }
  }
  const frontier = await openFrontier({ databaseUrl: running, slot: 1 }, { signal })
  return { frontier, [Symbol.asyncDispose]: () => frontier[Symbol.asyncDispose]() }
}
