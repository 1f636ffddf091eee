import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { databaseConfig, processConfig, roleConfigs } from '../src/role-config.ts'

const page = readFileSync(new URL('../../../docs/operate.md', import.meta.url), 'utf8')
const section = (name: string) => page.split(`<!-- ${name} -->\n`)[1]?.split(`<!-- /${name} -->`)[0]

/** The rows of docs/operate.md for some settings. */
function table(schema: z.ZodObject, without: readonly z.ZodObject[] = []): string {
  const skipped = new Set(without.flatMap((other) => Object.keys(other.shape)))
  const rows = Object.entries(schema.shape).flatMap(([name, type]) => {
    if (skipped.has(name)) return []
    const { default: initial, minimum, maximum, enum: values } = z.toJSONSchema(type as z.ZodType, { io: 'output' })
    const bounds = values?.join(', ') ?? (minimum === undefined ? '' : `${minimum} to ${maximum}`)
    const shown = name === 'PARSE_THREADS' ? 'cores - 1' : initial === undefined ? 'required' : String(initial)
    return [`| \`${name}\` | ${shown} | ${bounds} | ${(type as z.ZodType).description} |`]
  })
  return `| setting | default | bounds | meaning |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`
}

test.each([
  ['every role', table(processConfig)],
  ['database', table(databaseConfig)],
  ['coordinator', table(roleConfigs.coordinator, [processConfig, databaseConfig])],
  ['fetcher', table(roleConfigs.fetcher, [processConfig])],
  ['parser', table(roleConfigs.parser, [processConfig])],
])('docs/operate.md lists the settings of %s as they are', (name, rows) => {
  expect(section(`settings: ${name}`)).toBe(rows)
})

test('docs/operate.md names every metric that it should: those of the dashboard and the alerts', () => {
  const asked = ['grafana/dashboards/warren.json', 'prometheus/rules.yml'].map((path) =>
    readFileSync(new URL(`../../../infra/${path}`, import.meta.url), 'utf8'),
  )
  const names = new Set(asked.flatMap((text) => text.match(/\bwarren_(?!process_|nodejs_)[a-z0-9_]+/g) ?? []))
  for (const name of names) expect(page).toContain(`\`${name.replace(/_(bucket|sum|count)$/, '')}\``)
})
