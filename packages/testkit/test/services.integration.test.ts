import { ownPostgres, testDatabase, testVhost } from '@warren/testkit'
import pg from 'pg'
import { expect, test } from 'vitest'

const connect = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}

test('testDatabase: a clone holds what its template was prepared with, prepared once', async () => {
  let prepared = 0
  const template = {
    name: 'testkit-sample',
    prepare: async (url: string) => {
      prepared++
      const client = await connect(url)
      await client.query('create table sample as select 42 as answer')
      await client.end()
    },
  }
  await Promise.all(
    Array.from({ length: 3 }, async () => {
      await using database = await testDatabase({ template })
      const client = await connect(database.url)
      expect((await client.query('select answer from sample')).rows).toEqual([{ answer: 42 }])
      await client.end()
    }),
  )
  expect(prepared).toBe(1)
})

test('testDatabase: a connection left open fails the test that left it', async () => {
  const database = await testDatabase()
  const client = await connect(database.url)
  const cut = new Promise((resolve) => client.on('error', resolve))
  await expect(database[Symbol.asyncDispose]()).rejects.toThrow('left 1 connections')
  await cut
})

test('testVhost: gives a vhost of its own and deletes it', async () => {
  const vhost = await testVhost()
  const { username, password, origin } = new URL(vhost.managementUrl)
  const headers = { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }
  const status = async (): Promise<number> => (await fetch(`${origin}/api/vhosts/${vhost.name}`, { headers })).status
  expect(await status()).toBe(200)
  await vhost[Symbol.asyncDispose]()
  expect(await status()).toBe(404)
})

test('ownPostgres: stopped it cuts its clients and answers nobody; started again it has the same address and what was committed', async () => {
  await using postgres = await ownPostgres()
  const client = await connect(postgres.url)
  const cut = new Promise((resolve) => client.on('error', resolve))
  await client.query('create table kept as select 42 as answer')
  await client.query('begin; insert into kept values (43)')
  await postgres.stop()
  await cut
  await expect(connect(postgres.url)).rejects.toThrow('ECONNREFUSED')
  await postgres.start()
  const again = await connect(postgres.url)
  expect((await again.query('select answer from kept')).rows).toEqual([{ answer: 42 }])
  await again.end()
})
