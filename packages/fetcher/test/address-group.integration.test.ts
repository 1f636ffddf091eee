import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { Harness, policy, resolveVisit, robotsVisit, visitOf } from './harness.ts'
import { RawServer, reply } from './raw-server.ts'

const ONE = '127.0.0.1/32'
const TWO = '127.0.0.2/32'
const NAMES: Record<string, readonly string[]> = {
  'one.test': ['127.0.0.1'],
  'both.test': ['127.0.0.1', '127.0.0.2'],
  'shared.test': ['127.0.0.1', '127.0.0.2'],
  'dead-first.test': ['127.0.0.9', '127.0.0.2'],
  'dead-between.test': ['127.0.0.1', '127.0.0.9', '127.0.0.2'],
  'dead-last.test': ['127.0.0.1', '127.0.0.2', '127.0.0.9'],
  'dead.test': ['127.0.0.9'],
  'private.test': ['169.254.169.254', '10.0.0.1'],
  'public.test': ['2606:4700:10::1', '93.184.215.14'],
}
/** Two servers on one port of two addresses. */
let one: RawServer
let two: RawServer
let fetcher: Harness
beforeAll(async () => {
  one = await RawServer.start(({ socket }) => socket.write(reply('<p>one')))
  two = await RawServer.start(({ socket }) => socket.write(reply('<p>two')), '127.0.0.2', one.port)
  fetcher = await Harness.start({
    lookup: async (name) => {
      const addresses = NAMES[name]
      if (addresses === undefined) throw Object.assign(new Error(name), { code: name.startsWith('servfail') ? 'ESERVFAIL' : 'ENOTFOUND' })
      return { addresses, ttlMs: 60_000 }
    },
  })
})
afterAll(async () => {
  for (const part of [fetcher, one, two]) await part[Symbol.asyncDispose]()
})
beforeEach(() => {
  for (const server of [one, two]) {
    server.seen.length = 0
    server.connections = 0
  }
})
const at = (host: string) => `http://${host}:${one.port}`
const visit = (host: string, changes = {}) => fetcher.visit(visitOf(at(host), ['/1', '/2', '/3'], changes))
/** A visit's connections are at hand for the next one when its role is done with it, shortly after its end was told. */
const done = () => vi.waitFor(async () => expect(await fetcher.metric('open_visits')).toBe(0))
const connections = () => [one.connections, two.connections]

describe('A visit of an address group', () => {
  test('dials only the addresses of it', async () => {
    const { end, pages } = await visit('both.test', { addressGroup: TWO })
    expect(end).toMatchObject({ ending: 'finished', report: { requests: 3, addressGroup: TWO } })
    expect(pages).toHaveLength(3)
    expect([one.seen.length, two.seen.length]).toEqual([0, 3])
  })

  test.each([
    ['with one request at a time', { delayMs: 0, width: 1 }],
    ['with several', { delayMs: 0, width: 3 }],
    ['at a pace', { delayMs: 1_000, width: 2 }],
  ])('makes no request when the name leads elsewhere, and says where: %s', async (_, pace) => {
    const before = await fetcher.metric('elsewhere_visits_total')
    const { end, pages, outcomes } = await visit('one.test', { addressGroup: TWO, pace })
    expect(end.of === 'visit' && end.unfetched.toSorted()).toEqual([1, 2, 3])
    expect(end).toMatchObject({
      ending: 'stopped',
      report: { requests: 0, addressGroup: ONE, answered: false, unreachable: null, meanExchangeMs: null },
    })
    expect([pages, outcomes]).toEqual([[], []])
    expect(connections()).toEqual([0, 0])
    expect(await fetcher.metric('elsewhere_visits_total')).toBe(before + 1)
  })

  test('does so for robots.txt', async () => {
    const { end } = await fetcher.visit(robotsVisit(at('one.test'), { addressGroup: TWO }))
    expect(end).toMatchObject({ of: 'visit', ending: 'stopped', unfetched: [], report: { requests: 0, addressGroup: ONE } })
    const { end: there } = await fetcher.visit(robotsVisit(at('one.test'), { addressGroup: ONE }))
    expect(there).toMatchObject({ of: 'robots', result: { status: 200 }, report: { requests: 1, addressGroup: ONE } })
    expect(connections()).toEqual([1, 0])
  })

  test('does so for an address in the URL and one of the resolve map', async () => {
    const resolve = { 'inside.test': '127.0.0.2' }
    for (const [host, addressGroup, end] of [
      ['127.0.0.1', TWO, { ending: 'stopped', report: { requests: 0, addressGroup: ONE } }],
      ['127.0.0.1', ONE, { ending: 'finished', report: { requests: 3, addressGroup: ONE } }],
      ['inside.test', ONE, { ending: 'stopped', report: { requests: 0, addressGroup: TWO } }],
      ['inside.test', TWO, { ending: 'finished', report: { requests: 3, addressGroup: TWO } }],
    ] as const)
      expect((await visit(host, { addressGroup, policy: policy({ resolve }) })).end, `${host} ${addressGroup}`).toMatchObject(end)
  })

  test('has the group of a link for IPv6', async () => {
    await using six = await RawServer.start(({ socket }) => socket.write(reply('<p>six')), '::1')
    expect((await fetcher.visit(visitOf(six.origin, ['/'], { addressGroup: '::/64' }))).end).toMatchObject({
      ending: 'finished',
      report: { addressGroup: '::/64' },
    })
    expect((await fetcher.visit(visitOf(six.origin, ['/'], { addressGroup: ONE }))).end).toMatchObject({
      ending: 'stopped',
      report: { addressGroup: '::/64' },
    })
    expect(six.seen).toHaveLength(1)
  })

  test('asks the guard first: where it refuses all, each URL is denied whatever the group', async () => {
    const { end, outcomes } = await visit('one.test', { addressGroup: TWO, policy: policy({ allowAddresses: ['127.0.0.2/32'] }) })
    expect(outcomes.map(({ result }) => result)).toEqual(Array(3).fill({ kind: 'denied', by: 'private-address', address: '127.0.0.1' }))
    expect(end).toMatchObject({ ending: 'finished', report: { requests: 0, addressGroup: ONE } })
  })

  test('takes an address that the guard refuses for none', async () => {
    const guarded = policy({ allowAddresses: ['127.0.0.2/32'] })
    expect((await visit('both.test', { addressGroup: ONE, policy: guarded })).end).toMatchObject({
      ending: 'stopped',
      report: { requests: 0, addressGroup: TWO },
    })
    expect(connections()).toEqual([0, 0])
  })

  test('of a host that cannot be resolved is unreachable as any other, and says no group', async () => {
    const { end, outcomes } = await visit('nobody.test', { addressGroup: TWO })
    expect(outcomes).toMatchObject([{ url: { id: 1 }, result: { code: 'dns-not-found' } }])
    expect(end).toMatchObject({ ending: 'stopped', unfetched: [2, 3], report: { unreachable: 'dns-not-found', addressGroup: null } })
  })

  test('that cannot be connected to names the next group of the name, in a circle', async () => {
    for (const [host, next] of [
      ['dead-first.test', TWO],
      ['dead-between.test', TWO],
      ['dead-last.test', ONE],
      ['dead.test', '127.0.0.9/32'],
    ] as const)
      expect((await visit(host, { addressGroup: '127.0.0.9/32' })).end, host).toMatchObject({
        ending: 'stopped',
        unfetched: [2, 3],
        report: { requests: 0, unreachable: 'connect-refused', addressGroup: next },
      })
    expect(connections()).toEqual([0, 0])
  })

  test('stays where it is when the connection fails of something else', async () => {
    const plain = createServer((socket) => void socket.end('no TLS')).listen(0, '127.0.0.2')
    await once(plain, 'listening')
    const address = plain.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const visit = visitOf(`https://both.test:${port}`, ['/'], { addressGroup: TWO })
    expect((await fetcher.visit(visit)).end).toMatchObject({ report: { unreachable: 'tls', addressGroup: TWO } })
    plain.close()
  })
})

describe('A visit of no group', () => {
  test('dials any address, and says the group of the one that answered', async () => {
    expect((await visit('dead-first.test')).end).toMatchObject({ ending: 'finished', report: { requests: 3, addressGroup: TWO } })
    expect((await visit('both.test')).end).toMatchObject({ ending: 'finished', report: { requests: 3, addressGroup: ONE } })
  })

  test('says the group of a connection that it found open', async () => {
    await visit('one.test')
    await done()
    expect((await visit('one.test')).end).toMatchObject({ report: { addressGroup: ONE } })
    expect(connections()).toEqual([1, 0])
  })
})

test('A connection into one group serves no visit of another one, and the next visit of its own', async () => {
  const groups = [ONE, TWO, ONE, TWO]
  for (const addressGroup of groups) {
    const { end, pages } = await visit('shared.test', { addressGroup })
    expect(end).toMatchObject({ ending: 'finished', report: { addressGroup } })
    expect(pages.map(({ body }) => Buffer.from(body).toString())).toEqual(Array(3).fill(addressGroup === ONE ? '<p>one' : '<p>two'))
    await done()
  }
  expect((await visit('shared.test')).end).toMatchObject({ report: { addressGroup: ONE } })
  expect(connections()).toEqual([2, 1])
})

describe('A visit that only resolves', () => {
  test.each([
    ['http://one.test', ONE],
    ['https://both.test:8443', ONE],
    ['http://public.test', '2606:4700:10::/64'],
    ['http://127.0.0.2', TWO],
    ['http://[2001:db8::5]', '2001:db8::/64'],
    ['http://inside.test', '192.0.2.7/32'],
    // Refused by the guard: its URLs find out one by one.
    ['http://private.test', '169.254.169.254/32'],
  ])('%s makes no connection and says %s', async (hostKey, addressGroup) => {
    const changes = { policy: policy({ contact: 'me@example.org', resolve: { 'inside.test': '192.0.2.7' } }) }
    expect((await fetcher.visit(resolveVisit(hostKey, changes))).end).toEqual({
      ...{ v: 1, type: 'outcome', of: 'visit', crawlId: 1, hostId: 1, visitId: expect.any(String), ending: 'finished', unfetched: [] },
      report: { requests: 0, meanExchangeMs: null, throttled: null, unreachable: null, answered: false, addressGroup },
    })
    expect(connections()).toEqual([0, 0])
  })

  test('passes over an address that the guard refuses when another one may be dialled', async () => {
    const changes = { policy: policy({ allowAddresses: ['127.0.0.2/32'] }) }
    expect((await fetcher.visit(resolveVisit(at('both.test'), changes))).end).toMatchObject({ report: { addressGroup: TWO } })
  })

  test.each([
    ['http://nobody.test', 'dns-not-found'],
    ['http://servfail.test', 'dns-failed'],
    ['http://wrong.test', 'dns-failed'],
  ])('%s says why it could not: %s', async (hostKey, unreachable) => {
    const changes = { policy: policy({ resolve: { 'wrong.test': 'example.org' } }) }
    expect((await fetcher.visit(resolveVisit(hostKey, changes))).end).toMatchObject({
      ending: 'finished',
      report: { requests: 0, unreachable, addressGroup: null },
    })
  })

  describe('with a resolver that does not answer', () => {
    const silent = () => Harness.start({ lookup: () => new Promise(() => {}) })

    test('has the time to connect, and no more, whatever the run time of the visit', async () => {
      await using fetcher = await silent()
      expect((await fetcher.visit(resolveVisit('http://slow.test', { runMs: 50, policy: policy({ connectMs: 100 }) }))).end).toMatchObject({
        ending: 'finished',
        report: { unreachable: 'dns-failed', addressGroup: null },
      })
    })

    test('stops when it is recalled, when its crawl is paused, and when the role drains', async () => {
      await using fetcher = await silent()
      const stops = [
        (visitId: string) => fetcher.control('running', [visitId]),
        () => fetcher.control('paused'),
        async () => fetcher.shutdown.drain(),
      ]
      for (const stop of stops) {
        await fetcher.control('running')
        const visit = resolveVisit('http://slow.test')
        const visited = fetcher.visit(visit)
        await vi.waitFor(async () => expect(await fetcher.metric('open_visits')).toBe(1))
        await stop(visit.visitId)
        expect((await visited).end).toMatchObject({ ending: 'stopped', unfetched: [], report: { unreachable: null, addressGroup: null } })
        await vi.waitFor(async () => expect(await fetcher.metric('open_visits')).toBe(0))
      }
    })
  })

  test('overtakes a page that waits for its lookup', async () => {
    const begun: string[] = []
    const gates = Array.from({ length: 3 }, () => Promise.withResolvers<void>())
    await using bounded = await Harness.start({
      config: { DNS_CONCURRENCY: 1 },
      lookup: async (name) => {
        await gates[begun.push(name) - 1]?.promise
        return { addresses: ['127.0.0.9'], ttlMs: 0 }
      },
    })
    const first = bounded.visit(visitOf('http://first.test:1', ['/']))
    await vi.waitFor(() => expect(begun).toEqual(['first.test']))
    const page = bounded.visit(visitOf('http://page.test:1', ['/']))
    await vi.waitFor(async () => expect(await bounded.metrics.text()).toContain('dns_lookups{answer="misses",role="test"} 2'))
    const ended = [first, page, bounded.visit(resolveVisit('http://new.test:1'))]
    await vi.waitFor(async () => expect(await bounded.metrics.text()).toContain('dns_lookups{answer="misses",role="test"} 3'))
    for (const gate of gates) gate.resolve()
    await Promise.all(ended)
    expect(begun).toEqual(['first.test', 'new.test', 'page.test'])
  })

  test('of no host is dead-lettered', async () => {
    await using fetcher = await Harness.start()
    await fetcher.broker.publish(resolveVisit('one.test'))
    const reason = expect.stringContaining('it is no host key')
    await vi.waitFor(async () => expect(await fetcher.broker.deadLetters(1)).toMatchObject([{ queue: 'visits', reason }]))
  })
})
