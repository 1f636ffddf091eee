import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectRabbit, topology } from '@warren/broker'
import { migrate, openFrontier } from '@warren/frontier'
import { defaultCrawlConfig } from '@warren/protocol'
import { testDatabase, testVhost } from '@warren/testkit'
import pg from 'pg'
import { describe, expect, test } from 'vitest'

const infra = (path: string): string => readFileSync(join(import.meta.dirname, '../../infra', path), 'utf8')

describe('infra/postgres/roles.sql', () => {
  test('the owner migrates; the working role crawls, and cannot change the schema', async () => {
    await using database = await testDatabase()
    const owner = `owner_${randomBytes(4).toString('hex')}`
    const worker = `worker_${randomBytes(4).toString('hex')}`
    const as = (user: string): string => Object.assign(new URL(database.url), { username: user, password: 'secret' }).href
    const admin = new pg.Client({ connectionString: database.url })
    await admin.connect()
    try {
      await admin.query(
        infra('postgres/roles.sql')
          .replace(/\bwarren_owner\b/g, owner)
          .replace(/\bwarren\b(?! migrate)/g, worker)
          .replace(/:'\w+'/g, "'secret'")
          .replace(/:"database"/g, new URL(database.url).pathname.slice(1)),
      )
      await migrate(as(owner))
      await expect(migrate(as(worker))).rejects.toMatchObject({ code: 'ERR_STORE_DENIED' })
      {
        await using frontier = await openFrontier({ databaseUrl: as(worker) })
        const crawl = await frontier.createCrawl({ name: 'c', config: defaultCrawlConfig('warren') })
        await frontier.transition(crawl.id, 'start')
        expect(await frontier.counts(crawl.id)).toMatchObject({ discovered: 0 })
      }
      const client = new pg.Client({ connectionString: as(worker) })
      await client.connect()
      try {
        for (const statement of [
          'drop table frontier.urls',
          'create table frontier.mine (n int)',
          'create table public.mine (n int)',
          'truncate frontier.urls',
        ])
          await expect(client.query(statement), statement).rejects.toMatchObject({ code: '42501' })
      } finally {
        await client.end()
      }
    } finally {
      for (const role of [owner, worker]) await admin.query(`drop owned by ${role} cascade; drop role ${role}`)
      await admin.end()
    }
  })
})

describe('infra/rabbitmq/rabbitmq.conf', () => {
  const setting = (name: string): string =>
    new RegExp(`^${name.replaceAll('.', '\\.')} = (.*)$`, 'm').exec(infra('rabbitmq/rabbitmq.conf'))?.[1] ?? ''

  test('the queues together stay under half of the memory and disk marks', () => {
    for (const mark of ['vm_memory_high_watermark.absolute', 'disk_free_limit.absolute']) {
      const mib = /^(\d+)MiB$/.exec(setting(mark))?.[1]
      expect(topology().maxBytes).toBeLessThanOrEqual((Number(mib) * 1_048_576) / 2)
    }
  })

  test('a user with these permissions, and no administrator, can do all that a role does', async () => {
    await using vhost = await testVhost()
    const name = `role-${randomBytes(4).toString('hex')}`
    const manage = async (method: string, path: string, body?: object): Promise<void> => {
      const url = new URL(`api/${path}`, `${vhost.managementUrl.replace(/\/$/, '')}/`)
      const admin = new URL(vhost.url)
      const authorization = `Basic ${Buffer.from(`${decodeURIComponent(admin.username)}:${decodeURIComponent(admin.password)}`).toString('base64')}`
      url.username = ''
      url.password = ''
      const response = await fetch(url, {
        method,
        headers: { authorization, 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      })
      expect(response.ok, `${method} ${path} -> ${response.status}`).toBe(true)
    }
    await manage('PUT', `users/${name}`, { password: 'secret', tags: '' })
    try {
      const permissions = Object.fromEntries(['configure', 'write', 'read'].map((kind) => [kind, setting(`default_permissions.${kind}`)]))
      await manage('PUT', `permissions/${vhost.name}/${name}`, permissions)
      await using broker = await connectRabbit({
        url: Object.assign(new URL(vhost.url), { username: name, password: 'secret' }).href,
        name: 'test',
      })
      const heard = Promise.withResolvers<void>()
      await using _control = await broker.onControl(() => heard.resolve())
      await broker.publish({ v: 1, type: 'control', crawls: [], recalled: [] })
      await heard.promise
      const settled = Promise.withResolvers<void>()
      await using _consumer = await broker.consume('outcomes', { prefetch: 1 }, async () => {
        settled.resolve()
        return 'ack'
      })
      await broker.publish({
        v: 1,
        type: 'outcome',
        of: 'visit',
        crawlId: 1,
        hostId: 1,
        visitId: '00000000-0000-4000-8000-000000000000',
        ending: 'abandoned',
        unfetched: [],
        report: { requests: 0, meanExchangeMs: null, throttled: null, unreachable: null, answered: false, addressGroup: null },
      })
      await settled.promise
      expect(await broker.depths()).toMatchObject({ dead: 0 })
    } finally {
      await manage('DELETE', `users/${name}`)
    }
  })
})
