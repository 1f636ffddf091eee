import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { debianTool } from './debian-tool.ts'
import { dashboardQueries, metricNames, ruleExpressions } from './monitored.ts'

const root = join(import.meta.dirname, '../..')
const infra = (path: string): string => join(root, 'infra', path)
const run = promisify(execFile)

describe('infra/prometheus', () => {
  test('promtool accepts the configuration and its rules', async () => {
    const { stdout } = await run(await debianTool('promtool'), ['check', 'config', infra('prometheus/prometheus.yml')])
    expect(stdout).toContain('SUCCESS')
    expect(stdout).toMatch(/\d+ rules found/)
  })

  test('it scrapes every role of docker-compose.yml at the port of the image, however many replicas there are', () => {
    const { scrape_configs } = parse(readFileSync(infra('prometheus/prometheus.yml'), 'utf8'))
    for (const role of ['coordinator', 'fetcher', 'parser'])
      expect(scrape_configs).toContainEqual({
        job_name: role,
        dns_sd_configs: [{ names: [role], type: 'A', port: 9400, refresh_interval: expect.any(String) }],
      })
    expect(readFileSync(infra('docker/Dockerfile'), 'utf8')).toContain('HTTP_PORT=9400')
  })

  test('every alert says how bad it is, what it means, and how long it must last', () => {
    const { groups } = parse(readFileSync(infra('prometheus/rules.yml'), 'utf8'))
    for (const rule of groups[0].rules)
      expect(rule).toMatchObject({
        for: expect.any(String),
        labels: { severity: expect.stringMatching(/^(warning|critical)$/) },
        annotations: { summary: expect.any(String), description: expect.any(String) },
      })
  })
})

describe('infra/grafana', () => {
  test('the dashboard asks the provisioned data source, with panels that have different ids and places', () => {
    const dashboard = JSON.parse(readFileSync(infra('grafana/dashboards/warren.json'), 'utf8'))
    const { datasources } = parse(readFileSync(infra('grafana/provisioning/datasources/prometheus.yml'), 'utf8'))
    const used = new Set<string>()
    const ids = new Set<number>()
    const taken = new Set<string>()
    for (const { id, gridPos, datasource, targets = [] } of dashboard.panels) {
      expect(ids.has(id)).toBe(false)
      ids.add(id)
      for (const source of [datasource, ...targets.map((target: { datasource: object }) => target.datasource)])
        if (source) used.add(source.uid)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x} ${y}`), `panel ${id} at ${x} ${y}`).toBe(false)
          taken.add(`${x} ${y}`)
        }
    }
    expect([...used]).toEqual([datasources[0].uid])
    const { providers } = parse(readFileSync(infra('grafana/provisioning/dashboards/warren.yml'), 'utf8'))
    expect(readFileSync(join(root, 'docker-compose.yml'), 'utf8')).toContain(`./infra/grafana/dashboards:${providers[0].options.path}:ro`)
  })

  test('dashboard and alerts ask for metrics of Warren, and promtool can parse each query', async () => {
    const expressions = [...dashboardQueries(), ...ruleExpressions()]
    expect(expressions.length).toBeGreaterThan(40)
    const promtool = await debianTool('promtool')
    const rules = expressions.map((expr, at) => ({ record: `q:${at}`, expr: expr.replaceAll('$__rate_interval', '1m') }))
    await using folder = await mkdtempDisposable(join(tmpdir(), 'warren-rules-'))
    const file = join(folder.path, 'rules.yml')
    await writeFile(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }))
    const { stdout } = await run(promtool, ['check', 'rules', file])
    expect(stdout).toContain(`SUCCESS: ${rules.length} rules found`)
    for (const name of metricNames(expressions)) expect(name).toMatch(/^(warren_[a-z0-9_]+|up)$/)
  })
})
