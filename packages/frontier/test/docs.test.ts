import { readFileSync } from 'node:fs'
import { toMermaid } from '@warren/async'
import { crawlLife } from '@warren/frontier'
import { expect, test } from 'vitest'

test('docs/frontier.md draws the life of a crawl as its table has it', () => {
  const page = readFileSync(new URL('../../../docs/frontier.md', import.meta.url), 'utf8')
  const drawing = page.split('<!-- life -->\n')[1]?.split('<!-- /life -->')[0]
  expect(drawing).toBe(`\`\`\`mermaid\n${toMermaid(crawlLife, 'created')}\`\`\`\n`)
})
