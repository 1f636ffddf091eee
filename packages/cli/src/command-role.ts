import { randomInt } from 'node:crypto'
import { hostname } from 'node:os'
import { ResourceScope, type ShutdownScope, withTimeout } from '@warren/async'
import { type Broker, connectRabbit } from '@warren/broker'
import { runCoordinator } from '@warren/coordinator'
import { runFetcher } from '@warren/fetcher'
import { type Frontier, openFrontier } from '@warren/frontier'
import { runParser } from '@warren/parser'
import { CrawlError } from '@warren/protocol'
import { createLogger, createMetrics, EXIT, type HealthOptions, type Logger, type Metrics, serveHealth } from '@warren/service'
import type { Command } from 'commander'
import type { z } from 'zod'
import { brokerLog } from './broker-log.ts'
import { type processConfig, readSettings, roleConfigs } from './role-config.ts'

interface RoleDeps {
  readonly broker: Broker
  readonly logger: Logger
  readonly metrics: Metrics
}

interface RoleOptions {
  readonly config?: string
}

/** Counter rows that coordinators share out by chance: those of one crawl never wait for each other. Slot 0 is the operators'. */
const SLOTS = { first: 1, end: 64 } as const
/** A database that answers later than this is none to work with. */
const DATABASE_READY_MS = 2_000

export function addRoleCommands(program: Command, shutdown: ShutdownScope, exit: (code: number) => void): void {
  const add = (role: keyof typeof roleConfigs, does: string, run: (options: RoleOptions) => Promise<void>) =>
    program
      .command(role)
      .description(does)
      .option('--config <FILE>', 'JSON file of settings; the environment wins')
      .addHelpText(
        'after',
        () =>
          `\nSettings, from the environment or the file:\n${describeSettings(roleConfigs[role])}\n\nStart as many as you like; each takes its share. SIGTERM drains, a second one stops.`,
      )
      .action(async (options: RoleOptions) => {
        await run(options)
        exit(EXIT.ok)
      })

  add('coordinator', 'run a coordinator: hand out visits, settle what comes back', async (options) => {
    const config = readSettings(roleConfigs.coordinator, process.env, options.config)
    // Not by process id: every container has the same.
    const slot = randomInt(SLOTS.first, SLOTS.end)
    await using scope = new ResourceScope()
    const open = (signal: AbortSignal) => openFrontier({ databaseUrl: config.DATABASE_URL, slot }, { signal })
    const frontier = await scope.acquire(open, { signal: shutdown.draining })
    const run = (deps: RoleDeps) => runCoordinator({ ...deps, frontier, config }, shutdown)
    await serveRole('coordinator', config, shutdown, run, () => databaseReady(frontier))
  })
  add('fetcher', 'run a fetcher: exchange HTTP requests for visits', async (options) => {
    const config = readSettings(roleConfigs.fetcher, process.env, options.config)
    await serveRole('fetcher', config, shutdown, (deps) => runFetcher({ ...deps, config }, shutdown))
  })
  add('parser', 'run a parser: read links and facts out of pages', async (options) => {
    const config = readSettings(roleConfigs.parser, process.env, options.config)
    await serveRole('parser', config, shutdown, (deps) => runParser({ ...deps, config }, shutdown))
  })
}

type Readiness = Awaited<ReturnType<HealthOptions['ready']>>

async function databaseReady(frontier: Frontier): Promise<Readiness> {
  try {
    await withTimeout(DATABASE_READY_MS, () => frontier.totals())
    return { ok: true }
  } catch (error) {
    return { ok: false, reason: error instanceof CrawlError ? error.message : `database gave no answer within ${DATABASE_READY_MS} ms` }
  }
}

/** Everything around a role: broker, log, metrics, health; in this order, and back. The first signal ends a start, and leaves nothing open. */
async function serveRole(
  role: string,
  config: z.infer<typeof processConfig>,
  shutdown: ShutdownScope,
  run: (deps: RoleDeps) => Promise<void>,
  alsoReady: () => Promise<Readiness> = async () => ({ ok: true }),
): Promise<void> {
  const logger = createLogger({ role, level: config.LOG_LEVEL })
  const metrics = createMetrics({ role })
  await using scope = new ResourceScope()
  const starting = { signal: shutdown.draining }
  const broker = await scope.acquire((signal) => {
    const name = `warren-${role}-${hostname()}-${process.pid}`
    const options = { url: config.AMQP_URL, name, visitQueueMs: config.VISIT_QUEUE_MS, onEvent: brokerLog(logger) }
    return connectRabbit(options, { signal })
  }, starting)
  exposeBroker(metrics, broker)
  const ready = () => {
    const state = broker.state.value
    return state === 'connected' ? alsoReady() : { ok: false, reason: `broker ${state}` }
  }
  const health = await scope.acquire(() => serveHealth({ host: config.HTTP_HOST, port: config.HTTP_PORT, metrics, ready }), starting)
  logger.info({ host: config.HTTP_HOST, port: health.port }, 'ready')
  await run({ broker, logger, metrics })
  logger.info('drained')
}

/** The broker's own counters as metrics, read when scraped. */
function exposeBroker(metrics: Metrics, broker: Broker): void {
  for (const name of Object.keys(BROKER_STATS) as (keyof typeof BROKER_STATS)[])
    metrics.counter(`broker_${toSnake(name)}_total`, BROKER_STATS[name], [], () => broker.stats[name])
  metrics.gauge('broker_blocked', '1 while the broker refuses to read what we publish', [], (gauge) =>
    gauge.set(broker.state.value === 'blocked' ? 1 : 0),
  )
}

const BROKER_STATS = {
  published: 'Messages published',
  confirmed: 'Messages the broker confirmed',
  refused: 'Messages refused because a queue was full',
  returned: 'Messages that no queue took',
  delivered: 'Messages delivered to this process',
  redelivered: 'Messages delivered that somebody had before',
  acked: 'Messages acknowledged',
  deadLettered: 'Messages dead-lettered by this process',
  reconnects: 'Connections made anew',
  unanswered: 'Messages published whose fate is unknown: connection lost, deadline, or cancelled',
  requeued: 'Messages given back',
  retried: 'Further tries of a handler',
  blocked: 'Times that the broker blocked publishing',
} as const satisfies Record<keyof Broker['stats'], string>

const toSnake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** A line for each setting: name, default, meaning. */
function describeSettings(schema: z.ZodObject): string {
  return Object.entries(schema.shape)
    .map(([name, type]) => {
      const initial = type.safeParse(undefined)
      return `  ${name.padEnd(24)} ${String((type as z.ZodType).description ?? '').concat(initial.success ? ` (default ${String(initial.data)})` : ' (required)')}`
    })
    .join('\n')
}
