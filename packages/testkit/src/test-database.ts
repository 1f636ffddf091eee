import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { askFor } from './services.ts'

/** A fresh, empty or cloned database of the run's Postgres. Disposing drops it. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  /** Runs statements in it. */
  execute(sql: string): Promise<void>
}

export interface TestDatabaseOptions {
  /** Prepared once per run and name by whichever test comes first, then cloned. It must close its connections. Cost of a clone: 30 ms. */
  readonly template?: { readonly name: string; readonly prepare: (url: string) => Promise<unknown> }
  /** True: connections that are still open when it is disposed are cut, not complained about. */
  readonly allowOpenConnections?: boolean
}

const GRACE_MS = 2_000

/**
 * Creates a database. **Errors** of its disposal: an Error when connections of the test are still open after 2 s (the test leaked them);
 * the database is dropped all the same.
 */
export async function testDatabase({ template, allowOpenConnections = false }: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const { url: server } = await askFor('postgres')
  const name = `test_${randomBytes(8).toString('hex')}`
  const source = template === undefined ? undefined : await prepared(server, template)
  await administer(server, (client) => client.query(`create database ${name}${source === undefined ? '' : ` template ${source}`}`))
  return {
    url: withDatabase(server, name),
    execute: (sql) => administer(withDatabase(server, name), (client) => client.query(sql)),
    [Symbol.asyncDispose]: async () => {
      await administer(server, async (client) => {
        const open = allowOpenConnections ? 0 : await openConnections(client, name)
        await client.query(`drop database ${name} with (force)`)
        if (open > 0) throw new Error(`The test left ${open} connections to its database open`)
      })
    },
  }
}

async function prepared(server: string, { name, prepare }: NonNullable<TestDatabaseOptions['template']>): Promise<string> {
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 12)
  const database = `template_${hash}`
  await administer(server, async (client) => {
    await client.query('select pg_advisory_lock($1)', [Number.parseInt(hash, 16)]) // released with the connection
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database])
    if (rowCount !== 0) return
    const partial = `${database}_partial`
    await client.query(`drop database if exists ${partial} with (force)`)
    await client.query(`create database ${partial}`)
    await prepare(withDatabase(server, partial))
    await openConnections(client, partial) // a backend lives on for a moment after its client has left
    await client.query(`alter database ${partial} rename to ${database}`)
  })
  return database
}

/** Connections that are still there after a grace, in which those that were closed go away. */
async function openConnections(client: pg.Client, database: string): Promise<number> {
  for (const end = performance.now() + GRACE_MS; ; await delay(10)) {
    const { rows } = await client.query<{ open: number }>(
      `select count(*)::int as open from pg_stat_activity where datname = $1 and backend_type = 'client backend'`,
      [database],
    )
    const open = rows[0]?.open ?? 0
    if (open === 0 || performance.now() > end) return open
  }
}

async function administer(server: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: server, application_name: 'testkit' })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

function withDatabase(server: string, name: string): string {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}
