import { access } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { hasApt, patchErlang, type Unpack, unpackPackages } from './apt.ts'

const ERLANG_PARTS =
  'asn1 base crypto eldap ftp inets mnesia os-mon parsetools public-key runtime-tools snmp ssl syntax-tools tftp tools xmerl'.split(' ')

interface ToolRow {
  /** Test suites that fail without it. */
  readonly suites: readonly string[]
  /** Where it may come from, in the order in which they are tried. */
  readonly sources: readonly Source[]
  /** Environment variable with the URL of a running one. */
  readonly urlVariable?: string
  /** Environment variable with the path of the program. */
  readonly programVariable?: string
  /** A file of a local installation that proves it. */
  readonly localFile: string
  readonly apt: Unpack
  /** What a download takes and what it unpacks to. */
  readonly downloadBytes: number
  readonly unpackedBytes: number
}
type Source = 'url' | 'program' | 'docker' | 'local' | 'apt'

/** The one table of what tests need from outside npm. */
export const TOOLS = {
  rabbitmq: {
    suites: ['broker integration', 'distributed whole-system tests', 'bench distributed'],
    sources: ['url', 'docker', 'local', 'apt'],
    urlVariable: 'WARREN_TEST_AMQP_URL',
    localFile: '/usr/lib/rabbitmq/bin/rabbitmq-server',
    apt: {
      name: 'rabbitmq',
      of: 'rabbitmq-server',
      packages: ['rabbitmq-server', ...ERLANG_PARTS.map((part) => `erlang-${part}`)],
      patch: patchErlang,
    },
    downloadBytes: 34_400_000,
    unpackedBytes: 60_000_000,
  },
  prometheus: {
    suites: ['dashboard and alert queries'],
    sources: ['local', 'apt'],
    localFile: '/usr/bin/prometheus',
    apt: { name: 'prometheus', of: 'prometheus', packages: ['prometheus'] },
    downloadBytes: 19_300_000,
    unpackedBytes: 90_000_000,
  },
  chromium: {
    suites: ['async in a browser'],
    sources: ['program', 'local', 'apt'],
    programVariable: 'WARREN_TEST_CHROMIUM',
    localFile: '/usr/lib/chromium/chromium-headless-shell',
    apt: { name: 'chromium', of: 'chromium-headless-shell', packages: ['chromium-headless-shell', 'chromium-common'] },
    downloadBytes: 89_700_000,
    unpackedBytes: 288_000_000,
  },
} as const satisfies Record<string, ToolRow>
export type ToolName = keyof typeof TOOLS

/** Where a tool was found: a URL, a program, an engine, or a root folder under which Debian's paths hold (`/` for an installation). */
export type Provisioned =
  | { readonly source: 'url'; readonly url: string }
  | { readonly source: 'program'; readonly program: string }
  | { readonly source: 'docker' }
  | { readonly source: 'local' | 'apt'; readonly root: string }

export interface ProvisionOptions {
  /** Called with the choice, and with what takes time. Default: a line on stderr. */
  readonly log?: (line: string) => void
  /** False: only an instance of our own will do, because it is going to be killed. */
  readonly shared?: boolean
  readonly env?: NodeJS.ProcessEnv
}

const chosen = new Map<string, Promise<Provisioned>>()

/**
 * Finds a tool in the order of its row, fetching it when nothing else is there; says which it took. Once per process.
 * Errors: an Error of one line that says what to do.
 */
export function provision(tool: ToolName, options: ProvisionOptions = {}): Promise<Provisioned> {
  const { shared = true, env = process.env } = options
  const key = `${tool} ${shared} ${env === process.env}`
  const known = chosen.get(key) ?? choose(tool, { log: defaultLog, ...options, shared, env })
  if (env === process.env) chosen.set(key, known)
  return known
}

async function choose(tool: ToolName, { log, shared, env }: Required<ProvisionOptions>): Promise<Provisioned> {
  const row: ToolRow = TOOLS[tool]
  const missed: string[] = []
  for (const source of row.sources) {
    const found = await SOURCES[source](row, { log, shared, env, missed })
    if (found === undefined) continue
    log(`${tool}: ${describe(found, row)}`)
    return found
  }
  const ways = [
    row.urlVariable !== undefined && `set ${row.urlVariable}`,
    row.programVariable !== undefined && `set ${row.programVariable} to the path of one`,
    row.sources.includes('docker') && 'start Docker',
    `install the package ${row.apt.of}`,
  ].filter((way) => way !== false)
  throw new Error(`Cannot provide ${tool} (needed by: ${row.suites.join(', ')}): ${missed.join('; ')}; ${ways.join(', or ')}`)
}

interface Search extends Required<ProvisionOptions> {
  readonly missed: string[]
}

const SOURCES: Readonly<Record<Source, (row: ToolRow, search: Search) => Promise<Provisioned | undefined>>> = {
  url: async (row, { env, shared }) => {
    const url = row.urlVariable === undefined ? undefined : env[row.urlVariable]
    return shared && url !== undefined && url !== '' ? { source: 'url', url } : undefined
  },
  program: async (row, { env }) => {
    const program = row.programVariable === undefined ? undefined : env[row.programVariable]
    return program !== undefined && program !== '' ? { source: 'program', program } : undefined
  },
  docker: async (_row, { missed }) => {
    if (await dockerAnswers()) return { source: 'docker' }
    missed.push('no Docker engine answers')
    return undefined
  },
  local: async (row, { missed }) => {
    if (
      await access(row.localFile).then(
        () => true,
        () => false,
      )
    )
      return { source: 'local', root: '/' }
    missed.push(`no ${row.localFile}`)
    return undefined
  },
  apt: async (row, { log, env, missed }) => {
    if (!(await hasApt(env))) {
      missed.push('no apt-get here')
      return undefined
    }
    try {
      return { source: 'apt', root: await unpackPackages(toolsFolder(env), row.apt, { log, env }) }
    } catch (error) {
      const said =
        error instanceof Error ? (error.message.split('\n').find((line) => /^E:|^Err/.test(line)) ?? error.message.split('\n')[0]) : error
      missed.push(`apt-get download failed: ${said}`)
      return undefined
    }
  },
}

/** What a program under `root` needs in its environment to find the libraries that were unpacked with it. */
export function libraryPath(root: string): NodeJS.ProcessEnv {
  if (root === '/') return {}
  const machines = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  const folders = machines.flatMap((machine) => [`usr/lib/${machine}`, `lib/${machine}`, `usr/lib/${machine}/pulseaudio`])
  return { LD_LIBRARY_PATH: folders.map((folder) => join(root, folder)).join(':') }
}

/** `$XDG_CACHE_HOME/warren/tools`, by default in ~/.cache. */
export function toolsFolder(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache'), 'warren', 'tools')
}

async function dockerAnswers(): Promise<boolean> {
  try {
    const { getContainerRuntimeClient } = await import('testcontainers') // 100 ms, and only where it is asked
    await getContainerRuntimeClient()
    return true
  } catch {
    return false
  }
}

function describe(found: Provisioned, row: ToolRow): string {
  switch (found.source) {
    case 'url':
      return `the one of ${row.urlVariable}`
    case 'program':
      return `the one of ${row.programVariable}`
    case 'docker':
      return 'a container'
    case 'local':
      return `the installed ${row.localFile}`
    case 'apt':
      return `Debian's package, unpacked in ${found.root}`
    default:
      return found satisfies never
  }
}

function defaultLog(line: string): void {
  process.stderr.write(`testkit: ${line}\n`)
}
