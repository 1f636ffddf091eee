import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Candidate } from '@warren/frontier'
import { CrawlError } from '@warren/protocol'
import { type CanonicalUrl, canonicalize, fingerprint, hostKeyOf } from '@warren/web'

/**
 * The canonical form of what an operator typed as a seed. A bare host name (`example.org/docs`) is read as https.
 * Errors: ERR_INPUT_INVALID that shows the value and where it stood.
 */
export function parseSeed(text: string, where = 'seed'): CanonicalUrl {
  const trimmed = text.trim()
  const scheme = /^([a-z][a-z0-9+.-]*):(?!\d+(?:\/|$))/i.exec(trimmed)?.[1]?.toLowerCase()
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https')
    throw new CrawlError(
      'ERR_INPUT_INVALID',
      `Cannot crawl ${where} ${JSON.stringify(trimmed)}: scheme ${scheme} is not supported; use http or https`,
    )
  const url = canonicalize(scheme === undefined ? `https://${trimmed}` : trimmed)
  const isBareWord = scheme === undefined && !/[.:[]/.test(trimmed) && trimmed !== 'localhost'
  if (url === undefined || isBareWord)
    throw new CrawlError(
      'ERR_INPUT_INVALID',
      `Cannot crawl ${where} ${JSON.stringify(trimmed)}: it is no URL; write it like https://example.org/`,
    )
  return url
}

/** Seeds of a file, or of standard input for `-`: one URL a line, empty lines and lines that start with # are skipped. */
export async function* seedsOfFile(path: string): AsyncGenerator<CanonicalUrl> {
  const input = path === '-' ? process.stdin : createReadStream(path)
  let line = 0
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      line++
      if (text.trim() !== '' && !text.trimStart().startsWith('#'))
        yield parseSeed(text, `${path === '-' ? 'standard input' : path} line ${line}`)
    }
  } catch (cause) {
    if (cause instanceof CrawlError) throw cause
    throw new CrawlError('ERR_INPUT_INVALID', `Cannot read seeds from ${path}: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`, {
      cause,
    })
  }
}

/** All seeds of a command line, in order, each once. Errors: ERR_INPUT_INVALID. Cost: they are held in memory. */
export async function readSeeds(urls: readonly string[], files: readonly string[]): Promise<CanonicalUrl[]> {
  const seeds = new Set(urls.map((url) => parseSeed(url)))
  for (const file of files) for await (const seed of seedsOfFile(file)) seeds.add(seed)
  return [...seeds]
}

export const seedCandidate = (url: CanonicalUrl): Candidate => ({
  url,
  hostKey: hostKeyOf(url),
  fingerprint: fingerprint(url),
  depth: 0,
  chain: 0,
  parentId: null,
})
