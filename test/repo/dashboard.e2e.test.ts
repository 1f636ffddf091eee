import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, startWebProcess, testDatabase, testVhost } from '@warren/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/warren.ts'
import { debianTool } from './debian-tool.ts'
import { dashboardQueries, metricNames, ruleExpressions } from './monitored.ts'

const SCRAPE_MS = 250
/** Stands for Grafana's: at least four scrapes. */
const RATE_INTERVAL = '10s'
const RULES = join(import.meta.dirname, '../../infra/prometheus/rules.yml')

describe('Prometheus after it scraped a crawl of a coordinator, a fetcher and a parser', () => {
  const stack = new AsyncDisposableStack()
  let prometheus: Prometheus

  beforeAll(async () => {
    const database = stack.use(await testDatabase())
    const vhost = stack.use(await testVhost())
    const web = stack.use(
      await startWebProcess({ hosts: 3, pagesPerHost: 60, latencyMs: { min: 50, max: 50 }, faults: { reset: 2, busy: 2, dead: 1 } }),
    )
    const cluster = stack.use(
      await startCluster({ databaseUrl: database.url, amqpUrl: vhost.url, coordinators: 1, fetchers: 1, parsers: 1 }),
    )
    prometheus = stack.use(await startPrometheus(cluster))
    await prometheus.everyTargetIsUp()
    const crawl = await cluster.seed('watched', [String(web.roots[0]), '--scope', 'any', '--delay', '0', '--allow-address', '127.0.0.0/8'])
    // While it runs: a dashboard is looked at then, and gauges of unfinished crawls have no value later.
    await eventually(
      () => cluster.frontier.counts(crawl.id),
      (counts) => counts.done > 100,
    )
    await prometheus.scrapedAgain()
  })
  afterAll(() => stack.disposeAsync())

  test('every metric that the dashboard and the alerts name is exposed by a role', async () => {
    const exposed = new Set(Object.keys((await prometheus.get('metadata')) as object))
    const asked = [...metricNames([...dashboardQueries(), ...ruleExpressions()])].map((name) => name.replace(/_bucket$/, ''))
    expect(asked.filter((name) => name !== 'up' && !exposed.has(name))).toEqual([])
  })

  test.each(dashboardQueries())('%s returns data', async (query) => {
    const path = `query?query=${encodeURIComponent(query.replaceAll('$__rate_interval', RATE_INTERVAL))}`
    const { result } = (await prometheus.get(path)) as { result: readonly { readonly value: readonly [number, string] }[] }
    expect(result.map(({ value }) => Number(value[1])).some(Number.isFinite)).toBe(true)
  })

  test('every alert can be evaluated, and none that is critical is pending in a healthy crawl', async () => {
    const look = async () =>
      ((await prometheus.get('rules')) as { groups: readonly { readonly rules: readonly Rule[] }[] }).groups.flatMap(({ rules }) => rules)
    const rules = await eventually(look, (rules) => rules.every((rule) => rule.health !== 'unknown'))
    expect(rules.map(({ name, health }) => ({ name, health }))).toEqual(rules.map(({ name }) => ({ name, health: 'ok' })))
    expect(rules.filter(({ state, labels }) => state !== 'inactive' && labels.severity === 'critical')).toEqual([])
  })
})

interface Rule {
  readonly name: string
  readonly health: string
  readonly state: string
  readonly labels: { readonly severity: string }
}

interface Prometheus extends AsyncDisposable {
  /** `data` of an answer of its HTTP API. */
  get(path: string): Promise<unknown>
  everyTargetIsUp(): Promise<void>
  /** Resolves when every target has been scraped since the call. */
  scrapedAgain(): Promise<void>
}

/** A real server with the alerts of the repository, scraping the roles under the names that docker-compose.yml gives them. */
async function startPrometheus(cluster: Cluster): Promise<Prometheus> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'warren-prometheus-')))
  const jobs = cluster.roles.map((role) => ({ job_name: role.name, static_configs: [{ targets: [new URL(role.url).host] }] }))
  const file = join(folder.path, 'prometheus.yml')
  const global = { scrape_interval: `${SCRAPE_MS}ms`, scrape_timeout: `${SCRAPE_MS}ms`, evaluation_interval: '500ms' }
  await writeFile(file, JSON.stringify({ global, rule_files: [RULES], scrape_configs: jobs }))
  const [port] = await freePorts(1)
  const args = [`--config.file=${file}`, `--storage.tsdb.path=${join(folder.path, 'data')}`, `--web.listen-address=127.0.0.1:${port}`]
  const child = spawn(await debianTool('prometheus'), args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-4_000)
  })
  stack.defer(() => end(child))
  const get = async (path: string): Promise<unknown> => {
    if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}: ${log}`)
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)
    const { status, data, error } = (await response.json()) as { status: string; data: unknown; error?: string }
    if (status !== 'success') throw new Error(`${path}: ${error}`)
    return data
  }
  const targets = async () => {
    const answer = await get('targets').catch((error: unknown) => {
      if (child.exitCode !== null) throw error
      return { activeTargets: [] } // it does not listen yet
    })
    return (answer as { activeTargets: readonly { readonly health: string; readonly lastScrape: string }[] }).activeTargets
  }
  const owned = stack.move()
  return {
    get,
    everyTargetIsUp: async () => {
      await eventually(targets, (all) => all.length === jobs.length && all.every(({ health }) => health === 'up'))
    },
    scrapedAgain: async () => {
      const since = Date.now()
      await eventually(targets, (all) => all.every(({ lastScrape }) => Date.parse(lastScrape) > since))
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
