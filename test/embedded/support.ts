import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Counts, type Crawl, openFrontier } from '@warren/frontier'
import { removePostgres, startPostgres } from '@warren/postgres'
import type { Expected, Web } from '@warren/testkit'
import { expect } from 'vitest'
import { type Ended, type PageLine, readPages, warren } from '../support/warren.ts'

/** For crawls of a web on loopback that leave its first host. */
export const LOCAL = ['--scope', 'any', '--allow-address', '127.0.0.0/8', '--retry-delay', '100ms']
/** The same, at full speed. */
export const FAST = [...LOCAL, '--delay', '0', '--host-concurrency', '4']
const postgresOf = (dir: string): string => join(dir, '.warren', 'postgres')

/** A folder for one crawl; goes with its scope, together with the database that the crawl left. */
export async function crawlFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const root = await mkdtemp(join(tmpdir(), 'warren-crawl-'))
  const path = join(root, 'out')
  return {
    path,
    async [Symbol.asyncDispose]() {
      if (existsSync(postgresOf(path))) await removePostgres(postgresOf(path))
      await rm(root, { recursive: true, force: true })
    },
  }
}

/** What the crawl left in its database, which must agree with itself. */
export async function readLeft(dir: string): Promise<{ crawl: Crawl; counts: Counts }> {
  await using postgres = await startPostgres({ dir: postgresOf(dir) })
  await using frontier = await openFrontier({ databaseUrl: postgres.url })
  const crawl = await frontier.crawl('crawl')
  if (crawl === undefined) throw new Error(`there is no crawl in ${dir}`)
  const counts = await frontier.counts(crawl.id)
  expect(await frontier.verify(crawl.id)).toEqual([])
  expect(await frontier.accountingGap()).toBe(0)
  expect(counts.queued + counts.leased + counts.done + counts.failed + counts.excluded).toBe(counts.discovered)
  return { crawl, counts }
}

/** The URLs of pages.jsonl, each of which is there once. */
export async function fetchedUrls(dir: string): Promise<string[]> {
  const urls = (await readPages(dir)).map(({ url }) => url).sort()
  expect(new Set(urls).size).toBe(urls.length)
  return urls
}

/** A crawl that ended well: exit code 0, pages.jsonl is the known set, nothing forbidden was asked for, the database agrees. */
export async function expectWhole(ended: Ended, dir: string, web: Web, expected: Expected = web.expected()): Promise<Counts> {
  expect(ended).toMatchObject({ code: 0, signal: null })
  expect(await fetchedUrls(dir)).toEqual([...expected.answered].sort())
  const asked = (await web.log()).map(({ host, path }) => host + path)
  expect(asked.filter((url) => expected.never.has(url) || expected.disallowed.has(url))).toEqual([])
  const { crawl, counts } = await readLeft(dir)
  expect(crawl.state).toBe('completed')
  expect(counts).toMatchObject({ queued: 0, leased: 0, visits: 0, done: expected.answered.size, failed: expected.failed.size })
  return counts
}

/** A refusal: its exit code, and one line on stderr that says what, which value and what to do; nothing of a stack. */
export function expectRefusal(ended: Ended, code: number, text: RegExp): void {
  const lines = ended.stderr.trimEnd().split('\n')
  expect(lines.at(-1)).toMatch(/^warren: /)
  expect(lines.at(-1)).toMatch(text)
  expect(ended.stderr).not.toMatch(/^\s+at /m)
  expect(lines.filter((line) => line.startsWith('warren: '))).toHaveLength(1)
  expect(ended.code).toBe(code)
}

export const crawl = (roots: string | readonly string[], dir: string, ...options: string[]): Promise<Ended> =>
  warren(['crawl', ...[roots].flat(), '--out', dir, ...options])

/** The raw lines, so that a torn one would be seen. */
export async function pageLines(dir: string): Promise<PageLine[]> {
  const text = await readFile(join(dir, 'pages.jsonl'), 'utf8')
  expect(text === '' || text.endsWith('\n')).toBe(true)
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as PageLine)
}

/** Serves on a free port of 127.0.0.1; its connections end with it. */
export async function listen(server: Server): Promise<{ readonly url: string } & AsyncDisposable> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
