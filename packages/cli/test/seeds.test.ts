import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseSeed, readSeeds } from '../src/seeds.ts'

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
test('a file gives each seed once, skips comments, and is named with the line of what cannot be read', async () => {
  const file = join(dir, 'seeds.txt')
  await writeFile(file, '# seeds\r\nhttps://a.example/\r\n\r\nhttps://b.example/\nhttps://a.example\n')
  expect(await readSeeds(['https://b.example'], [file])).toEqual(['https://b.example/', 'https://a.example/'])
  await writeFile(file, 'https://a.example/\nnonsense\n')
  await expect(readSeeds([], [file])).rejects.toThrow(`${file} line 2`)
  await expect(readSeeds([], [join(dir, 'none.txt')])).rejects.toThrow(/none\.txt: ENOENT/)
})
