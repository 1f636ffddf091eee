import { readFile } from 'node:fs/promises'
import * as async from '@warren/async'
import { expect, test } from 'vitest'
import { printer } from './example.ts'

const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8')

test('README shows the example that runs here', async () => {
  expect(await read('../README.md')).toContain(await read('example.ts'))
  const lines: string[] = []
  expect(await printer((line) => lines.push(line), 1)).toBe('quiet')
  expect(lines.sort()).toEqual(['job 1', 'job 4', 'job 9'])
})

test('README names every function and class of the package', async () => {
  const readme = await read('../README.md')
  for (const name of Object.keys(async)) if (name !== 'IllegalStepError') expect(readme).toContain(`\`${name}\``)
})
