import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readExamples } from './example-files.ts'

const examples = readExamples()

test.each(examples.filter(({ kind }) => kind === 'function'))('examples/$file prints what it says', async ({ path, prints }) => {
  const { example } = (await import(path)) as { example(print: (line: string) => void): Promise<void> }
  const lines: string[] = []
  await example((line) => lines.push(line))
  expect(lines).toEqual(prints)
})

test.each(examples.filter(({ kind }) => kind === 'program'))('examples/$file, a program, has a test of its own', ({ file }) => {
  expect(existsSync(join(import.meta.dirname, file.replace(/(\.node)?\.ts$/, '.e2e.test.ts')))).toBe(true)
})

test.each(examples)('examples/$file needs this package and nothing else', ({ source }) => {
  const imports = [...source.matchAll(/\b(?:from|import) ?\(?'([^']*)'/g)].map(([, name]) => name)
  expect(new Set(imports)).toEqual(new Set(['@warren/async']))
})
