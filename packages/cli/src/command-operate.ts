import { mapAll, type ShutdownScope } from '@warren/async'
import { type Crawl, type Frontier, migrate, openFrontier } from '@warren/frontier'
import { CrawlError } from '@warren/protocol'
import { EXIT } from '@warren/service'
import { compileFilter } from '@warren/web'
import { type Command, Option } from 'commander'
import { applyOptions, baseConfig, type CrawlOptions, refuseChangedScope, withCrawlOptions } from './crawl-options.ts'
import { databaseConfig, readSettings } from './role-config.ts'
import { checkSeeds } from './seed-check.ts'
import { importWithLine, surveyWithLine } from './seed-import.ts'
import { firstSeed, openSeeds } from './seeds.ts'
import { showStatus, statusOf } from './status.ts'
import { showCount } from './units.ts'
import { version } from './version.ts'

interface DatabaseOptions {
  readonly config?: string
  readonly databaseUrl?: string
}

/** Crawls read at once; the frontier has a few connections. */
const READS_AT_ONCE = 4

type SeedOptions = CrawlOptions & { readonly crawl?: string }

/** The commands an operator has for crawls in a database: migrate, seed, status, pause, resume, cancel. */
export function addOperateCommands(program: Command, shutdown: ShutdownScope, exit: (code: number) => void): void {
  const add = (name: string, does: string): Command =>
    program
      .command(name)
      .description(does)
      .addOption(new Option('--database-url <URL>', 'Postgres that holds the frontier').env('DATABASE_URL'))
      .option('--config <FILE>', 'JSON file with DATABASE_URL')

  const withFrontier = async (options: DatabaseOptions, use: (frontier: Frontier) => Promise<void>): Promise<void> => {
    await using frontier = await openFrontier({ databaseUrl: databaseUrl(options), slot: 0 }, { signal: shutdown.draining })
    await use(frontier)
    exit(EXIT.ok)
  }

  add('migrate', "bring the database's schema up to this version").action(async (options: DatabaseOptions) => {
    const { from, to } = await migrate(databaseUrl(options))
    process.stdout.write(from === to ? `The schema is at version ${to}.\n` : `The schema went from version ${from} to ${to}.\n`)
    exit(EXIT.ok)
  })

  withCrawlOptions(add('seed', 'create a crawl, or give seeds to one').argument('[URL...]', 'where to start'))
    .option('--crawl <NAME>', 'name of the crawl (default: the host of the first seed)')
    .addHelpText(
      'after',
      `
Examples:
  warren seed https://example.org --contact you@example.org
  warren seed --crawl news --seeds urls.txt --scope domain --max-pages 100000 --contact you@example.org
  cut -d, -f1 list.csv | warren seed --crawl list --seeds - --contact you@example.org`,
    )
    .action((urls: string[], options: DatabaseOptions & SeedOptions) =>
      withFrontier(options, (frontier) => seed(frontier, urls, options, shutdown.draining)),
    )

  add('status', 'show crawls and their counts')
    .argument('[NAME]', 'one crawl, with what it waits for')
    .option('--json', 'as JSON')
    .action((name: string | undefined, options: DatabaseOptions & { json?: true }) =>
      withFrontier(options, async (frontier) => {
        const crawls = name === undefined ? await frontier.crawls() : [await namedCrawl(frontier, name)]
        const statuses = await mapAll(crawls, READS_AT_ONCE, (crawl) => statusOf(frontier, crawl, name !== undefined))
        process.stdout.write(options.json === true ? `${JSON.stringify(statuses, null, 2)}\n` : showStatus(statuses))
      }),
    )

  for (const [event, does] of [
    ['pause', 'stop fetching for a crawl, keep its place'],
    ['resume', 'go on with a paused crawl'],
    ['cancel', 'end a crawl; what is queued is excluded'],
  ] as const)
    add(event, does)
      .argument('<NAME>', 'the crawl')
      .action((name: string, options: DatabaseOptions) =>
        withFrontier(options, async (frontier) => {
          const crawl = await namedCrawl(frontier, name)
          process.stdout.write(`${crawl.name}: ${crawl.state} -> ${await frontier.transition(crawl.id, event)}\n`)
        }),
      )
}

function databaseUrl(options: DatabaseOptions): string {
  const env = options.databaseUrl === undefined ? process.env : { ...process.env, DATABASE_URL: options.databaseUrl }
  return readSettings(databaseConfig, env, options.config).DATABASE_URL
}

async function namedCrawl(frontier: Frontier, name: string): Promise<Crawl> {
  const crawl = await frontier.crawl(name)
  if (crawl !== undefined) return crawl
  const names = (await frontier.crawls()).map((other) => other.name)
  throw new CrawlError(
    'ERR_INPUT_INVALID',
    `Cannot find crawl ${JSON.stringify(name)}: ${names.length === 0 ? 'there is none yet; create one with warren seed' : `there are ${names.slice(0, 10).join(', ')}`}`,
  )
}

async function seed(frontier: Frontier, urls: readonly string[], options: SeedOptions, signal: AbortSignal): Promise<void> {
  const seeds = await openSeeds(urls, options.seeds, { signal })
  const first = await firstSeed(seeds, { signal })
  if (first === undefined) throw new CrawlError('ERR_INPUT_INVALID', 'Cannot seed: no URL was given; give URLs or --seeds FILE')
  const name = options.crawl ?? new URL(first).host
  const held = await frontier.crawl(name)
  if (held !== undefined) refuseEnded(held)
  if (held !== undefined) refuseChangedScope(held.config, options, `crawl ${name}`, 'use another --crawl')
  const wanted = applyOptions(held?.config ?? baseConfig(version), options)
  const filter = compileFilter({ include: [], exclude: wanted.exclude })
  const { count, allowedCount, hosts } = await surveyWithLine(seeds, { isAllowed: (url) => filter(url).allowed, signal })
  if (allowedCount === 0)
    throw new CrawlError('ERR_INPUT_INVALID', `Cannot seed crawl ${name}: --exclude refuses every seed, the first is ${first}`)
  const config = await checkSeeds(hosts, wanted, { warn, signal })

  const crawl = held ?? (await frontier.createCrawl({ name, config }))
  if (held !== undefined) await frontier.setConfig(held.id, config)
  const report = await importWithLine(frontier, { ...crawl, config }, seeds, { count, signal })
  const state = crawl.state === 'created' ? await frontier.transition(crawl.id, 'start') : crawl.state
  if (config.delayMs === 0) warn('Delay 0: requests follow each other without a pause. Only for sites that are yours.')
  process.stdout.write(`Crawl ${name} (${state}): ${showCount(report.admitted)} seeds admitted, ${showCount(report.known)} known\n`)
}

const warn = (line: string): void => void process.stderr.write(`${line}\n`)

/** Errors: ERR_CRAWL_CONFLICT for a crawl that takes no seeds any more. */
function refuseEnded({ name, state }: Crawl): void {
  if (state === 'created' || state === 'running' || state === 'paused') return
  throw new CrawlError('ERR_CRAWL_CONFLICT', `Cannot seed crawl ${name}: it is ${state}; use another --crawl`)
}
