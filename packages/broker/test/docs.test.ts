import { readFileSync } from 'node:fs'
import { toMermaid } from '@warren/async'
import { topology } from '@warren/broker'
import { expect, test } from 'vitest'
import { LINK_STEPS } from '../src/link.ts'

const page = readFileSync(new URL('../../../docs/messages.md', import.meta.url), 'utf8')
const section = (name: string) => page.split(`<!-- ${name} -->\n`)[1]?.split(`<!-- /${name} -->`)[0]

test('docs/messages.md shows the topology as it is declared', () => {
  const { queues, control } = topology()
  const rows = [...Object.values(queues), control.queue].map(({ name, durable, arguments: args }) => {
    const list = Object.entries(args).map(([key, value]) => `\`${key}\` ${value === '' ? '(default)' : value}`)
    return `| ${name === '' ? 'one per process' : `\`${name}\``} | ${durable ? 'yes' : 'no'} | ${list.join(', ')} |`
  })
  expect(section('topology')).toBe(`| queue | durable | arguments |\n| --- | --- | --- |\n${rows.join('\n')}\n`)
  expect(page).toContain(`${topology().maxBytes / 1_048_576} MiB`)
})

test('docs/messages.md draws the life of a connection as its table has it', () => {
  expect(section('link')).toBe(`\`\`\`mermaid\n${toMermaid(LINK_STEPS, 'disconnected')}\`\`\`\n`)
})
