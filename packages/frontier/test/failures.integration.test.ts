// What goes wrong outside: connections, locks, processes, text from the web.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { migrate, openFrontier } from '@warren/frontier'
import { freePorts, testDatabase } from '@warren/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { candidate, claimPages, done, end, FAST, LEASE, onePage, settled, startCrawl, World } from './support.ts'

const A = 'http://a.test/'

describe('opening', () => {
  const open = (databaseUrl: string) => openFrontier({ databaseUrl })

  test('a URL that is none: the message does not repeat it', async () => {
    await expect(open('postgres://user:secret@:x/')).rejects.toMatchObject({
      code: 'ERR_CONFIG_INVALID',
      message: expect.not.stringContaining('secret'),
    })
    await expect(open('mysql://root@localhost/x')).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' })
  })

  test('nobody listens: the message names host and port, not the password', async () => {
    const [port] = await freePorts(1)
    const refusal = { code: 'ERR_STORE_UNAVAILABLE', message: expect.stringContaining(`127.0.0.1:${port}`) }
    const url = `postgres://user:secret@127.0.0.1:${port}/x`
    await expect(open(url)).rejects.toMatchObject(refusal)
    await expect(migrate(url)).rejects.toMatchObject(refusal)
    await expect(open(url)).rejects.toMatchObject({ message: expect.not.stringContaining('secret') })
  })

  test('a role or a database that does not exist', async () => {
    await using database = await testDatabase()
    const role = new URL(database.url)
    role.username = 'nobody_here'
    await expect(open(role.href)).rejects.toMatchObject({ code: 'ERR_STORE_DENIED' })
    const missing = new URL(database.url)
    missing.pathname = '/not_there'
    await expect(open(missing.href)).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' })
  })

  test('a schema that is older or newer says which, and what to do; migrating twice at once is harmless', async () => {
    await using database = await testDatabase()
    await expect(open(database.url)).rejects.toMatchObject({
      code: 'ERR_SCHEMA_VERSION',
      message: expect.stringContaining('warren migrate'),
    })
    const results = await Promise.all([migrate(database.url), migrate(database.url)])
    expect(results.map(({ from }) => from).sort()).toEqual([0, results[0]?.to])
    await using frontier = await open(database.url)
    expect(await frontier.crawls()).toEqual([])
  })

  test('a newer schema is refused', async () => {
    await using world = await World.create()
    await world.rows(`insert into frontier.migrations (hash, created_at) values ('later', 99)`)
    const refusal = { code: 'ERR_SCHEMA_VERSION', message: expect.stringContaining('upgrade') }
    await expect(open(world.url)).rejects.toMatchObject(refusal)
    await expect(migrate(world.url)).rejects.toMatchObject(refusal)
  })
})

describe('running', () => {
  let world: World
  beforeEach(async () => {
    world = await World.create()
  })
  afterEach(async () => {
    await world[Symbol.asyncDispose]()
  })

  test('a lock that is not given is asked for a bounded number of times, then says so', async () => {
    await startCrawl(world.frontier, [A])
    const visit = await onePage(world.frontier)
    const holder = await world.session()
    await holder.query('begin')
    await holder.query('select from frontier.hosts for update')
    await using frontier = await openFrontier({ databaseUrl: `${world.url}?lock_timeout=20`, slot: 1 })
    await expect(frontier.settle([end(visit)])).rejects.toMatchObject({ code: 'ERR_STORE_CONFLICT', disposition: 'retry' })
    expect(frontier.conflicts).toBe(5)
    await holder.query('rollback')
    expect(await frontier.settle([end(visit)])).toMatchObject({ refusedStale: 0 })
  })

  test('of many calls that conflict, few are made again: they would only make the line longer', async () => {
    await startCrawl(world.frontier, [A])
    const visit = await onePage(world.frontier)
    const holder = await world.session()
    await holder.query('begin')
    await holder.query('select from frontier.hosts for update')
    await using frontier = await openFrontier({ databaseUrl: `${world.url}?lock_timeout=20`, slot: 1 })
    const calls = 40
    const results = await Promise.allSettled(Array.from({ length: calls }, () => frontier.settle([end(visit)])))
    expect(results.map((result) => result.status === 'rejected' && result.reason.code)).toEqual(Array(calls).fill('ERR_STORE_CONFLICT'))
    expect(frontier.conflicts).toBeGreaterThanOrEqual(20) // two a second, of ten seconds
    expect(frontier.conflicts).toBeLessThanOrEqual(20 + (calls + 1) / 5)
    await holder.query('rollback')
    expect(await frontier.settle([end(visit)])).toMatchObject({ refusedStale: 0 })
  })

  test('a connection that is cut, at work or idle, is one error at most; the next call has a new one', async () => {
    const { frontier } = world
    await startCrawl(frontier, [A])
    const visit = await onePage(frontier)
    const holder = await world.session()
    await holder.query('begin')
    await holder.query('select from frontier.hosts for update')
    const cut = frontier.settle([end(visit)])
    const refusal = expect(cut).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    const blocked = `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    while ((await holder.query(blocked)).rowCount === 0);
    await holder.query(`select pg_terminate_backend(pid) from (${blocked}) b`)
    await refusal
    await holder.query('rollback')
    expect(await frontier.settle([end(visit)])).toMatchObject({ refusedStale: 0 })
    // Idle ones: the pool hears of it by an event that must not end the process.
    await holder.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'warren' and datname = current_database()`,
    )
    for (let tries = 0; ; tries++) {
      try {
        expect(await frontier.totals()).toMatchObject({ openVisits: 0 })
        break
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
        expect(tries).toBeLessThan(8)
      }
    }
  })

  test('a client killed in the middle of a claim leaves nothing locked and no URL lost', async () => {
    const { frontier } = world
    await world.mutate('claim', ['return query', 'perform pg_advisory_xact_lock_shared(99); return query'])
    const crawl = await startCrawl(frontier, [A, `${A}b`])
    await claimPages(frontier).then(([visit]) => frontier.release(visit?.visitId ?? ''))
    const gate = await world.session()
    await gate.query('select pg_advisory_lock(99)')
    const script = fileURLToPath(new URL('killed-client.ts', import.meta.url))
    const child = spawn(process.execPath, [script, world.url], { stdio: 'ignore' })
    while ((await gate.query(`select from pg_locks where locktype = 'advisory' and objid = 99 and not granted`)).rowCount === 0);
    child.kill('SIGKILL')
    await once(child, 'exit')
    await gate.query('select pg_advisory_unlock(99)')
    // The server ends the call by itself: it commits or not, but holds nothing afterwards.
    while ((await gate.query(`select from pg_locks where locktype = 'advisory' and objid = 7001`)).rowCount !== 0);
    await frontier.expire()
    await world.lapse()
    await frontier.expire()
    expect(await frontier.verify(crawl.id)).toEqual([])
    expect(await frontier.counts(crawl.id)).toMatchObject({ queued: 2, leased: 0 })
    expect(await claimPages(frontier)).toHaveLength(1)
  })

  test('text from the web may hold U+0000 and lone surrogates', async () => {
    const { frontier } = world
    const crawl = await frontier.createCrawl({ name: 'n\0\ud800', config: FAST })
    expect(await frontier.crawl('n\0\ud800')).toMatchObject({ id: crawl.id, name: 'n\ufffd' })
    await frontier.addRoots(crawl.id, ['r\0'])
    expect(await frontier.roots(crawl.id)).toEqual(new Set(['r']))
    await frontier.seed(crawl.id, [candidate(A), candidate(`${A}b`), candidate(`${A}c`)])
    await frontier.transition(crawl.id, 'start')
    const { url, ...visit } = await onePage(frontier)
    const [, second, third] = visit.work.kind === 'pages' ? visit.work.urls : []
    if (second === undefined || third === undefined) throw new Error('three URLs were seeded')
    const ugly = 'x\0y\udfffz\\u0000'
    const odd = { ...candidate(`${A}d`, 1), url: `${A}d\0\ud800` as never }
    await frontier.settle([
      settled(visit, url, {
        ...done([odd], { contentType: ugly, location: ugly, etag: ugly, lastModified: ugly }),
        facts: {
          encoding: ugly,
          title: ugly,
          lang: ugly,
          canonical: ugly,
          noindex: false,
          nofollow: false,
          linksDropped: 0,
          parseError: null,
        },
      } as never),
      settled(visit, second, { kind: 'failed', code: ugly, detail: ugly }),
      settled(visit, third, { kind: 'excluded', rule: ugly, detail: ugly }),
      end(visit, { trouble: { kind: 'refusing', code: ugly, baseMs: 1, maxMs: 1, jitter: 1, floorMs: 0, throttled: false } }),
    ])
    const kept = 'xy\ufffdz\\u0000'
    const { rows } = await frontier.catalog(crawl.id, null, 10)
    expect(rows[0]).toMatchObject({ title: kept, contentType: kept, location: kept, lang: kept, canonical: kept, encoding: kept })
    expect(await frontier.results(crawl.id)).toEqual({ statuses: { 200: 1 }, failures: { [kept]: 1 }, exclusions: { [kept]: 1 } })
    expect(await frontier.verify(crawl.id)).toEqual([])
  })

  test('catalog: a row is shown only when nothing can appear before it any more; pages follow each other without a gap', async () => {
    const { frontier } = world
    const crawl = await startCrawl(
      frontier,
      Array.from({ length: 7 }, (_, index) => `${A}${index}`),
    )
    const { url: _, ...visit } = await onePage(frontier)
    const urls = visit.work.kind === 'pages' ? visit.work.urls : []
    const slow = await world.session()
    await slow.query('begin')
    await slow.query('select pg_current_xact_id()') // an older transaction that may still write
    await frontier.settle(urls.slice(0, 4).map((url) => settled(visit, url, done())))
    expect(await frontier.catalog(crawl.id, null, 10)).toEqual({ rows: [], cursor: null })
    await slow.query('commit')
    await frontier.settle(urls.slice(4).map((url) => settled(visit, url, done())))
    const seen: string[] = []
    let cursor = null
    for (;;) {
      const page = await frontier.catalog(crawl.id, cursor, 3)
      if (page.rows.length === 0) break
      seen.push(...page.rows.map((row) => row.url))
      cursor = page.cursor
    }
    expect(seen).toEqual(urls.map((url) => url.url))
    expect((await frontier.catalog(crawl.id, null, 1)).rows[0]).toEqual({
      pass: 1,
      changed: null,
      usage: null,
      tx: expect.stringMatching(/^\d+$/),
      seq: expect.stringMatching(/^\d+$/),
      url: urls[0]?.url,
      status: 200,
      depth: 0,
      referrer: null,
      contentType: 'text/html',
      title: null,
      lang: null,
      canonical: null,
      encoding: null,
      noindex: null,
      nofollow: null,
      parseError: null,
      bodyBytes: 100,
      wireBytes: 50,
      digest: 'ab'.repeat(32),
      truncated: null,
      location: null,
      links: 0,
      attempt: 1,
      fetchedAt: '2026-11-23T10:00:00.123Z',
      firstByteMs: 5,
      totalMs: 9,
    })
  })

  test('crawls: names are unique, a paused crawl is not claimed, a changed configuration wakes what slept', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, [A], { depthByLevel: true })
    await expect(frontier.createCrawl({ name: crawl.name, config: FAST })).rejects.toMatchObject({ code: 'ERR_CRAWL_CONFLICT' })
    expect(await frontier.transition(crawl.id, 'pause')).toBe('paused')
    expect(await frontier.claim(LEASE)).toEqual([])
    await expect(frontier.transition(crawl.id, 'start')).rejects.toMatchObject({ code: 'ERR_CRAWL_CONFLICT' })
    await expect(frontier.transition(999, 'start')).rejects.toMatchObject({ code: 'ERR_CRAWL_CONFLICT' })
    await frontier.transition(crawl.id, 'resume')
    await frontier.seed(crawl.id, [candidate('http://deep.test/', 3)])
    expect((await claimPages(frontier)).map(({ hostKey }) => hostKey)).toEqual(['http://a.test:80'])
    await frontier.setConfig(crawl.id, { ...crawl.config, depthByLevel: false })
    expect((await claimPages(frontier)).map(({ hostKey }) => hostKey)).toEqual(['http://deep.test:80'])
    expect(await frontier.crawls('unfinished')).toMatchObject([{ id: crawl.id, config: { depthByLevel: false } }])
  })
})
