import { type Broker, connectRabbit } from '@warren/broker'
import { type Counts, type Crawl, type Frontier, openFrontier } from '@warren/frontier'
import { eventually, type RoleName, type RoleProcess, startRole, warren } from './warren.ts'

export interface ClusterOptions {
  readonly databaseUrl: string
  readonly amqpUrl: string
  readonly coordinators?: number
  readonly fetchers?: number
  readonly parsers?: number
  /** Other addresses of the same services for the roles, such as those of proxies. */
  readonly roleUrls?: Readonly<Record<'DATABASE_URL' | 'AMQP_URL', string>>
  /** Settings of all roles, by name of the environment. */
  readonly settings?: Readonly<Record<string, string>>
}

/** Roles as processes on a database that is migrated, with a window into the frontier and the broker for the test to judge from. */
export interface Cluster extends AsyncDisposable {
  /** The environment for commands. */
  readonly env: Readonly<Record<string, string>>
  readonly frontier: Frontier
  readonly broker: Broker
  /** Those that were started and not ended by the test. */
  readonly roles: RoleProcess[]
  of(name: RoleName): RoleProcess[]
  /** Starts one more. */
  start(name: RoleName, env?: Readonly<Record<string, string>>): Promise<RoleProcess>
  /** `warren seed` with these arguments; the crawl it made. */
  seed(name: string, args: readonly string[]): Promise<Crawl>
  /** Resolves with its counts when the crawl has ended. */
  completed(crawl: Crawl, withinMs?: number): Promise<Counts>
}

/** Migrates, then starts all roles at once. Disposing kills what is left of them. Cost: about 3 s on two cores. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  await using stack = new AsyncDisposableStack()
  const env = { DATABASE_URL: options.databaseUrl, AMQP_URL: options.amqpUrl, ...options.settings }
  const migrated = await warren(['migrate'], { env })
  if (migrated.code !== 0) throw new Error(`migrate ended with ${migrated.code}: ${migrated.stderr}`)
  const frontier = stack.use(await openFrontier({ databaseUrl: options.databaseUrl, maxConnections: 2 }))
  const visitQueueMs = Number(options.settings?.['VISIT_QUEUE_MS'] ?? 30_000)
  const broker = stack.use(await connectRabbit({ url: options.amqpUrl, name: 'test', visitQueueMs }))
  const roles: RoleProcess[] = []
  stack.defer(async () => {
    await Promise.all(roles.map((role) => role[Symbol.asyncDispose]()))
  })
  const start = async (name: RoleName, extra: Readonly<Record<string, string>> = {}): Promise<RoleProcess> => {
    const role = await startRole(name, { ...env, ...options.roleUrls, ...extra })
    roles.push(role)
    void role.process.ended.then(() => roles.splice(roles.indexOf(role), 1))
    return role
  }
  const { coordinators = 2, fetchers = 3, parsers = 2 } = options
  const wanted: RoleName[] = [
    ...Array<RoleName>(coordinators).fill('coordinator'),
    ...Array<RoleName>(fetchers).fill('fetcher'),
    ...Array<RoleName>(parsers).fill('parser'),
  ]
  const started = await Promise.allSettled(wanted.map((name) => start(name)))
  for (const result of started) if (result.status === 'rejected') throw result.reason
  const owned = stack.move()
  return {
    env,
    frontier,
    broker,
    roles,
    of: (name) => roles.filter((role) => role.name === name),
    start,
    seed: async (name, args) => {
      const seeded = await warren(['seed', '--crawl', name, ...args], { env })
      if (seeded.code !== 0) throw new Error(`seed ended with ${seeded.code}: ${seeded.stderr}`)
      const crawl = await frontier.crawl(name)
      if (crawl === undefined) throw new Error(`seed made no crawl ${name}: ${seeded.stdout}`)
      return crawl
    },
    completed: async (crawl, withinMs = 60_000) => {
      const look = async () => ({ crawl: await frontier.crawl(crawl.id), counts: await frontier.counts(crawl.id) })
      const { counts } = await eventually(look, ({ crawl }) => crawl?.state === 'completed' || crawl?.state === 'cancelled', withinMs)
      return counts
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Every URL of a crawl's catalog, as often as it is in there. */
export async function catalogUrls(frontier: Frontier, crawlId: number): Promise<string[]> {
  const urls: string[] = []
  for (let cursor: Parameters<Frontier['catalog']>[1] = null; ; ) {
    const page = await frontier.catalog(crawlId, cursor, 1_000)
    urls.push(...page.rows.map((row) => row.url))
    if (page.rows.length === 0) return urls
    cursor = page.cursor
  }
}
