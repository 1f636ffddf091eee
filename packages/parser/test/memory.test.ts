import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { type ParsedPage, parsePage } from '../src/index.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** V8 makes substrings as views: one of them that is kept keeps its page, here 200 KB, 400 times: 80 MB. */
test('parsePage: nothing it returns keeps the page alive', { timeout: 30_000 }, () => {
  const page = (i: number) =>
    new TextEncoder().encode(
      `<html lang="language-tag-${i}"><title>A title that is long enough ${i}</title><base href="https://base.example/${i}/">` +
        `<link rel=canonical href="https://example.org/canonical/page/${i}"><meta http-equiv=refresh content="0;url=https://example.org/refresh/${i}">` +
        `<a href="https://example.org/absolute/link/${i}"><a href="relative/link/number/${i}">${'text '.repeat(40_000)}`,
    )
  const parse = (i: number): ParsedPage =>
    parsePage({ body: page(i), contentType: 'text/html; charset=utf-8', url: `https://example.org/${i}`, userAgent: 'Warren/1' })
  for (let i = 0; i < 20; i++) parse(i)
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  const kept = Array.from({ length: 400 }, (_, i) => parse(i))
  collectGarbage()
  const grown = process.memoryUsage().heapUsed - before
  expect(kept.every(({ links }) => links.length === 4)).toBe(true)
  expect(grown).toBeLessThan(4_000_000)
})
