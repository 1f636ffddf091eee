import { ShutdownScope, sleep } from '@warren/async'
import { fetcherConfig } from '@warren/fetcher'
import { type Crawl, type Frontier, migrate, openFrontier } from '@warren/frontier'
import { startPostgres } from '@warren/postgres'
import { type CrawlConfig, CrawlError, type CrawlState } from '@warren/protocol'
import { createLogger, EXIT } from '@warren/service'
import type { CanonicalUrl } from '@warren/web'
import type { Command } from 'commander'
import pc from 'picocolors'
import { admitSeeds } from './admit-seeds.ts'
import { addressesOfSeeds, needContact } from './contact.ts'
import { applyOptions, argument, baseConfig, type CrawlOptions, refuseChangedScope, withCrawlOptions } from './crawl-options.ts'
import { type DemoSite, startDemoSite } from './demo-site.ts'
import { type EmbeddedDeps, runEmbedded } from './embedded.ts'
import { defaultFolder, OutFolder } from './out-folder.ts'
import { startPagesExport } from './pages-export.ts'
import { Progress } from './progress.ts'
import { readSeeds } from './seeds.ts'
import { fetchedAnything, readSummary, showSummary } from './summary.ts'
import { parseCount, parseDuration, parseRate, showCount } from './units.ts'
import { version } from './version.ts'

interface EmbeddedOptions extends CrawlOptions {
  readonly out?: string
  readonly concurrency?: number
  readonly rate?: number
  readonly retryDelay?: number
  readonly again?: true
}

/** The one crawl of an embedded database. */
const NAME = 'crawl'
/** Between two looks at the crawl's state, and two writes of pages.jsonl. */
const LOOK_MS = 200
/** An embedded run is watched by a person: a dead host is given up sooner than in a cluster. */
const GIVE_UP = { tries: 3, ms: 120_000 }
const DEMO_HOST_CONCURRENCY = 8

const ENDED: ReadonlySet<CrawlState> = new Set(['completed', 'cancelled', 'failed'])

export function addCrawlCommand(program: Command, shutdown: ShutdownScope, exit: (code: number) => void): void {
  withCrawlOptions(
    program
      .command('crawl')
      .description('crawl into files in this process, with nothing else installed')
      .argument('[URL...]', 'where to start; without any, a demo site on loopback'),
  )
    .option('--out <DIR>', 'where the files go, and where a crawl resumes (default ./warren-out/<host>)')
    .option('--concurrency <N>', 'requests in flight in all (default 64)', argument(parseCount(1, 10_000)))
    .option('--rate <N/s>', 'receive at most N bytes a second: 500KB/s, 5MB/s', argument(parseRate))
    .option(
      '--retry-delay <D>',
      'wait about D before the first retry of a URL or host that failed, then twice that, and so on',
      argument(parseDuration),
    )
    .option('--again', 'crawl anew where a crawl has finished; its pages.jsonl is kept under another name')
    .addHelpText(
      'after',
      `
Examples:
  warren crawl https://example.org --contact you@example.org
  warren crawl https://example.org/docs/ --scope prefix --max-pages 500 --contact you@example.org
  warren crawl --seeds urls.txt --scope domain --max-depth 2 --out ./result --contact you@example.org
  warren crawl http://localhost:8080 --allow-address 127.0.0.1/32 --delay 0

The same command again resumes an unfinished crawl. Ctrl-C finishes what is in flight and stops; a second one stops at once.`,
    )
    .action(async (urls: string[], options: EmbeddedOptions) => exit(await crawl(urls, options, shutdown)))
}

async function crawl(urls: readonly string[], options: EmbeddedOptions, shutdown: ShutdownScope): Promise<number> {
  const given = await readSeeds(urls, options.seeds)
  const isDemo = given.length === 0 && options.out === undefined && options.seeds.length === 0
  if (given.length === 0 && options.seeds.length > 0)
    throw new CrawlError('ERR_INPUT_INVALID', `Cannot crawl: ${options.seeds.join(', ')} has no URL; write one a line`)
  await using demo = isDemo ? await startDemoSite() : undefined
  const seeds = demo === undefined ? given : await readSeeds([demo.url], [])
  const base: CrawlConfig = { ...baseConfig(version), giveUp: { unreachable: GIVE_UP, refusing: GIVE_UP } }
  const wanted = demo === undefined ? options : demoOptions(options)
  const [first] = seeds
  const contactFound = first === undefined ? options.contact : await checkSeeds(seeds, options)
  const folder = options.out ?? (demo === undefined ? defaultFolder(first as CanonicalUrl) : 'warren-out/demo')
  await using out = await OutFolder.open(folder)
  if (demo !== undefined) announceDemo(demo)

  const finished = await out.finished()
  if (finished !== undefined && options.again !== true && demo === undefined) {
    process.stdout.write(showSummary(finished.summary, folder))
    process.stderr.write(pc.dim(`Finished ${finished.at}; nothing was fetched now. Add --again to crawl anew.\n`))
    return EXIT.ok
  }
  if (options.again === true || demo !== undefined) await out.startAnew()
  if (first === undefined && !(await out.hasCrawl()))
    throw new CrawlError(
      'ERR_INPUT_INVALID',
      `Cannot crawl into ${folder}: no URL was given, and no crawl is there to resume; give a URL or --seeds FILE`,
    )

  const logger = createLogger({ role: 'crawl', level: 'info', destination: out.openLog() })
  await using postgres = await startPostgres({ dir: out.postgresDir, logger }, { signal: shutdown.aborted })
  await migrate(postgres.url)
  await using frontier = await openFrontier({ databaseUrl: postgres.url, slot: 0 }, { signal: shutdown.aborted })
  const held = await frontier.crawl(NAME)
  if (held === undefined) await out.setPagesAside()
  else refuseChangedScope(held.config, wanted, folder)
  const config = applyOptions(held?.config ?? base, { ...wanted, ...(contactFound === undefined ? {} : { contact: contactFound }) })
  const open = await openCrawl(frontier, held, config)

  const progress = new Progress({ frontier, crawlId: open.id, maxPages: config.maxPages, stream: process.stderr })
  await using _progress = progress
  await frontier.endAllLeases()
  const seeded = await admitSeeds(frontier, open, seeds)
  for (const seed of seeded.excluded) progress.say(pc.yellow(`Seed ${seed} is refused by --exclude`))
  if (held !== undefined)
    progress.say(pc.dim(`Resumes the crawl in ${folder}${seeded.admitted > 0 ? ` with ${showCount(seeded.admitted)} more seeds` : ''}`))
  if (config.delayMs === 0 && demo === undefined)
    progress.say(pc.yellow('Delay 0: requests follow each other without a pause. Only for sites that are yours.'))
  await frontier.transition(open.id, open.state === 'created' ? 'start' : 'resume')

  await using pages = await startPagesExport(frontier, open.id, out.path)
  const state = await runUntilEnded(
    { frontier, logger, fetcher: fetcherSettings(options), retryMs: options.retryDelay },
    open.id,
    () => pages.catchUp(),
    shutdown,
    () => progress.say('Stopping: waiting for what is in flight. Ctrl-C again stops at once.'),
  )
  if (shutdown.aborted.aborted) return EXIT.interrupted
  await pages.catchUp()
  const summary = await readSummary(frontier, open.id, progress.elapsedMs)
  await progress[Symbol.asyncDispose]()
  if (state !== undefined) await out.finish({ at: new Date().toISOString(), summary })
  process.stdout.write(showSummary(summary, folder))
  if (state === undefined) {
    process.stderr.write(pc.dim('The same command resumes.\n'))
    return EXIT.interrupted
  }
  if (!fetchedAnything(summary))
    throw new CrawlError(
      'ERR_SEEDS_UNREACHABLE',
      `Cannot fetch any seed: ${showReasons(summary) || 'none was admitted'}; see ${out.logFile}`,
    )
  return EXIT.ok
}

/** Runs the roles until the crawl has ended (its state) or a drain was asked for (undefined), and drains them; `look` runs all along. */
async function runUntilEnded(
  deps: EmbeddedDeps,
  crawlId: number,
  look: () => Promise<void>,
  shutdown: ShutdownScope,
  onDrain: () => void,
): Promise<CrawlState | undefined> {
  const roles = new ShutdownScope()
  const stopped = new AbortController()
  const listening = { once: true, signal: stopped.signal }
  shutdown.aborted.addEventListener('abort', () => roles.abort(shutdown.aborted.reason), listening)
  shutdown.draining.addEventListener('abort', onDrain, listening)
  const watching = watchCrawl(deps.frontier, crawlId, look, AbortSignal.any([shutdown.draining, stopped.signal]))
  const running = runEmbedded(deps, roles).finally(() => stopped.abort())
  running.catch(() => {}) // awaited below; until then nobody looks at it
  try {
    return await watching
  } finally {
    roles.drain()
    await running
  }
}

async function watchCrawl(
  frontier: Frontier,
  crawlId: number,
  look: () => Promise<void>,
  stop: AbortSignal,
): Promise<CrawlState | undefined> {
  while (!stop.aborted) {
    await look()
    const state = (await frontier.crawl(crawlId))?.state
    if (state !== undefined && ENDED.has(state)) return state
    await sleep(LOOK_MS, { signal: stop }).catch(() => {}) // the stop ends the wait
  }
  return undefined
}

async function openCrawl(frontier: Frontier, held: Crawl | undefined, config: CrawlConfig): Promise<Crawl> {
  if (held === undefined) return frontier.createCrawl({ name: NAME, config })
  await frontier.setConfig(held.id, config)
  return { ...held, config }
}

/** Checks what can be known of the seeds before anything is started; returns the contact, where one is needed. */
async function checkSeeds(seeds: readonly CanonicalUrl[], options: CrawlOptions): Promise<string | undefined> {
  const { unresolved, publicHost } = await addressesOfSeeds(seeds, options.resolve)
  const contact = publicHost === undefined ? options.contact : await needContact(options.contact, publicHost)
  const hosts = new Set(seeds.map((seed) => new URL(seed).hostname))
  if (unresolved.length === hosts.size)
    throw new CrawlError(
      'ERR_SEEDS_UNREACHABLE',
      `Cannot fetch any seed: ${unresolved.slice(0, 3).join(', ')} has no address; check the name, or give one with --resolve HOST:ADDR`,
    )
  for (const host of unresolved) process.stderr.write(pc.yellow(`Seed host ${host} has no address now\n`))
  return contact
}

const demoOptions = (options: EmbeddedOptions): EmbeddedOptions => ({
  ...options,
  delay: options.delay ?? 0,
  hostConcurrency: options.hostConcurrency ?? DEMO_HOST_CONCURRENCY,
  allowAddress: [...options.allowAddress, '127.0.0.1/32'],
})

function announceDemo(demo: DemoSite): void {
  process.stderr.write(
    `Demo: ${demo.name}, ${showCount(demo.pages)} pages, served by this machine at ${demo.url}\n${pc.dim('Delay 0, because the server is our own; other sites are asked once a second. Try: npm run crawl -- https://example.org --contact you@example.org')}\n`,
  )
}

const fetcherSettings = (options: EmbeddedOptions) =>
  fetcherConfig.parse({
    ...(options.concurrency === undefined ? {} : { FETCH_CONCURRENCY: options.concurrency }),
    ...(options.rate === undefined ? {} : { FETCH_RATE_BYTES: options.rate }),
  })

const showReasons = (summary: {
  failures: Readonly<Record<string, number>>
  exclusions: Readonly<Record<string, number>>
  statuses: Readonly<Record<string, number>>
}): string =>
  [
    ...Object.keys(summary.failures),
    ...Object.keys(summary.exclusions),
    ...Object.keys(summary.statuses).map((status) => `status ${status}`),
  ]
    .slice(0, 5)
    .join(', ')
