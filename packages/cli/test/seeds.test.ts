import { execFile } from 'node:child_process'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { CanonicalUrl } from '@warren/web'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { firstSeed, openSeeds, parseSeed, surveySeeds } from '../src/seeds.ts'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'warren-seeds-'))
})
afterAll(() => rm(dir, { recursive: true }))

test.each([
  ['https://example.org', 'https://example.org/'],
  ['example.org/docs', 'https://example.org/docs'],
  ['localhost:8080/a', 'https://localhost:8080/a'],
  ['  http://EXAMPLE.org/#x ', 'http://example.org/'],
  ['127.0.0.1:80', 'https://127.0.0.1:80/'],
  ['[::1]:80/a', 'https://[::1]:80/a'],
])('%j is read as %s', (text, url) => {
  expect(parseSeed(text)).toBe(url)
})
test.each(['', 'word', 'http://', 'http://a b/', 'https://exa mple.org', 'http://[::1', 'http://256.1.1.1/'])(
  '%j is no URL, and the message shows it',
  (text) => {
    expect(() => parseSeed(text)).toThrow(JSON.stringify(text))
  },
)
test.each(['ftp://example.org/', 'file:///etc/passwd', 'javascript:alert(1)', 'mailto:a@example.org'])(
  '%s: the scheme is named',
  (text) => {
    expect(() => parseSeed(text)).toThrow(/scheme \w+ is not supported/)
  },
)
const read = async (urls: readonly string[], files: readonly string[], size = 1_000): Promise<CanonicalUrl[][]> =>
  Array.fromAsync((await openSeeds(urls, files)).batches(size))

test('a file is read anew each time, without its comments, and what cannot be read is named with its line', async () => {
  const file = join(dir, 'seeds.txt')
  await writeFile(file, '\ufeff# seeds\r\nhttps://a.example/\r\n\r\n  https://b.example/\rhttps://a.example')
  const seeds = await openSeeds(['https://c.example'], [file])
  for (let pass = 0; pass < 2; pass++) {
    const batches = await Array.fromAsync(seeds.batches(2))
    expect(batches).toEqual([['https://c.example/'], ['https://a.example/', 'https://b.example/'], ['https://a.example/']])
  }
  expect(await firstSeed(seeds)).toBe('https://c.example/')
  await writeFile(file, 'https://a.example/\n\nnonsense\n')
  await expect(read([], [file])).rejects.toThrow(`${file} line 3 "nonsense"`)
  await expect(read([], [join(dir, 'none.txt')])).rejects.toThrow(/none\.txt: ENOENT/)
  await expect(read([], [dir])).rejects.toThrow(/Cannot read seeds from .*: EISDIR/)
})

test('whatever the pieces in which a file comes, its lines are the same', async () => {
  const file = join(dir, 'long.txt')
  const urls = Array.from({ length: 20_000 }, (_, i) => `https://example.org/${i}/${'p'.repeat(i % 97)}`)
  for (const end of ['\n', '\r\n', '\r']) {
    await writeFile(file, urls.join(end))
    expect((await read([], [file])).flat()).toEqual(urls)
  }
})

test('a line without an end is not read to its end, be it a comment or no URL', async () => {
  const file = join(dir, 'endless.txt')
  await writeFile(file, `https://a.example/\n#${'x'.repeat(1_000_000)}\nhttps://b.example/\n`)
  expect((await read([], [file])).flat()).toEqual(['https://a.example/', 'https://b.example/'])
  await writeFile(file, `https://a.example/\n${'x'.repeat(1_000_000)}`)
  const error: Error = await read([], [file]).catch((error) => error)
  expect(error.message).toMatch(/line 2 "x{200}": it is no URL/)
})

test('a pipe is read once, and gives its seeds as often as a file', async () => {
  const pipe = join(dir, 'pipe')
  await promisify(execFile)('mkfifo', [pipe])
  const [seeds] = await Promise.all([openSeeds([], [pipe]), writeFile(pipe, 'https://a.example/\nhttps://b.example/\n')])
  for (let pass = 0; pass < 2; pass++)
    expect(await Array.fromAsync(seeds.batches(1))).toEqual([['https://a.example/'], ['https://b.example/']])
})

test('reading ends at once when it is cancelled, also while nothing comes', async () => {
  const pipe = join(dir, 'silent')
  await promisify(execFile)('mkfifo', [pipe])
  await using writer = await open(pipe, 'r+')
  await writer.write('https://a.example/\n')
  const stop = new AbortController()
  const seeds = openSeeds([], [pipe], { signal: stop.signal })
  setImmediate(() => stop.abort('stop'))
  await expect(seeds).rejects.toBe('stop')
})

test('a survey counts seeds, and names the hosts of those that are allowed, up to one more than are looked up', async () => {
  const urls = ['http://a.example/1', 'http://a.example:81/2', 'http://[::1]/', 'http://b.example/', 'http://a.example/1']
  const told: number[] = []
  const isAllowed = (url: string) => !url.includes('b.example')
  expect(await surveySeeds(await openSeeds(urls, []), { isAllowed, onBatch: (count) => told.push(count) })).toEqual({
    count: 5,
    allowedCount: 4,
    hosts: ['a.example', '::1'],
  })
  expect(told).toEqual([5])
  const many = Array.from({ length: 100 }, (_, i) => `http://h${i}.example/`)
  expect((await surveySeeds(await openSeeds(many, []))).hosts).toEqual(many.slice(0, 65).map((url) => new URL(url).hostname))
})
