import { coordinatorConfig } from '@warren/coordinator'
import { fetcherConfig } from '@warren/fetcher'
import { parserConfig } from '@warren/parser'
import { loadConfig } from '@warren/service'
import { z } from 'zod'

/** Knobs that every role has. */
export const processConfig = z.object({
  AMQP_URL: z.url({ protocol: /^amqps?$/ }).describe('RabbitMQ: amqp://user:password@host:5672/vhost'),
  // An argument of the queue that all roles declare, so all must have the same.
  VISIT_QUEUE_MS: coordinatorConfig.shape.VISIT_QUEUE_MS,
  HTTP_HOST: z.string().min(1).default('127.0.0.1').describe('address that serves /metrics, /livez and /readyz'),
  HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(0).describe('its port; 0 takes a free one and logs it'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info').describe('least severe line that is logged'),
})

/** Knobs of those that reach the database. */
export const databaseConfig = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).describe('Postgres 15 or later: postgres://user:password@host:5432/database'),
})

/** All settings of each role. */
export const roleConfigs = {
  coordinator: processConfig.extend(databaseConfig.shape).extend(coordinatorConfig.shape),
  fetcher: processConfig.extend(fetcherConfig.shape),
  parser: processConfig.extend(parserConfig.shape),
} as const

/** The settings of `schema` from the environment and a file, which may be one for all roles. Errors: ERR_CONFIG_INVALID. */
export const readSettings = <S extends z.ZodObject>(schema: S, env: NodeJS.ProcessEnv, file: string | undefined): z.infer<S> =>
  loadConfig(schema, { env, file, alsoInFile: Object.values(roleConfigs).flatMap((config) => Object.keys(config.shape)) })
