import type { ShutdownScope, Waiting } from '@warren/async'
import { impoliteness } from '@warren/coordinator'
import { fetcherConfig } from '@warren/fetcher'
import { type Crawl, type Frontier, migrate, openFrontier } from '@warren/frontier'
import { startPostgres } from '@warren/postgres'
import { type CrawlConfig, CrawlError } from '@warren/protocol'
import { createLogger, EXIT } from '@warren/service'
import { applyCanonicalRules, type CanonicalUrl, inScope } from '@warren/web'
import type { Command } from 'commander'
import { colorsOf } from './colors.ts'
import { applyOptions, argument, baseConfig, type CrawlOptions, refuseChangedScope, withCrawlOptions } from './crawl-options.ts'
import { type DemoSite, startDemoSite } from './demo-site.ts'
import { dueOf, dueText } from './due.ts'
import { defaultFolder, type Finished, finishedIn, hasCrawl, OutFolder } from './out-folder.ts'
import { startPagesExport } from './pages-export.ts'
import { Progress } from './progress.ts'
import { hasEnded, runUntilEnded } from './run-crawl.ts'
import { checkSeeds } from './seed-check.ts'
import { importWithLine, surveyWithLine } from './seed-import.ts'
import { firstSeed, openSeeds, type Seeds, surveySeeds } from './seeds.ts'
import { fetchedAnything, readSummary, type Summary, showSummary } from './summary.ts'
import { parseCount, parseDuration, parseRate, showCount } from './units.ts'
import { version } from './version.ts'

interface EmbeddedOptions extends CrawlOptions {
  readonly out?: string
  readonly concurrency?: number
  readonly rate?: number
  readonly retryDelay?: number
  readonly again?: true
  readonly recrawl?: true
  readonly due?: true
}

/** The one crawl of an embedded database. */
const NAME = 'crawl'
/** An embedded run is watched by a person: a dead host is given up sooner than in a cluster. */
const GIVE_UP = { tries: 3, ms: 120_000 }
/** What --retry-delay is without it. */
const RETRY_DELAY_MS = 5_000
const DEMO_FOLDER = 'warren-out/demo'
const DEMO_HOST_CONCURRENCY = 8
/** Seeds that are named when they do not belong to a finished crawl. */
const STRANGE_TOLD = 3

const { yellow, dim } = colorsOf(process.stderr)
const warn = (line: string): void => void process.stderr.write(`${yellow(line)}\n`)
const note = (line: string): void => void process.stderr.write(`${dim(line)}\n`)

export function addCrawlCommand(program: Command, shutdown: ShutdownScope, exit: (code: number) => void): void {
  withCrawlOptions(
    program
      .command('crawl')
      .description('crawl into files in this process, with nothing else installed')
      .argument('[URL...]', 'where to start; without any, a demo site on loopback'),
  )
    .optionsGroup('Speed:')
    .option('--concurrency <N>', 'requests in flight in all (default 64)', argument(parseCount(1, 10_000)))
    .option('--rate <N/s>', 'receive at most N bytes a second: 500KB/s, 5MB/s', argument(parseRate))
    .option(
      '--retry-delay <D>',
      'wait about D before the first retry of a URL or host that failed, then twice that, and so on (default 5s)',
      argument(parseDuration),
    )
    .optionsGroup('Output:')
    .option('--out <DIR>', 'where the files go, and where a crawl resumes (default ./warren-out/<host of the first seed>)')
    .option('--again', 'crawl anew where a crawl has finished; its pages.jsonl is kept under another name')
    .option('--recrawl', 'pass over a finished crawl again: ask for all its URLs anew, with conditional requests')
    .option('--due', 'with --recrawl: only for those that are due, by --recrawl-every')
    .optionsGroup('Options:')
    .addHelpText(
      'after',
      `
Examples:
  warren crawl https://example.org --contact you@example.org
  warren crawl https://example.org/docs/ --scope prefix --max-pages 500 --contact you@example.org
  warren crawl --seeds urls.txt --scope domain --max-depth 2 --out ./result --contact you@example.org
  warren crawl http://localhost:8080 --allow-address 127.0.0.1/32 --delay 0
  warren crawl --out ./result --recrawl --due

The result is DIR/pages.jsonl, a line of JSON for each URL that was answered. The same command again resumes an unfinished
crawl. Ctrl-C finishes what is in flight and stops; a second one stops at once. Guide: docs/crawl.md, exit codes: docs/exit-codes.md`,
    )
    .action(async (urls: string[], options: EmbeddedOptions) => exit(await crawl(urls, options, shutdown)))
}

async function crawl(urls: readonly string[], options: EmbeddedOptions, shutdown: ShutdownScope): Promise<number> {
  refuseMixed(options)
  const stop = { signal: shutdown.draining }
  const given = await openSeeds(urls, options.seeds, stop)
  const survey = await surveyWithLine(given, stop)
  if (survey.count === 0 && options.seeds.length > 0)
    throw new CrawlError('ERR_INPUT_INVALID', `Cannot crawl: ${options.seeds.join(', ')} has no URL; write one a line`)
  const isDemo = survey.count === 0 && options.out === undefined
  await using demo = isDemo ? await startDemoSite() : undefined
  const seeds = demo === undefined ? given : await openSeeds([demo.url], [])
  const { count, hosts } = demo === undefined ? survey : await surveySeeds(seeds)
  const wanted = demo === undefined ? options : demoOptions(options)
  const folder = options.out ?? (demo === undefined ? defaultFolder((await firstSeed(seeds)) as CanonicalUrl) : DEMO_FOLDER)
  const isAnew = options.again === true || demo !== undefined

  const finished = isAnew ? undefined : await finishedIn(folder)
  if (finished !== undefined && options.recrawl === undefined) return await showFinished(finished, seeds, wanted, folder)
  const isNew = isAnew || !(await hasCrawl(folder))
  if (isNew && options.recrawl === true)
    throw new CrawlError('ERR_INPUT_INVALID', `Cannot recrawl ${folder}: no crawl is there; name its folder with --out`)
  if (isNew && count === 0)
    throw new CrawlError(
      'ERR_INPUT_INVALID',
      `Cannot crawl into ${folder}: no URL was given, and no crawl is there to resume; give a URL or --seeds FILE`,
    )
  const check = (config: CrawlConfig) => checkSeeds(hosts, config, { warn, ...stop })
  const base: CrawlConfig = { ...baseConfig(version), giveUp: { unreachable: GIVE_UP, refusing: GIVE_UP } }
  // A new crawl asks for what it needs before it leaves anything on the disk; one that is resumed has it in its database.
  const checked = isNew ? await check(applyOptions(base, wanted)) : undefined
  await using out = await OutFolder.open(folder)
  if (demo !== undefined) announceDemo(demo)
  if (isAnew) await out.startAnew({ keepPages: demo === undefined })

  const logger = createLogger({ role: 'crawl', level: 'info', destination: out.openLog() })
  await using postgres = await startPostgres({ dir: out.postgresDir, logger }, { signal: shutdown.aborted })
  await migrate(postgres.url)
  await out.tellDatabase(postgres.url)
  await using frontier = await openFrontier({ databaseUrl: postgres.url, slot: 0 }, { signal: shutdown.aborted })
  const held = await frontier.crawl(NAME)
  if (options.recrawl === true && (held === undefined || held.state === 'failed'))
    throw new CrawlError(
      'ERR_CRAWL_CONFLICT',
      `Cannot recrawl ${folder}: its crawl has ${held === undefined ? 'left nothing' : 'failed'}; crawl anew with --again`,
    )
  if (held === undefined) await out.setPagesAside()
  else refuseChangedScope(held.config, wanted, folder)
  if (held?.state === 'created' && count === 0)
    throw new CrawlError('ERR_INPUT_INVALID', `Cannot resume the crawl in ${folder}: not all of its seeds are in; give them once more`)
  const opened = await openCrawl(frontier, held, checked ?? (await check(applyOptions(held?.config ?? base, wanted))))

  await frontier.endAllLeases()
  const isPass = options.recrawl === true && hasEnded(opened.state)
  const crawl = isPass ? await startPass(frontier, opened, out, { all: options.due === undefined }) : opened
  if (held !== undefined && !isPass) note(`Resumes the crawl in ${folder}${crawl.pass > 1 ? `, pass ${crawl.pass}` : ''}`)
  await admit(frontier, crawl, seeds, { count, ...stop })
  if (demo === undefined) for (const line of impolitenessOf(crawl.config, options)) warn(`Impolite, as asked for: ${line}`)

  await using progress = new Progress({ frontier, crawlId: crawl.id, maxPages: crawl.config.maxPages, stream: process.stderr })

  await using pages = await startPagesExport(frontier, crawl.id, out.path)
  const state = hasEnded(crawl.state)
    ? crawl.state
    : await runUntilEnded(
        {
          frontier,
          crawlId: crawl.id,
          databaseFailed: postgres.failed,
          logger,
          fetcher: fetcherSettings(options),
          retryMs: options.retryDelay,
          look: () => pages.catchUp(),
          onDrain: () => progress.warn('Stopping: waiting for what is in flight. Ctrl-C again stops at once.'),
        },
        shutdown,
      )
  if (shutdown.aborted.aborted) return EXIT.interrupted
  await pages.catchUp()
  const summary = await readSummary(frontier, crawl.id, hasEnded(crawl.state) ? 0 : progress.elapsedMs)
  await progress[Symbol.asyncDispose]()
  if (state !== undefined) await out.finish({ at: new Date().toISOString(), summary, scope: await scopeOf(frontier, crawl) })
  process.stdout.write(showSummary(summary, folder))
  if (state === undefined) {
    note('The same command resumes.')
    return EXIT.interrupted
  }
  if (!fetchedAnything(summary)) throw nothingFetched(summary)
  return EXIT.ok
}

/** Errors: ERR_INPUT_INVALID for options that exclude or need each other. */
function refuseMixed({ again, recrawl, due }: EmbeddedOptions): void {
  if (again === true && recrawl === true)
    throw new CrawlError(
      'ERR_INPUT_INVALID',
      'Cannot crawl with --again and --recrawl: the one forgets the crawl, the other asks for its URLs again',
    )
  if (due === true && recrawl === undefined) throw new CrawlError('ERR_INPUT_INVALID', 'Cannot crawl with --due alone: add --recrawl')
}

/** Begins another pass, if it has anything to do. A crash in between leaves a crawl that has ended, or one that goes on. */
async function startPass(frontier: Frontier, crawl: Crawl, out: OutFolder, { all }: { readonly all: boolean }): Promise<Crawl> {
  const due = await dueOf(frontier, crawl.id)
  if (!all && due.due + due.ended === 0) {
    note(`Nothing to do: ${dueText(due)}. Without --due all are asked for again.`)
    return crawl
  }
  await out.unfinish()
  const pass = await frontier.startPass(crawl.id, { all })
  note(`Pass ${pass}: ${dueText(due, { all })}`)
  return { ...crawl, pass, state: 'running' }
}

/** A finished crawl is left as it is. Errors: ERR_CRAWL_CONFLICT for another scope. */
async function showFinished(finished: Finished, seeds: Seeds, options: EmbeddedOptions, folder: string): Promise<number> {
  const { kind, roots, include, exclude, canonical } = finished.scope
  refuseChangedScope({ scope: kind, include, exclude, canonical }, options, folder)
  process.stdout.write(showSummary(finished.summary, folder))
  const strange: CanonicalUrl[] = []
  const scope = new Set(roots)
  const rules = new Set(canonical)
  for await (const batch of seeds.batches(1_000)) {
    strange.push(...batch.filter((seed) => !inScope(kind, scope, applyCanonicalRules(seed, rules))))
    if (strange.length >= STRANGE_TOLD) break
  }
  if (strange.length > 0)
    warn(`Not in this crawl: ${strange.slice(0, STRANGE_TOLD).join(', ')}; use another --out, or --again to crawl anew`)
  note(`Finished ${finished.at}; nothing was fetched now. Add --recrawl to ask for its URLs again, --again to crawl anew.`)
  if (!fetchedAnything(finished.summary)) throw nothingFetched(finished.summary)
  return EXIT.ok
}

/** Admits the seeds and starts or resumes the crawl, as far as its state allows: one whose budget is spent, or that has ended, takes none. */
async function admit(frontier: Frontier, crawl: Crawl, seeds: Seeds, options: Waiting & { readonly count: number }): Promise<void> {
  if (crawl.state !== 'created' && crawl.state !== 'running' && crawl.state !== 'paused') return
  const { admitted } = await importWithLine(frontier, crawl, seeds, options)
  if (crawl.state !== 'created' && admitted > 0) note(`Seeds added: ${showCount(admitted)}`)
  if (crawl.state === 'created') await frontier.transition(crawl.id, 'start')
  // Its clock stops with the pause: the time since the last run is none of --max-time.
  if (crawl.state === 'running') await frontier.transition(crawl.id, 'pause')
  if (crawl.state !== 'created') await frontier.transition(crawl.id, 'resume')
}

async function scopeOf(frontier: Frontier, { id, config }: Crawl): Promise<Finished['scope']> {
  const { include, exclude, canonical } = config
  return { kind: config.scope, roots: [...(await frontier.roots(id))], include, exclude, canonical }
}

async function openCrawl(frontier: Frontier, held: Crawl | undefined, config: CrawlConfig): Promise<Crawl> {
  if (held === undefined) return frontier.createCrawl({ name: NAME, config })
  await frontier.setConfig(held.id, config)
  return { ...held, config }
}

/** The first wait of what failed is no part of the configuration, but a site notices it. */
const impolitenessOf = (config: CrawlConfig, { retryDelay }: EmbeddedOptions): string[] => [
  ...impoliteness(config),
  ...(retryDelay !== undefined && retryDelay < RETRY_DELAY_MS
    ? [`retry delay ${retryDelay / 1_000} s: a host that fails, or says it is too busy, is asked again so soon`]
    : []),
]

const demoOptions = (options: EmbeddedOptions): EmbeddedOptions => ({
  ...options,
  delay: options.delay ?? 0,
  hostConcurrency: options.hostConcurrency ?? DEMO_HOST_CONCURRENCY,
  allowAddress: [...options.allowAddress, '127.0.0.1/32'],
})

function announceDemo(demo: DemoSite): void {
  process.stderr.write(
    `Demo: ${demo.name}, ${showCount(demo.pages)} pages, served by this machine at ${demo.url}\n${dim('Delay 0, because the server is our own; other sites are asked once a second. Try: npm run crawl -- https://example.org --contact you@example.org')}\n`,
  )
}

const fetcherSettings = (options: EmbeddedOptions) =>
  fetcherConfig.parse({
    ...(options.concurrency === undefined ? {} : { FETCH_CONCURRENCY: options.concurrency }),
    ...(options.rate === undefined ? {} : { FETCH_RATE_BYTES: options.rate }),
  })

function nothingFetched({ failures, exclusions, statuses }: Summary): CrawlError {
  const statusTexts = Object.keys(statuses).map((status) => `status ${status}`)
  const reasons = [...Object.keys(failures), ...Object.keys(exclusions), ...statusTexts].slice(0, 5).join(', ')
  const remedy =
    exclusions['private-address'] === undefined ? 'remove the reason, then add --again' : 'add --allow-address CIDR and --again'
  return new CrawlError('ERR_SEEDS_UNREACHABLE', `Cannot fetch any seed: ${reasons || 'none was admitted'}; ${remedy}`)
}
