import { readFile } from 'node:fs/promises'
import { CrawlError, errorCodes } from '@warren/protocol'
import { EXIT, exitCodeOf } from '@warren/service'
import { expect, test } from 'vitest'

interface Row {
  readonly code: number
  readonly name: string
  readonly errors: readonly string[]
}

async function documented(): Promise<Row[]> {
  const text = await readFile(new URL('../../../docs/exit-codes.md', import.meta.url), 'utf8')
  return [...text.matchAll(/^\| (\d+) \| (\w+) \| (.+?) \| (.*?)\|$/gm)].map(([, code, name, , errors]) => ({
    code: Number(code),
    name: name ?? '',
    errors: (errors ?? '')
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== ''),
  }))
}

test('docs/exit-codes.md has the codes of the table, and every error code once', async () => {
  const rows = await documented()
  expect(Object.fromEntries(rows.map(({ name, code }) => [name, code]))).toEqual(EXIT)
  expect(rows.flatMap(({ errors }) => errors).sort()).toEqual([...errorCodes])
  for (const { code, errors } of rows)
    for (const error of errors) expect(exitCodeOf(new CrawlError(error as (typeof errorCodes)[number], 'x'))).toBe(code)
})

test('exitCodeOf: the first of several failures decides, also when the clean-up failed too; anything unknown is a bug', () => {
  const first = new CrawlError('ERR_OUTPUT_UNUSABLE', 'x')
  const second = new Error('clean-up')
  expect(exitCodeOf(new AggregateError([first, second]))).toBe(EXIT.output)
  expect(exitCodeOf(new SuppressedError(second, first))).toBe(EXIT.output)
  expect(exitCodeOf(new SuppressedError(first, new AggregateError([second])))).toBe(EXIT.bug)
  for (const unknown of [second, new AggregateError([]), undefined, 'text']) expect(exitCodeOf(unknown)).toBe(EXIT.bug)
})
