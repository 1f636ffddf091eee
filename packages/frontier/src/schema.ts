import type { CrawlConfig, CrawlState } from '@warren/protocol'
import { bigint, boolean, integer, jsonb, pgSchema, primaryKey, smallint, text, timestamp, uuid } from 'drizzle-orm/pg-core'

// The tables that operators' queries read. migrations/ is the source; schema.integration.test.ts holds the two against each other.
const frontier = pgSchema('frontier')
const time = (name: string) => timestamp(name, { withTimezone: true })

export const crawls = frontier.table('crawls', {
  id: integer('id').primaryKey().generatedAlwaysAsIdentity(),
  name: text('name').notNull().unique(),
  state: text('state').$type<CrawlState>().notNull().default('created'),
  config: jsonb('config').$type<CrawlConfig>().notNull(),
  level: smallint('level').notNull().default(0),
  pass: integer('pass').notNull().default(1),
  ranMs: bigint('ran_ms', { mode: 'number' }).notNull().default(0),
  tickedAt: time('ticked_at'),
  reason: text('reason'),
  createdAt: time('created_at').notNull().defaultNow(),
  endedAt: time('ended_at'),
})

export const crawlRoots = frontier.table('crawl_roots', { crawlId: integer('crawl_id').notNull(), root: text('root').notNull() }, (t) => [
  primaryKey({ columns: [t.crawlId, t.root] }),
])

const counter = (name: string) => bigint(name, { mode: 'number' }).notNull()
export const crawlCounts = frontier.table(
  'crawl_counts',
  {
    crawlId: integer('crawl_id').notNull(),
    depth: smallint('depth').notNull(),
    slot: smallint('slot').notNull(),
    discovered: counter('discovered'),
    queued: counter('queued'),
    leased: counter('leased'),
    done: counter('done'),
    failed: counter('failed'),
    excluded: counter('excluded'),
    bytes: counter('bytes'),
  },
  (t) => [primaryKey({ columns: [t.crawlId, t.depth, t.slot] })],
)

export const visits = frontier.table('visits', {
  hostId: integer('host_id').primaryKey(),
  id: uuid('id').notNull().unique(),
  crawlId: integer('crawl_id').notNull(),
  delayMs: integer('delay_ms').notNull(),
  until: time('until').notNull(),
  kind: text('kind').$type<'pages' | 'robots' | 'resolve'>().notNull(),
  worker: text('worker'),
})

export const hosts = frontier.table('hosts', {
  id: integer('id').primaryKey().generatedAlwaysAsIdentity(),
  key: text('key').notNull().unique(),
  nextAt: time('next_at').notNull(),
  leaseUntil: time('lease_until').notNull(),
  visit: uuid('visit'),
  robotsExpires: time('robots_expires').notNull(),
  robotsRetryAt: time('robots_retry_at'),
  troubleKind: text('trouble_kind'),
  troubleCode: text('trouble_code'),
  troubleCount: integer('trouble_count').notNull().default(0),
})

export const queues = frontier.table(
  'queues',
  {
    hostId: integer('host_id').notNull(),
    crawlId: integer('crawl_id').notNull(),
    dueAt: time('due_at').notNull(),
    asleep: boolean('asleep').notNull(),
    closed: text('closed'),
  },
  (t) => [primaryKey({ columns: [t.hostId, t.crawlId] })],
)

export const failures = frontier.table(
  'failures',
  {
    id: bigint('id', { mode: 'number' }).notNull(),
    crawlId: integer('crawl_id').notNull(),
    code: text('code').notNull(),
    detail: text('detail').notNull(),
  },
  (t) => [primaryKey({ columns: [t.crawlId, t.id] })],
)
