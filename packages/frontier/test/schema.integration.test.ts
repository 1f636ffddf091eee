import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core'
import { expect, test } from 'vitest'
import * as schema from '../src/schema.ts'
import { World } from './support.ts'

test("schema: every column that drizzle knows is in the migrated database, with drizzle's type and nullability", async () => {
  await using world = await World.create()
  const columns = await world.rows<{ name: string; type: string; required: boolean }>(
    `select table_name || '.' || column_name as name, data_type as type, is_nullable = 'NO' as required from information_schema.columns where table_schema = 'frontier'`,
  )
  const actual = new Map(columns.map(({ name, ...column }) => [name, column]))
  for (const table of Object.values(schema) as PgTable[]) {
    const config = getTableConfig(table)
    for (const column of config.columns)
      expect([`${config.name}.${column.name}`, actual.get(`${config.name}.${column.name}`)]).toEqual([
        `${config.name}.${column.name}`,
        { type: column.getSQLType(), required: column.notNull },
      ])
  }
})
