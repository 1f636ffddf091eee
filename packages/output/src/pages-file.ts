import { type FileHandle, mkdir, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { chunked, Semaphore } from '@warren/async'
import { CrawlError } from '@warren/protocol'
import { type CatalogCursor, type CatalogRow, compareCursors } from './catalog-row.ts'
import { absent, readCursorFile, type Saved, syncFolderOf, writeCursorFile } from './cursor-file.ts'
import { pageRecord } from './page-record.ts'
import { usable } from './unusable.ts'

const DATA = 'pages.jsonl'
const CURSOR = 'pages.cursor.json'
const NEWLINE = 0x0a

/** Rows made into lines at once: the longest, with four URLs of 8 KB and a title, take a tenth of a millisecond each. */
const CHUNK_ROWS = 16
/** Text that is worth a write. */
const WRITE_CHARS = 262_144

export interface PagesFileOptions {
  /**
   * Which catalog the rows come from, for example the crawl's id and when it was created. A folder that was written from another source is
   * refused, because a cursor means nothing in another catalog. Not given: not checked.
   */
  readonly source?: string
}

/**
 * `dir`/pages.jsonl as a projection of the catalog: each row once, in catalog order, whatever happens in between.
 *
 * The truth about the file is `dir`/pages.cursor.json: which row is the last one in it, and how long the file was then. Data goes to the disk
 * before the cursor that covers it, so a crash leaves at most a tail that no cursor covers; opening cuts it, and its rows come again.
 * One writer at a time: the caller holds the folder's lock.
 */
export class PagesFile implements AsyncDisposable {
  readonly #file: FileHandle
  readonly #dataPath: string
  readonly #cursorPath: string
  #saved: Saved
  readonly #turn = new Semaphore(1)
  #failure: { readonly error: unknown } | undefined
  #closed = false

  /** Use openPagesFile. */
  constructor(file: FileHandle, paths: { data: string; cursor: string }, saved: Saved) {
    this.#file = file
    this.#dataPath = paths.data
    this.#cursorPath = paths.cursor
    this.#saved = saved
  }

  /** The last row in the file, to ask the catalog for what is behind it; null: nothing is in it. */
  get cursor(): CatalogCursor | null {
    return this.#saved.cursor
  }

  get records(): number {
    return this.#saved.records
  }

  get bytes(): number {
    return this.#saved.bytes
  }

  /**
   * Writes `rows` and remembers `cursor`, the catalog's answer to where they end. On return both are on the disk.
   * **Errors** ERR_OUTPUT_UNUSABLE, RangeError for rows that are not behind the cursor in rising order. After an error the cursor is what
   * it was before the call, and every later append fails in the same way: open again.
   * **Cancel safety** not cancellable: two fsyncs. **Order** appends take effect in the order of the calls.
   */
  async append(rows: readonly CatalogRow[], cursor: CatalogCursor): Promise<void> {
    using _turn = await this.#turn.acquire()
    if (this.#closed) throw new RangeError(`Cannot append to ${this.#dataPath}: it is closed`)
    if (this.#failure !== undefined) throw this.#failure.error
    checkOrder(this.cursor, rows, cursor)
    const { bytes, records, source } = this.#saved
    try {
      const end = await usable('write', this.#dataPath, () => this.#writeRows(rows, bytes))
      const next: Saved = { cursor, bytes: end, records: records + rows.length, source }
      await writeCursorFile(this.#cursorPath, next)
      this.#saved = next
    } catch (error) {
      this.#failure = { error }
      throw error
    }
  }

  /** Waits for appends under way, then closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    using _turn = await this.#turn.acquire()
    if (this.#closed) return
    this.#closed = true
    await this.#file.close()
  }

  /** Returns where they end. A nearly full disk takes a part and refuses the rest; then the part is cut again, for those who read along. */
  async #writeRows(rows: readonly CatalogRow[], position: number): Promise<number> {
    if (rows.length === 0) return position
    try {
      let end = position
      let text = ''
      for await (const chunk of chunked(rows, CHUNK_ROWS)) {
        for (const row of chunk) text += `${JSON.stringify(pageRecord(row))}\n`
        if (text.length < WRITE_CHARS) continue
        end = await this.#write(text, end)
        text = ''
      }
      end = await this.#write(text, end)
      await this.#file.sync()
      return end
    } catch (error) {
      await this.#file.truncate(position).catch(() => undefined) // else the next opening does it
      throw error
    }
  }

  /** Returns where it ends. */
  async #write(text: string, position: number): Promise<number> {
    const bytes = Buffer.from(text)
    for (let done = 0; done < bytes.byteLength; )
      done += (await this.#file.write(bytes, done, bytes.byteLength - done, position + done)).bytesWritten
    return position + bytes.byteLength
  }
}

/**
 * Opens or creates the projection in `dir`, which is made when missing. What is behind the cursor is cut.
 * - No data file but a cursor: everything is written again, from the catalog.
 * - A data file without its cursor: refused. A crash of ours cannot leave that (the cursor is there first), and no way of going on is safe:
 *   the last record may be of another catalog, so continuing could lose rows without a word, and starting over would destroy what may be
 *   somebody's only copy. Moved away, it costs nothing: the catalog has all rows.
 * - A data file that is shorter than its cursor says, or has no line end there: refused for the same reason.
 *
 * Errors: ERR_OUTPUT_UNUSABLE, naming the path and what to do. The caller owns the result.
 */
export async function openPagesFile(dir: string, options: PagesFileOptions = {}): Promise<PagesFile> {
  const paths = { data: join(dir, DATA), cursor: join(dir, CURSOR) }
  await usable('make', dir, () => mkdir(dir, { recursive: true }))
  const found = await readCursorFile(paths.cursor)
  const size = (await usable('read', paths.data, () => stat(paths.data).catch(absent)))?.size
  if (found === undefined && size !== undefined && size > 0)
    throw unusable(paths.data, `it is there without ${CURSOR}; move it away, and all of it is written again`)
  const source = options.source ?? found?.source ?? null
  if (found?.source !== undefined && found.source !== null && found.source !== source)
    throw unusable(paths.data, `it belongs to ${found.source}, not to ${source}; move it and ${CURSOR} away, or choose another folder`)

  const saved: Saved =
    found === undefined || (size === undefined && found.bytes > 0) ? { cursor: null, bytes: 0, records: 0, source } : { ...found, source }
  if (saved.source !== found?.source || saved.bytes !== found.bytes) await writeCursorFile(paths.cursor, saved)

  await using stack = new AsyncDisposableStack()
  const file = stack.use(await usable('open', paths.data, () => open(paths.data, size === undefined ? 'wx+' : 'r+')))
  if (size === undefined) await syncFolderOf(paths.data)
  await cutTail(file, paths.data, saved.bytes, size ?? 0)
  stack.move()
  return new PagesFile(file, paths, saved)
}

async function cutTail(file: FileHandle, path: string, bytes: number, size: number): Promise<void> {
  if (size < bytes) throw unusable(path, `it has ${size} bytes where ${CURSOR} says ${bytes}; ${START_OVER}`)
  if (bytes > 0 && !(await endsLine(file, path, bytes)))
    throw unusable(path, `no record ends at byte ${bytes}, as ${CURSOR} says; ${START_OVER}`)
  if (size > bytes) await usable('write', path, () => file.truncate(bytes))
}

const START_OVER = `move both away, and all of it is written again`

async function endsLine(file: FileHandle, path: string, bytes: number): Promise<boolean> {
  const last = Buffer.alloc(1)
  await usable('read', path, () => file.read(last, 0, 1, bytes - 1))
  return last[0] === NEWLINE
}

/** Invariant of the file: each row once, so every row lies behind the one before and none behind the cursor that is saved with it. */
function checkOrder(from: CatalogCursor | null, rows: readonly CatalogRow[], to: CatalogCursor): void {
  let last = from
  for (const row of rows) {
    if (last !== null && compareCursors(row, last) <= 0) throw misordered(row, last)
    last = row
  }
  if (last !== null && compareCursors(to, last) < 0) throw misordered(to, last)
}

const misordered = (at: CatalogCursor, last: CatalogCursor): RangeError =>
  new RangeError(`Cannot append row (${at.tx}, ${at.seq}): it is not behind (${last.tx}, ${last.seq})`)

const unusable = (path: string, why: string): CrawlError => new CrawlError('ERR_OUTPUT_UNUSABLE', `Cannot continue ${path}: ${why}`)
