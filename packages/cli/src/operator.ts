import type { ShutdownScope } from '@warren/async'
import { type Crawl, type Frontier, openFrontier } from '@warren/frontier'
import { CrawlError } from '@warren/protocol'
import { EXIT } from '@warren/service'
import { type Command, Option } from 'commander'
import { openFolderFrontier } from './folder-frontier.ts'
import { databaseConfig, readSettings } from './role-config.ts'

/** Where an operator's command finds the frontier. */
export interface SourceOptions {
  readonly config?: string
  readonly databaseUrl?: string
  readonly out?: string
}

/** Makes the commands that an operator has for the frontier in a database, or in the folder of an embedded crawl. */
export interface Operator {
  readonly shutdown: ShutdownScope
  /** `folder`: the command takes --out too. */
  add(name: string, does: string, options?: { readonly folder?: boolean }): Command
  /** Opens the frontier that the options name, uses it, and ends with exit code 0. */
  withFrontier(options: SourceOptions, use: (frontier: Frontier) => Promise<void>): Promise<void>
}

/** Names that a message shows at most. */
const NAMES_TOLD = 10

export function operatorOf(program: Command, shutdown: ShutdownScope, exit: (code: number) => void): Operator {
  return {
    shutdown,
    add: (name, does, { folder = false } = {}) => {
      const command = program
        .command(name)
        .description(does)
        .addOption(new Option('--database-url <URL>', 'Postgres that holds the frontier').env('DATABASE_URL'))
        .option('--config <FILE>', 'JSON file with DATABASE_URL')
      return folder ? command.option('--out <DIR>', 'instead of a database: the folder of a `warren crawl`, which may be running') : command
    },
    withFrontier: async (options, use) => {
      await using source = await open(options, shutdown.draining)
      await use(source.frontier)
      exit(EXIT.ok)
    },
  }
}

async function open(options: SourceOptions, signal: AbortSignal): Promise<{ readonly frontier: Frontier } & AsyncDisposable> {
  if (options.out !== undefined) return await openFolderFrontier(options.out, { signal })
  const frontier = await openFrontier({ databaseUrl: databaseUrl(options), slot: 0 }, { signal })
  return { frontier, [Symbol.asyncDispose]: () => frontier[Symbol.asyncDispose]() }
}

export function databaseUrl(options: SourceOptions): string {
  const env = options.databaseUrl === undefined ? process.env : { ...process.env, DATABASE_URL: options.databaseUrl }
  return readSettings(databaseConfig, env, options.config).DATABASE_URL
}

/** Errors: ERR_INPUT_INVALID that tells which crawls there are. */
export async function namedCrawl(frontier: Frontier, name: string): Promise<Crawl> {
  const crawl = await frontier.crawl(name)
  if (crawl !== undefined) return crawl
  throw new CrawlError('ERR_INPUT_INVALID', `Cannot find crawl ${JSON.stringify(name)}: ${namesOf(await frontier.crawls())}`)
}

export const namesOf = (crawls: readonly Crawl[]): string => {
  if (crawls.length === 0) return 'there is none yet; create one with warren seed'
  const more = crawls.length - NAMES_TOLD
  return `there ${crawls.length === 1 ? 'is' : 'are'} ${crawls
    .slice(0, NAMES_TOLD)
    .map((crawl) => crawl.name)
    .join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

export const warn = (line: string): void => void process.stderr.write(`${line}\n`)
