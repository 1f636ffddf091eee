import type { ShutdownScope } from '@warren/async'
import { type Broker, connectRabbit } from '@warren/broker'
import { coordinatorConfig, runCoordinator } from '@warren/coordinator'
import { fetcherConfig, runFetcher } from '@warren/fetcher'
import { openFrontier } from '@warren/frontier'
import { parserConfig, runParser } from '@warren/parser'
import { createLogger, createMetrics, EXIT, type Logger, loadConfig, type Metrics, serveHealth } from '@warren/service'
import type { Command } from 'commander'
import type { z } from 'zod'
import { brokerLog } from './broker-log.ts'
import { databaseConfig, processConfig } from './role-config.ts'

interface RoleDeps {
  readonly broker: Broker
  readonly logger: Logger
  readonly metrics: Metrics
}

interface RoleOptions {
  readonly config?: string
}

const schemas = {
  coordinator: processConfig.extend(databaseConfig.shape).extend(coordinatorConfig.shape),
  fetcher: processConfig.extend(fetcherConfig.shape),
  parser: processConfig.extend(parserConfig.shape),
} as const

export function addRoleCommands(program: Command, shutdown: ShutdownScope, exit: (code: number) => void): void {
  const add = (role: keyof typeof schemas, does: string, run: (options: RoleOptions) => Promise<void>) =>
    program
      .command(role)
      .description(does)
      .option('--config <FILE>', 'JSON file of settings; the environment wins')
      .addHelpText(
        'after',
        () =>
          `\nSettings, from the environment or the file:\n${describeSettings(schemas[role])}\n\nStart as many as you like; each takes its share. SIGTERM drains, a second one stops.`,
      )
      .action(async (options: RoleOptions) => {
        await run(options)
        exit(EXIT.ok)
      })

  add('coordinator', 'run a coordinator: hand out visits, settle what comes back', async (options) => {
    const config = settings(schemas.coordinator, options)
    await using frontier = await openFrontier({ databaseUrl: config.DATABASE_URL }, { signal: shutdown.aborted })
    await serveRole('coordinator', config, shutdown, (deps) => runCoordinator({ ...deps, frontier, config }, shutdown))
  })
  add('fetcher', 'run a fetcher: exchange HTTP requests for visits', async (options) => {
    const config = settings(schemas.fetcher, options)
    await serveRole('fetcher', config, shutdown, (deps) => runFetcher({ ...deps, config }, shutdown))
  })
  add('parser', 'run a parser: read links and facts out of pages', async (options) => {
    const config = settings(schemas.parser, options)
    await serveRole('parser', config, shutdown, (deps) => runParser({ ...deps, config }, shutdown))
  })
}

const settings = <S extends z.ZodObject>(schema: S, options: RoleOptions) =>
  loadConfig(schema, { env: process.env, ...(options.config === undefined ? {} : { file: options.config }) })

/** Everything around a role: broker, log, metrics, health; in this order, and back. */
async function serveRole(
  role: string,
  config: z.infer<typeof processConfig>,
  shutdown: ShutdownScope,
  run: (deps: RoleDeps) => Promise<void>,
): Promise<void> {
  const logger = createLogger({ role, level: config.LOG_LEVEL })
  const metrics = createMetrics({ role })
  await using broker = await connectRabbit(
    { url: config.AMQP_URL, name: `warren-${role}-${process.pid}`, visitQueueMs: config.VISIT_QUEUE_MS, onEvent: brokerLog(logger) },
    { signal: shutdown.aborted },
  )
  exposeBroker(metrics, broker)
  const ready = () => {
    const state = broker.state.value
    return state === 'connected' ? { ok: true } : { ok: false, reason: `broker ${state}` }
  }
  await using health = await serveHealth({ host: config.HTTP_HOST, port: config.HTTP_PORT, metrics, ready })
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
