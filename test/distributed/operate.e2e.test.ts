import { duplicates, startWeb, tcpProxy, testDatabase, testVhost, type Web } from '@warren/testkit'
import type { HostKey } from '@warren/web'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Cluster, catalogUrls, startCluster } from '../support/cluster.ts'
import { onTerminal } from '../support/terminal.ts'
import { eventually, warren } from '../support/warren.ts'

const stack = new AsyncDisposableStack()
let cluster: Cluster
let database: Awaited<ReturnType<typeof tcpProxy>>
let broker: Awaited<ReturnType<typeof tcpProxy>>

/** The same address, through a proxy that can fail. */
async function through(address: string) {
  const url = new URL(address)
  const proxy = stack.use(await tcpProxy({ target: { host: url.hostname, port: Number(url.port) } }))
  url.port = String(proxy.port)
  return { proxy, url: url.href }
}

beforeAll(async () => {
  const [testDb, vhost] = [stack.use(await testDatabase({ allowOpenConnections: true })), stack.use(await testVhost())]
  const [toDatabase, toBroker] = [await through(testDb.url), await through(vhost.url)]
  database = toDatabase.proxy
  broker = toBroker.proxy
  cluster = stack.use(
    await startCluster({
      databaseUrl: testDb.url,
      amqpUrl: vhost.url,
      roleUrls: { DATABASE_URL: toDatabase.url, AMQP_URL: toBroker.url },
      coordinators: 2,
      fetchers: 2,
      parsers: 2,
      // Short leases: a host rests for the run time after a visit that was delivered twice, and for a lease after one that was lost.
      settings: { VISIT_QUEUE_MS: '5000', VISIT_RUN_MS: '11000', LEASE_MARGIN_MS: '4000' },
    }),
  )
})
afterAll(() => stack.disposeAsync())

afterEach(async () => {
  expect(await cluster.frontier.accountingGap()).toBe(0)
  for (const crawl of await cluster.frontier.crawls()) expect(await cluster.frontier.verify(crawl.id)).toEqual([])
  expect((await cluster.broker.depths()).dead).toBe(0)
})

const web = (pagesPerHost = 10): Promise<Web> => startWeb({ hosts: 6, addresses: 6, pagesPerHost, specials: 0 })
/** Pages of a host for a minute at a delay of 1 s: no operator is too slow to meet the crawl. */
const MINUTE = 60
const seed = (name: string, web: Web, delay = '100ms') =>
  cluster.seed(name, [String(web.roots[0]), '--scope', 'any', '--delay', delay, '--allow-address', '127.0.0.0/8'])
const operate = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await warren(args, { env: cluster.env })
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout
}
const expired = async (): Promise<number> => {
  const texts = await Promise.all(cluster.of('coordinator').map((role) => role.metrics()))
  return texts.reduce((sum, text) => sum + Number(/^warren_frontier_leases_expired_total\{[^}]*\} (\d+)/m.exec(text)?.[1]), 0)
}

test('a pause reaches working fetchers within a second, and a resumed crawl ends whole', async () => {
  await using pages = await web(MINUTE)
  const crawl = await seed('paused', pages, '1s')
  await pages.reached(15)
  expect(await operate('pause', 'paused')).toBe('paused: running -> paused\n')
  const pausedAt = performance.now()
  await eventually(
    () => cluster.frontier.counts(crawl.id),
    ({ leased, visits }) => leased === 0 && visits === 0,
  )
  const before = await pages.log()
  expect(Math.max(...before.map(({ startMs }) => startMs)) - pausedAt, 'ms to the last request').toBeLessThan(1_000)
  expect(before.length).toBeLessThan(pages.expected().answered.size)
  expect(await operate('status', 'paused')).toMatch(/paused +paused/)
  expect((await pages.log()).length).toBe(before.length)
  await seed('paused', pages, '0') // the same seed again: nothing new, but for the delay
  await operate('resume', 'paused')
  await cluster.completed(crawl)
  expect((await catalogUrls(cluster.frontier, crawl.id)).sort()).toEqual([...pages.expected().answered].sort())
  expect(duplicates(await pages.log())).toEqual([])
  expect(await expired()).toBe(0)
})

test('a cancelled crawl ends at once: nothing more is fetched, what was queued is excluded', async () => {
  await using pages = await web(MINUTE)
  const crawl = await seed('cancelled', pages, '1s')
  await pages.reached(15)
  await operate('cancel', 'cancelled')
  const cancelledAt = performance.now()
  const counts = await cluster.completed(crawl)
  expect(counts).toMatchObject({ queued: 0, leased: 0, visits: 0 })
  expect(counts.excluded).toBeGreaterThan(0)
  const log = await pages.log()
  expect(Math.max(...log.map(({ startMs }) => startMs)) - cancelledAt, 'ms to the last request').toBeLessThan(1_000)
  expect(log.length).toBeLessThan(pages.expected().answered.size)
  expect((await cluster.frontier.crawl(crawl.id))?.state).toBe('cancelled')
})

test('SIGTERM drains each role: it ends with 0, gives back what it did not request, and the others finish', async () => {
  await using pages = await web()
  const crawl = await seed('drained', pages, '200ms') // visits of seconds, which the fetcher must not wait for
  for (const [role, at] of [
    ['fetcher', 10],
    ['coordinator', 20],
    ['parser', 30],
  ] as const) {
    await pages.reached(at)
    const ended = await cluster.of(role)[0]?.stop()
    expect(ended, role).toMatchObject({ code: 0, signal: null, stderr: '' })
    expect(ended?.stdout).toContain('"msg":"drained"')
    expect(ended?.tookMs, role).toBeLessThan(8_000)
  }
  expect((await pages.log()).length).toBeLessThan(pages.expected().answered.size)
  await cluster.completed(crawl)
  expect((await catalogUrls(cluster.frontier, crawl.id)).sort()).toEqual([...pages.expected().answered].sort())
  expect(duplicates(await pages.log())).toEqual([])
  expect(await expired()).toBe(0)
  await Promise.all((['coordinator', 'fetcher', 'parser'] as const).map((role) => cluster.start(role)))
})

test('while the database is away the roles wait and say so; a drain does not wait for it; the crawl ends when it is back', async () => {
  await using pages = await web()
  const crawl = await seed('no-database', pages)
  await pages.reached(20)
  database.refuse()
  database.cut()
  const [leaving, staying] = cluster.of('coordinator')
  expect(
    await eventually(
      async () => staying?.readyz(),
      (answer) => answer?.status === 503,
    ),
  ).toMatchObject({
    body: expect.stringMatching(/Postgres/),
  })
  expect(await cluster.of('fetcher')[0]?.readyz()).toMatchObject({ status: 200 })
  expect(await leaving?.stop()).toMatchObject({ code: 0, stderr: '' })
  database.accept()
  await eventually(
    async () => staying?.readyz(),
    (answer) => answer?.status === 200,
  )
  await cluster.completed(crawl)
  expect((await catalogUrls(cluster.frontier, crawl.id)).sort()).toEqual([...pages.expected().answered].sort())
  expect(duplicates(await pages.log())).toEqual([])
})

test('while the broker is away the roles wait and say so, and the crawl ends when it is back', async () => {
  await using pages = await web()
  const crawl = await seed('no-broker', pages)
  await pages.reached(20)
  broker.refuse()
  broker.cut()
  for (const role of cluster.roles)
    expect(
      await eventually(
        () => role.readyz(),
        ({ status }) => status === 503,
      ),
    ).toMatchObject({ body: expect.stringMatching(/^broker /) })
  broker.accept()
  for (const role of cluster.roles)
    await eventually(
      () => role.readyz(),
      ({ status }) => status === 200,
    )
  await cluster.completed(crawl, 120_000)
  expect((await catalogUrls(cluster.frontier, crawl.id)).sort()).toEqual([...pages.expected().answered].sort())
})

test('a block and a pace reach working fetchers within a second, and what was blocked comes back', async () => {
  await using pages = await startWeb({ hosts: 3, pagesPerHost: 120, specials: 0 }) // minutes of work at the crawl's pace
  const crawl = await cluster.seed('hosts', [
    ...pages.roots,
    '--scope',
    'any',
    '--delay',
    '2s',
    '--address-slots',
    '0',
    '--allow-address',
    '127.0.0.0/8',
  ])
  const [first = '', second = ''] = pages.origins
  const worker = async () => (await cluster.frontier.host(first as HostKey, 0))?.host.visit?.worker
  expect(await eventually(worker, (name) => typeof name === 'string')).toMatch(/:\d+$/)
  await pages.reached(8)
  await operate('block', second, '--reason', 'asked to')
  await operate('pace', first, '--delay', '20ms')
  const blockedAt = performance.now()
  await eventually(
    async () => (await pages.log()).filter(({ host }) => host === first).length,
    (asked) => asked > 100, // at the crawl's own pace these would take minutes
    60_000,
  )
  const late = (await pages.log()).filter(({ host, startMs }) => host === second && startMs > blockedAt + 1_000)
  expect(late).toEqual([])
  expect(await operate('unblock', second)).toMatch(/ is no longer blocked, [1-9]\d* URLs? (is|are) queued again\n$/)
  for (const origin of pages.origins) await cluster.frontier.setPace(origin as HostKey, { delayMs: 20, width: null })
  await cluster.completed(crawl)
  expect((await catalogUrls(cluster.frontier, crawl.id)).sort()).toEqual([...pages.expected().answered].sort())
  expect(duplicates(await pages.log())).toEqual([])
  {
    await using asked = onTerminal(['delete', 'hosts'], { env: cluster.env })
    await asked.shows('Its name again to go on: ')
    asked.type('host\r')
    expect(await asked.ended).toMatchObject({ code: 2, output: expect.stringContaining('you wrote "host"; nothing was deleted') })
  }
  await using asked = onTerminal(['delete', 'hosts'], { env: cluster.env })
  await asked.shows(' Its name again to go on: ')
  asked.type('hosts\r')
  expect((await asked.ended).output).toMatch(/hosts is deleted: \d+ URLs, [\d.]+ [KM]B of disk are free again/)
  expect(await cluster.frontier.crawl('hosts')).toBeUndefined()
})

test('a crawl that does not move says why: no fetcher, then no coordinator', async () => {
  await using pages = await web()
  const crawl = await seed('stalled', pages, '500ms')
  await pages.reached(10)
  const gone = [...cluster.of('fetcher')]
  await Promise.all(gone.map((role) => role.stop()))
  const status = () => operate('status', 'stalled')
  await eventually(status, (text) => text.includes('stalled is stalled because no fetcher takes visits\n'))
  const coordinators = [...cluster.of('coordinator')]
  await Promise.all(coordinators.map((role) => role.kill()))
  await eventually(status, (text) => /stalled is stalled because no coordinator runs, the last one was seen \d+ s ago\n/.test(text))
  expect(await operate('explain', String(pages.roots[0]), '--crawl', 'stalled')).toMatch(/\ndone {2}status 200, /)
  await Promise.all(['coordinator', 'coordinator', 'fetcher', 'fetcher'].map((role) => cluster.start(role as 'fetcher')))
  await cluster.completed(crawl)
  expect((await catalogUrls(cluster.frontier, crawl.id)).sort()).toEqual([...pages.expected().answered].sort())
})
