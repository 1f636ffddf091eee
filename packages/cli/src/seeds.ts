import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { addAbortSignal, type Readable } from 'node:stream'
import { codeOf, type Waiting, yieldIfDue } from '@warren/async'
import { CrawlError } from '@warren/protocol'
import { type CanonicalUrl, canonicalize } from '@warren/web'

/** A line that is longer than this holds no URL; it is not read to its end. */
const MAX_LINE_CHARS = 65_536
/** As much of what an operator typed is shown. */
const SHOWN_CHARS = 200
/** Seeds that are looked up before a crawl starts; the guard at connect judges the rest. */
export const SEED_HOSTS_CHECKED = 64

/**
 * The canonical form of what an operator typed as a seed. A bare host name (`example.org/docs`) is read as https.
 * Errors: ERR_INPUT_INVALID that shows the value and where it stood.
 */
export function parseSeed(text: string, where = 'seed'): CanonicalUrl {
  const trimmed = text.trim()
  const refuse = (why: string): never => {
    throw new CrawlError('ERR_INPUT_INVALID', `Cannot crawl ${where} ${JSON.stringify(trimmed.slice(0, SHOWN_CHARS))}: ${why}`)
  }
  const scheme = /^([a-z][a-z0-9+.-]*):(?!\d+(?:\/|$))/i.exec(trimmed)?.[1]?.toLowerCase()
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') refuse(`scheme ${scheme} is not supported; use http or https`)
  const url = canonicalize(scheme === undefined ? `https://${trimmed}` : trimmed)
  const isBareWord = scheme === undefined && !/[.:[]/.test(trimmed) && trimmed !== 'localhost'
  return url === undefined || isBareWord ? refuse('it is no URL; write it like https://example.org/') : url
}

/** The seeds of a command line, in order, as often as they are asked for. */
export interface Seeds {
  /**
   * All of them, in arrays of `size` at most; a URL that stands twice comes twice. Files are read anew each time.
   * Cancel safety: yes, the file is closed. Errors: `signal.reason`; ERR_INPUT_INVALID.
   * Cost: it yields, so that the event loop is never held longer than a few milliseconds; memory: one array and 64 KB of a file.
   */
  batches(size: number, waiting?: Waiting): AsyncIterable<CanonicalUrl[]>
}

/**
 * Seeds from arguments and files; `-` is standard input. A file has one URL a line, empty lines and lines that start with # are skipped.
 * Cost: what cannot be read twice, such as a pipe, is read here and held in memory. Errors: ERR_INPUT_INVALID; `signal.reason`.
 */
export async function openSeeds(urls: readonly string[], files: readonly string[], waiting: Waiting = {}): Promise<Seeds> {
  const given = urls.map((url) => parseSeed(url))
  const sources: (string | readonly CanonicalUrl[])[] = [given]
  for (const file of files)
    sources.push((await canReadAgain(file)) ? file : (await Array.fromAsync(seedsOfFile(file, 1_000, waiting))).flat())
  return {
    async *batches(size, waiting = {}) {
      for (const source of sources) {
        if (typeof source === 'string') yield* seedsOfFile(source, size, waiting)
        else for (let at = 0; at < source.length; at += size) yield source.slice(at, at + size)
      }
    },
  }
}

/** One that is not there too: reading it tells why. */
const canReadAgain = async (file: string): Promise<boolean> => file !== '-' && ((await stat(file).catch(() => undefined))?.isFile() ?? true)

async function* seedsOfFile(file: string, size: number, { signal }: Waiting): AsyncGenerator<CanonicalUrl[]> {
  const name = file === '-' ? 'standard input' : file
  const stream: Readable = file === '-' ? process.stdin.setEncoding('utf8') : createReadStream(file, 'utf8')
  if (signal !== undefined) addAbortSignal(signal, stream)
  let batch: CanonicalUrl[] = []
  try {
    let number = 0
    for await (const lines of linesOf(stream)) {
      for (const line of lines) {
        const due = yieldIfDue({ signal })
        if (due !== undefined) await due
        number++
        const text = line.trim()
        if (text === '' || text.startsWith('#')) continue
        batch.push(parseSeed(text, `${name} line ${number}`))
        if (batch.length < size) continue
        yield batch
        batch = []
      }
    }
  } catch (cause) {
    signal?.throwIfAborted()
    if (cause instanceof CrawlError) throw cause
    throw new CrawlError('ERR_INPUT_INVALID', `Cannot read seeds from ${file}: ${codeOf(cause) ?? String(cause)}`, { cause })
  }
  if (batch.length > 0) yield batch
}

/** The lines of a text, as many at once as come in one piece. Lines end as the one or the other system ends them. */
async function* linesOf(stream: AsyncIterable<string>): AsyncGenerator<string[]> {
  let rest = ''
  for await (const text of stream) {
    const lines = `${rest}${text}`.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop()?.slice(0, MAX_LINE_CHARS) ?? ''
    yield lines
  }
  yield [rest]
}

/** The first one. What is wrong behind it is not seen. */
export async function firstSeed(seeds: Seeds, waiting?: Waiting): Promise<CanonicalUrl | undefined> {
  for await (const [first] of seeds.batches(1, waiting)) return first
  return undefined
}

/** What can be told of seeds before they are admitted. */
export interface Survey {
  readonly count: number
  /** As many as the filter lets through. */
  readonly allowedCount: number
  /** Host names of those, each once, and one more than are looked up at most. */
  readonly hosts: readonly string[]
}

export interface SurveyOptions extends Waiting {
  /** Default: all are. */
  readonly isAllowed?: ((url: CanonicalUrl) => boolean) | undefined
  /** Told how many have been read. */
  readonly onBatch?: ((count: number) => void) | undefined
}

/** Reads all seeds once, so that whatever is wrong with one is known before anything is done. Errors and cost: as `batches`. */
export async function surveySeeds(seeds: Seeds, { isAllowed = () => true, onBatch, signal }: SurveyOptions = {}): Promise<Survey> {
  let count = 0
  let allowedCount = 0
  const origins = new Set<string>()
  const hosts = new Set<string>()
  for await (const batch of seeds.batches(1_000, { signal })) {
    for (const seed of batch) {
      const due = yieldIfDue({ signal })
      if (due !== undefined) await due
      if (!isAllowed(seed)) continue
      allowedCount++
      const origin = seed.slice(0, seed.indexOf('/', 8))
      if (hosts.size > SEED_HOSTS_CHECKED || origins.has(origin)) continue
      origins.add(origin)
      hosts.add(new URL(origin).hostname.replace(/^\[|\]$/g, ''))
    }
    count += batch.length
    onBatch?.(count)
  }
  return { count, allowedCount, hosts: [...hosts] }
}
