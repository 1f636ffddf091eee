import { readFileSync } from 'node:fs'
import { ShutdownScope } from '@warren/async'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { addCrawlCommand } from '../src/command-crawl.ts'

test('docs/crawl.md tells every option of warren crawl, and no other', () => {
  const program = new Command('warren')
  addCrawlCommand(program, new ShutdownScope(), () => {})
  const declared = program.commands[0]?.options.map(({ long }) => long) ?? []
  const guide = readFileSync(new URL('../../../docs/crawl.md', import.meta.url), 'utf8')
  const told = new Set(guide.match(/(?<=[\s`])--[a-z][a-z-]+/g))
  expect([...told].sort()).toEqual(declared.toSorted())
})
