import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CrawlError } from '@warren/protocol'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate as drizzleMigrate } from 'drizzle-orm/node-postgres/migrator'
import pg from 'pg'
import { whereIs } from './database.ts'
import { asStoreError } from './store-error.ts'

const FOLDER = fileURLToPath(new URL('../migrations', import.meta.url))
const TABLE = { migrationsSchema: 'frontier', migrationsTable: 'migrations' }
/** Any number that nobody else locks in this database. */
const MIGRATE_LOCK = 7_000

/** The schema version of this code: how many migrations it has. */
export function codeVersion(): number {
  const journal = JSON.parse(readFileSync(`${FOLDER}/meta/_journal.json`, 'utf8')) as { entries: readonly unknown[] }
  return journal.entries.length
}

/**
 * Brings the schema to this code's version, in one transaction; others who migrate at the same time wait.
 * Errors: ERR_SCHEMA_VERSION when the database is newer; ERR_CONFIG_INVALID, ERR_STORE_UNAVAILABLE, ERR_STORE_DENIED.
 */
export async function migrate(databaseUrl: string): Promise<{ from: number; to: number }> {
  const where = whereIs(databaseUrl)
  const to = codeVersion()
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'warren migrate', connectionTimeoutMillis: 5_000 })
  client.on('error', () => {}) // the query under way rejects with it
  try {
    await client.connect()
    await client.query('select pg_advisory_lock($1)', [MIGRATE_LOCK]) // released with the connection
    const from = await databaseVersion((_name, text) => client.query(text))
    refuseNewer(from, to, where)
    await refuseForeign(client, where)
    await drizzleMigrate(drizzle(client), { migrationsFolder: FOLDER, ...TABLE })
    return { from, to }
  } catch (error) {
    throw asStoreError(error, 'migrate', where)
  } finally {
    await client.end()
  }
}

/** A migration is never changed once it is released; those of versions before the first release were. */
async function refuseForeign(client: pg.Client, where: string): Promise<void> {
  const ours = readMigrationFiles({ migrationsFolder: FOLDER }).map(({ hash }) => hash)
  const { rows: exists } = await client.query(`select to_regclass('frontier.migrations') is not null as it`)
  if (exists[0]?.it !== true) return
  const { rows } = await client.query<{ hash: string }>('select hash from frontier.migrations order by created_at')
  if (rows.every(({ hash }, index) => hash === ours[index])) return
  throw new CrawlError(
    'ERR_SCHEMA_VERSION',
    `Cannot migrate ${where}: its schema was made by a development version of Warren; use a new database or folder`,
  )
}

/** Migrations the database has; 0 for an empty one. */
export async function databaseVersion(
  query: (name: string, text: string) => Promise<{ rows: { version: number | string }[] }>,
): Promise<number> {
  const { rows: exists } = await query('open-database', `select (to_regclass('frontier.migrations') is not null)::int as version`)
  if (Number(exists[0]?.version) !== 1) return 0
  const { rows } = await query('read-version', 'select count(*)::int as version from frontier.migrations')
  return Number(rows[0]?.version)
}

export function refuseNewer(database: number, code: number, where: string): void {
  if (database > code)
    throw new CrawlError(
      'ERR_SCHEMA_VERSION',
      `Cannot use ${where}: its schema is version ${database}, this build knows ${code}; upgrade warren`,
    )
}
