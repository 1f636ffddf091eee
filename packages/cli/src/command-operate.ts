import { mapAll } from '@warren/async'
import { impoliteness } from '@warren/coordinator'
import { type Crawl, type Frontier, migrate } from '@warren/frontier'
import { CrawlError } from '@warren/protocol'
import { EXIT } from '@warren/service'
import { applyCanonicalRules, type CanonicalUrl, compileFilter } from '@warren/web'
import { applyOptions, baseConfig, type ClusterOptions, refuseChangedScope, withClusterOptions, withCrawlOptions } from './crawl-options.ts'
import { databaseUrl, namedCrawl, type Operator, type SourceOptions, warn } from './operator.ts'
import { checkSeeds } from './seed-check.ts'
import { importWithLine, surveyWithLine } from './seed-import.ts'
import { firstSeed, openSeeds } from './seeds.ts'
import { showStatus, statusOf } from './status.ts'
import { showCount } from './units.ts'
import { version } from './version.ts'

/** Crawls read at once; the frontier has a few connections. */
const READS_AT_ONCE = 4

/** The commands that make, show, stop and end crawls: migrate, seed, status, pause, resume, cancel. */
export function addOperateCommands({ add, withFrontier, shutdown }: Operator, exit: (code: number) => void): void {
  add('migrate', "bring the database's schema up to this version").action(async (options: SourceOptions) => {
    const { from, to } = await migrate(databaseUrl(options))
    process.stdout.write(from === to ? `The schema is at version ${to}.\n` : `The schema went from version ${from} to ${to}.\n`)
    exit(EXIT.ok)
  })

  withClusterOptions(withCrawlOptions(add('seed', 'create a crawl, or give seeds to one').argument('[URL...]', 'where to start')))
    .option('--crawl <NAME>', 'name of the crawl (default: the host of the first seed)')
    .addHelpText(
      'after',
      `
Examples:
  warren seed https://example.org --contact you@example.org
  warren seed --crawl news --seeds urls.txt --scope domain --max-pages 100000 --contact you@example.org
  warren seed --crawl news https://example.org/live/ --seed-priority 50
  warren seed --crawl shop https://example.org --priority '/product/=20' --max-pages-per-host 5000 --contact you@example.org
  cut -d, -f1 list.csv | warren seed --crawl list --seeds - --contact you@example.org`,
    )
    .action((urls: string[], options: SourceOptions & SeedOptions) =>
      withFrontier(options, (frontier) => seed(frontier, urls, options, shutdown.draining)),
    )

  add('status', 'show crawls and their counts, and why one does not move', { folder: true })
    .argument('[NAME]', 'one crawl, with its results and what it waits for')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      `
Examples:
  warren status
  warren status docs
  warren status --out ./warren-out/example.org     while it crawls, or after it`,
    )
    .action((name: string | undefined, options: SourceOptions & { json?: true }) =>
      withFrontier(options, async (frontier) => {
        const crawls = name === undefined ? await frontier.crawls() : [await namedCrawl(frontier, name)]
        const withDetail = name !== undefined || options.out !== undefined
        const statuses = await mapAll(crawls, READS_AT_ONCE, (crawl) => statusOf(frontier, crawl, withDetail))
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
      .addHelpText('after', `\nExample:\n  warren ${event} docs`)
      .action((name: string, options: SourceOptions) =>
        withFrontier(options, async (frontier) => {
          const crawl = await namedCrawl(frontier, name)
          process.stdout.write(`${crawl.name}: ${crawl.state} -> ${await frontier.transition(crawl.id, event)}\n`)
        }),
      )
}

type SeedOptions = ClusterOptions & { readonly crawl?: string }

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
  const rules = new Set(wanted.canonical)
  const isAllowed = (url: CanonicalUrl) => filter(applyCanonicalRules(url, rules)).allowed
  const { count, allowedCount, hosts } = await surveyWithLine(seeds, { isAllowed, signal })
  if (allowedCount === 0)
    throw new CrawlError('ERR_INPUT_INVALID', `Cannot seed crawl ${name}: --exclude refuses every seed, the first is ${first}`)
  const config = await checkSeeds(hosts, wanted, { warn, signal })

  const crawl = held ?? (await frontier.createCrawl({ name, config }))
  if (held !== undefined) await frontier.setConfig(held.id, config)
  const report = await importWithLine(frontier, { ...crawl, config }, seeds, { count, priority: options.seedPriority, signal })
  const state = crawl.state === 'created' ? await frontier.transition(crawl.id, 'start') : crawl.state
  for (const line of impoliteness(config)) warn(`Impolite, as asked for: ${line}`)
  process.stdout.write(`Crawl ${name} (${state}): ${showCount(report.admitted)} seeds admitted, ${showCount(report.known)} known\n`)
}

/** Errors: ERR_CRAWL_CONFLICT for a crawl that takes no seeds any more. */
function refuseEnded({ name, state }: Crawl): void {
  if (state === 'created' || state === 'running' || state === 'paused') return
  const remedy =
    state === 'completed' || state === 'cancelled'
      ? `use another --crawl, or pass it again with warren recrawl ${name}`
      : 'use another --crawl'
  throw new CrawlError('ERR_CRAWL_CONFLICT', `Cannot seed crawl ${name}: it is ${state}; ${remedy}`)
}
