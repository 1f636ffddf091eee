import { coordinatorConfig } from '@warren/coordinator'
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
