import type { QueueName } from './broker.ts'

/** The limits that an operator may set; queues are declared with them, so a change needs a new prefix or emptied and deleted queues. */
export interface TopologyOptions {
  /** First part of every name in the broker. */
  readonly prefix?: string
  /** A visit that waits longer for a fetcher vanishes; its lease then expires. */
  readonly visitQueueMs?: number
  readonly visitsMaxBytes?: number
  readonly pagesMaxBytes?: number
  readonly outcomesMaxBytes?: number
  readonly deadMaxBytes?: number
}

const MIB = 1_048_576

/** Together 640 MiB: under half of the memory mark (0.4) of a broker with 4 GiB. `pages` fills first and stops the fetchers. */
export const TOPOLOGY_DEFAULTS = {
  prefix: 'warren',
  visitQueueMs: 30_000,
  visitsMaxBytes: 64 * MIB,
  pagesMaxBytes: 256 * MIB,
  outcomesMaxBytes: 256 * MIB,
  deadMaxBytes: 64 * MIB,
} as const satisfies Required<TopologyOptions>

/** RabbitMQ 4.x takes no more by default (`max_message_size`), and closes the channel on a larger one. */
export const MAX_MESSAGE_BYTES = 16 * MIB
/** The default of 3.10 to 4.x, said aloud. 3.10 has no such argument, ignores it, and takes its global setting. */
const CONSUMER_TIMEOUT_MS = 1_800_000
/** Deliveries of one message. 4.x would take 20; a consumer that dies with a full prefetch costs each of its messages one. */
const DELIVERY_LIMIT = 50
/** Every look at the dead letters is a delivery and there is nowhere further to go, so practically none. 3.10 refuses -1. */
const DEAD_DELIVERY_LIMIT = 1_000_000
/** Controls that one process has not read yet. The next one says it all again. */
const CONTROL_BACKLOG = 4
const CONTROL_TTL_MS = 5_000

export interface QueueDeclaration {
  readonly name: string
  readonly durable: boolean
  readonly exclusive: boolean
  readonly autoDelete: boolean
  readonly arguments: Readonly<Record<string, string | number>>
}

export interface Topology {
  /** Declared by every process; publishing goes through the default exchange, whose bindings nobody can lose. */
  readonly queues: Readonly<Record<QueueName | 'dead', QueueDeclaration>>
  readonly control: {
    readonly exchange: { readonly name: string; readonly type: 'fanout'; readonly durable: true }
    /** One per process; the broker names it. */
    readonly queue: QueueDeclaration
  }
  /** What the queues may hold together. Must stay under half of the broker's memory and disk marks. */
  readonly maxBytes: number
}

/** Every exchange, queue, argument, limit and dead-letter route of Warren. docs/messages.md shows it as a table, docs/adr/0004 says why. */
export function topology(options: TopologyOptions = {}): Topology {
  const limits = { ...TOPOLOGY_DEFAULTS, ...options }
  const { prefix } = limits
  const dead = `${prefix}.dead`
  const quorum = (name: string, maxBytes: number, more: Record<string, string | number>): QueueDeclaration => ({
    name,
    durable: true,
    exclusive: false,
    autoDelete: false,
    arguments: {
      'x-queue-type': 'quorum',
      'x-max-length-bytes': maxBytes,
      'x-overflow': 'reject-publish',
      'x-consumer-timeout': CONSUMER_TIMEOUT_MS,
      'x-delivery-limit': DELIVERY_LIMIT,
      ...more,
    },
  })
  /** Only what passes the delivery limit goes this way; a verdict is published with its reason instead. '' is the default exchange. */
  const toDead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead, 'x-dead-letter-strategy': 'at-most-once' }
  return {
    queues: {
      // No dead-letter route: an expired visit must vanish, and the broker cannot tell it from one over the delivery limit.
      visits: quorum(`${prefix}.visits`, limits.visitsMaxBytes, { 'x-message-ttl': limits.visitQueueMs }),
      pages: quorum(`${prefix}.pages`, limits.pagesMaxBytes, toDead),
      outcomes: quorum(`${prefix}.outcomes`, limits.outcomesMaxBytes, toDead),
      dead: quorum(dead, limits.deadMaxBytes, { 'x-delivery-limit': DEAD_DELIVERY_LIMIT }),
    },
    control: {
      exchange: { name: `${prefix}.control`, type: 'fanout', durable: true },
      queue: {
        name: '',
        durable: false,
        exclusive: true,
        autoDelete: true,
        arguments: {
          'x-queue-type': 'classic',
          'x-max-length': CONTROL_BACKLOG,
          'x-overflow': 'drop-head',
          'x-message-ttl': CONTROL_TTL_MS,
        },
      },
    },
    maxBytes: limits.visitsMaxBytes + limits.pagesMaxBytes + limits.outcomesMaxBytes + limits.deadMaxBytes,
  }
}
