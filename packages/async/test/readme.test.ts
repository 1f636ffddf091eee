import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as async from '@warren/async'
import { expect, test } from 'vitest'
import { readExamples } from './example-files.ts'

const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')
const blocks = [...readme.matchAll(/^```ts\n\/\/ examples\/(\S+)\n(.*?)^```$/gms)].map(([, file, shown]) => ({ file, shown }))

test('README shows examples as they are run', () => {
  const sources = new Map(readExamples().map(({ file, source }) => [file, source]))
  for (const { file = '', shown } of blocks) expect(shown, file).toBe(sources.get(file))
})

test('README names every function and class of the package', () => {
  for (const name of Object.keys(async)) if (name !== 'IllegalStepError') expect(readme).toContain(`\`${name}\``)
})

test('README draws the circuit breaker as its table is', () => {
  expect(readme).toContain(`\`\`\`mermaid\n${async.toMermaid(async.breakerSteps, 'closed')}\`\`\`\n`)
})
