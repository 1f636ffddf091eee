import { createWriteStream, type WriteStream } from 'node:fs'
import { access, constants, mkdir, open, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { removePostgres } from '@warren/postgres'
import { type CanonicalRule, CrawlError, type ScopeKind } from '@warren/protocol'
import type { CanonicalUrl } from '@warren/web'
import type { Summary } from './summary.ts'

/** What a finished crawl leaves in its folder, so that a second start needs no database. */
export interface Finished {
  readonly at: string
  readonly summary: Summary
  /** Where it went, so that a command that asks for something else can be told. */
  readonly scope: {
    readonly kind: ScopeKind
    readonly roots: readonly string[]
    readonly include: readonly string[]
    readonly exclude: readonly string[]
    readonly canonical: readonly CanonicalRule[]
  }
}

/** `./warren-out/<host of the first seed>`, with the port where it is not the scheme's own. */
export const defaultFolder = (seed: CanonicalUrl): string => join('warren-out', new URL(seed).host.replace(/[^\w.-]+/g, '_'))

/**
 * The folder of an embedded crawl, locked for this process:
 *   pages.jsonl, pages.cursor.json   what was fetched
 *   summary.json                     only when the crawl has ended
 *   warren.log                       log of all roles
 *   .warren/                         database and lock; while a crawl runs also the URL of its database
 */
export class OutFolder implements AsyncDisposable {
  readonly path: string
  private constructor(path: string) {
    this.path = path
  }

  get postgresDir(): string {
    return join(this.path, '.warren', 'postgres')
  }
  get logFile(): string {
    return join(this.path, 'warren.log')
  }

  /** Where the log of this run is appended. A disk that is full costs log lines, not the crawl; pages.jsonl reports it. */
  openLog(): WriteStream {
    return createWriteStream(this.logFile, { flags: 'a' }).on('error', () => {})
  }

  /** Makes and locks the folder. Errors: ERR_OUTPUT_UNUSABLE, ERR_OUTPUT_BUSY when another process crawls there. */
  static async open(dir: string): Promise<OutFolder> {
    const path = resolve(dir)
    try {
      await makeFolder(join(path, '.warren'))
      await access(path, constants.W_OK | constants.R_OK | constants.X_OK)
      await lock(join(path, '.warren', 'lock'), path)
      await rm(databaseFile(path), { force: true }) // of a process that was killed
    } catch (cause) {
      throw unusable(path, cause)
    }
    return new OutFolder(path)
  }

  /** Lets commands in other processes reach the database while this one crawls. For the user's eyes only: it has the password. */
  async tellDatabase(url: string): Promise<void> {
    try {
      await writeFile(databaseFile(this.path), url, { mode: 0o600 })
    } catch (cause) {
      throw unusable(this.path, cause)
    }
  }

  /** True if the folder has a database, and so a crawl that may be resumed. */
  hasCrawl(): Promise<boolean> {
    return hasCrawl(this.path)
  }

  /** Writes summary.json whole or not at all. */
  async finish(finished: Finished): Promise<void> {
    const file = join(this.path, 'summary.json')
    try {
      await writeFile(`${file}.new`, `${JSON.stringify(finished, null, 2)}\n`)
      await rename(`${file}.new`, file)
    } catch (cause) {
      throw unusable(this.path, cause)
    }
  }

  /** The crawl goes on: it has not ended any more. */
  async unfinish(): Promise<void> {
    await rm(join(this.path, 'summary.json'), { force: true })
  }

  /** Clears the way for a new crawl: the old pages are kept under the time of their end if they are worth it, the old database goes. */
  async startAnew({ keepPages = true }: { readonly keepPages?: boolean } = {}): Promise<void> {
    if (keepPages) await this.setPagesAside()
    else
      for (const name of ['pages.jsonl', 'summary.json', 'pages.cursor.json', 'warren.log'])
        await rm(join(this.path, name), { force: true })
    if (await this.hasCrawl()) await removePostgres(this.postgresDir)
  }

  /** Keeps the pages of a crawl whose database is gone, or goes, under the time of its end. */
  async setPagesAside(): Promise<void> {
    const ended = (await finishedIn(this.path))?.at ?? new Date().toISOString()
    const stamp = ended.replace(/[:.]/g, '-')
    try {
      for (const name of ['pages.jsonl', 'summary.json'])
        if (await exists(join(this.path, name))) await rename(join(this.path, name), join(this.path, name.replace('.', `-${stamp}.`)))
      await rm(join(this.path, 'pages.cursor.json'), { force: true })
    } catch (cause) {
      throw unusable(this.path, cause)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(databaseFile(this.path), { force: true })
    await unlink(join(this.path, '.warren', 'lock')).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error // the folder was deleted under us: nothing is left to unlock
    })
  }
}

/** As `OutFolder.hasCrawl`, of a folder that need not be there. */
export const hasCrawl = (dir: string): Promise<boolean> => exists(join(dir, '.warren', 'postgres'))

const databaseFile = (path: string): string => join(path, '.warren', 'database')

/** The database of the process that crawls in a folder now; undefined: none does, or its database does not run yet. */
export async function runningDatabase(dir: string): Promise<string | undefined> {
  const holder = await holderOf(join(dir, '.warren', 'lock'))
  if (holder === undefined || (await startOf(holder.pid)) !== holder.started) return undefined
  return readFile(databaseFile(dir), 'utf8').catch(() => undefined)
}

/** As it is in the folder; an earlier version knew no canonical rules. */
type Stored = Omit<Finished, 'scope'> & {
  readonly scope: Omit<Finished['scope'], 'canonical'> & Partial<Pick<Finished['scope'], 'canonical'>>
}

/** How the crawl in a folder ended; undefined while it has not, and for a folder that is not there. Errors: ERR_OUTPUT_UNUSABLE. */
export async function finishedIn(dir: string): Promise<Finished | undefined> {
  const file = join(dir, 'summary.json')
  try {
    const finished: Stored = JSON.parse(await readFile(file, 'utf8'))
    return { ...finished, scope: { canonical: [], ...finished.scope } }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    if (!(error instanceof SyntaxError)) throw unusable(resolve(dir), error)
    throw new CrawlError('ERR_OUTPUT_UNUSABLE', `Cannot read ${file}: ${error.message}; remove it, and the crawl's database tells again`)
  }
}

/** Makes a folder and those above it. Node's own recursive mkdir tries for ever below /proc, whose folders nobody can make. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return // if it is a file, what is made below it fails
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolder(dirname(path))
    await mkdir(path)
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

function unusable(path: string, cause: unknown): unknown {
  if (cause instanceof CrawlError) return cause
  const code = (cause as NodeJS.ErrnoException).code
  return code === undefined
    ? cause
    : new CrawlError('ERR_OUTPUT_UNUSABLE', `Cannot use output folder ${path}: ${code}; choose a writable one with --out`, { cause })
}

/** Who holds a lock: a process id alone is given out again, together with its start it is not. */
interface Holder {
  readonly pid: number
  readonly started: string
}

/** Takes the lock file, from a dead holder too. A half-written one is a dead one: its writer died between two calls. */
async function lock(file: string, path: string): Promise<void> {
  const me: Holder = { pid: process.pid, started: (await startOf(process.pid)) ?? '' }
  for (let tries = 0; tries < 3; tries++) {
    try {
      const handle = await open(file, 'wx')
      await handle.writeFile(JSON.stringify(me))
      await handle.close()
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = await holderOf(file)
    if (holder !== undefined && (await startOf(holder.pid)) === holder.started)
      throw new CrawlError(
        'ERR_OUTPUT_BUSY',
        `Cannot use output folder ${path}: process ${holder.pid} crawls there; wait for it, or choose another --out`,
      )
    await rm(file, { force: true })
  }
  throw new CrawlError('ERR_OUTPUT_BUSY', `Cannot use output folder ${path}: other processes compete for it; try again`)
}

async function holderOf(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** When a process started, in the kernel's ticks where /proc tells them, `alive` elsewhere; undefined: there is no such process. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The second field may hold spaces and parentheses; the start time is the 20th after it. Source: proc(5).
  if (stat !== undefined) return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  if (process.platform === 'linux') return undefined
  try {
    process.kill(pid, 0)
    return 'alive'
  } catch {
    return undefined
  }
}
