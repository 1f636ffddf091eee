import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Harness, policy, robotsVisit, visitOf } from './harness.ts'
import { RawServer, reply } from './raw-server.ts'

let server: RawServer
let fetcher: Harness
const lookups: string[] = []
const NAMES: Record<string, readonly string[]> = {
  'loopback.test': ['127.0.0.1'],
  'mixed.test': ['10.0.0.1', '127.0.0.1', '169.254.169.254'],
  'metadata.test': ['169.254.169.254'],
  'mapped.test': ['::ffff:127.0.0.1'],
  'nat64.test': ['64:ff9b::7f00:1'],
  '6to4.test': ['2002:7f00:1::'],
  'public.test': ['93.184.215.14'],
  'zone.test': ['fe80::1%lo'],
  'no-address.test': ['not an address'],
  'dead-first.test': ['127.0.0.9', '127.0.0.1'],
}
beforeAll(async () => {
  server = await RawServer.start(({ socket }) => socket.write(reply('<p>here')))
  fetcher = await Harness.start({
    lookup: async (name) => {
      lookups.push(name)
      const addresses = NAMES[name]
      if (addresses === undefined) throw Object.assign(new Error(name), { code: name.startsWith('servfail') ? 'ESERVFAIL' : 'ENOTFOUND' })
      return { addresses, ttlMs: 60_000 }
    },
  })
})
afterAll(async () => {
  await fetcher[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})
const NONE = { allowAddresses: [], contact: 'me@example.org' }
const at = (host: string) => `http://${host}:${server.port}/`
/** The result, and how many connections the server saw for it. */
async function dial(host: string, changes = {}) {
  const before = server.connections
  const { result } = await fetcher.fetch(at(host), { ...NONE, ...changes })
  return { result, connections: server.connections - before }
}

describe('Without an allow list, no loopback or private address is dialled', () => {
  test.each([
    ['127.0.0.1'],
    ['127.1'],
    ['2130706433'],
    ['0x7f000001'],
    ['0x7f.1'],
    ['017700000001'],
    ['0177.0.0.1'],
    ['127.0.0.1.'],
    ['0.0.0.0'],
    ['[::1]'],
    ['[0:0:0:0:0:0:0:1]'],
    ['[::]'],
    ['[::ffff:127.0.0.1]'],
    ['[::ffff:7f00:1]'],
    ['[64:ff9b::7f00:1]'],
    ['[2002:7f00:1::]'],
    ['[fe80::1]'],
    ['[fc00::1]'],
    ['10.0.0.1'],
    ['172.16.0.1'],
    ['192.168.1.1'],
    ['100.64.0.1'],
    ['169.254.169.254'],
    ['localhost'],
    ['LOCALHOST.'],
    ['①②⑦.⓪.⓪.①'],
  ])('%s', async (host) => {
    NAMES['localhost'] = ['127.0.0.1', '::1']
    expect(await dial(host)).toMatchObject({ result: { kind: 'denied', by: 'private-address' }, connections: 0 })
  })

  test.each(['loopback.test', 'metadata.test', 'mapped.test', 'nat64.test', '6to4.test', 'zone.test', 'no-address.test'])(
    'nor behind the name %s',
    async (host) => {
      expect(await dial(host)).toMatchObject({ result: { kind: 'denied', by: 'private-address' }, connections: 0 })
    },
  )

  test.each(['127.0.0.1', '::1', '[::1]', '::ffff:127.0.0.1', '169.254.169.254', '10.1.2.3'])(
    'nor by a resolve map to %s',
    async (address) => {
      expect(await dial('inside.test', { resolve: { 'Inside.Test.': address } })).toMatchObject({
        result: { kind: 'denied', by: 'private-address' },
        connections: 0,
      })
    },
  )

  test('nor for robots.txt', async () => {
    const { end } = await fetcher.visit(
      visitOf(server.origin, [], {
        work: { kind: 'robots', url: `${server.origin}/robots.txt`, askingHostId: 1, hop: 2 },
        policy: policy(NONE),
      }),
    )
    expect(end).toMatchObject({
      of: 'robots',
      hop: 2,
      result: { kind: 'denied', address: '127.0.0.1' },
      body: null,
      report: { requests: 0 },
    })
  })
})

test('Without a contact no public address is dialled', async () => {
  expect(await dial('public.test', { contact: null })).toMatchObject({
    result: { kind: 'denied', by: 'no-contact', address: '93.184.215.14' },
  })
  expect(await dial('8.8.8.8', { contact: null })).toMatchObject({ result: { kind: 'denied', by: 'no-contact' } })
})

describe('With an allow list', () => {
  const allowed = { allowAddresses: ['127.0.0.1/32'], contact: null }
  test('an address, a name and a resolved name of it are dialled', async () => {
    for (const host of ['127.0.0.1', '0x7f.1', 'loopback.test'])
      expect(await dial(host, allowed), host).toMatchObject({ result: { kind: 'answer', status: 200 } })
    expect(await dial('inside.test', { ...allowed, resolve: { 'inside.test': '127.0.0.1' } })).toMatchObject({
      result: { kind: 'answer' },
      connections: 1,
    })
  })
  test('of several addresses only those of it are', async () => {
    expect(await dial('mixed.test', allowed)).toMatchObject({ result: { kind: 'answer' } })
  })
  test('others are not', async () => {
    expect(await dial('127.0.0.2', allowed)).toMatchObject({ result: { kind: 'denied', address: '127.0.0.2' } })
  })
  test('a connection made under it serves no visit that has another', async () => {
    expect(await dial('loopback.test', allowed)).toMatchObject({ result: { kind: 'answer' } })
    expect(await dial('loopback.test')).toMatchObject({ result: { kind: 'denied' }, connections: 0 })
    expect(await dial('loopback.test', allowed)).toMatchObject({ result: { kind: 'answer' }, connections: 0 })
  })
})

describe('Resolving', () => {
  const allowed = { allowAddresses: ['127.0.0.0/8'] }
  test('the Host header names the host, not the address', async () => {
    await dial('loopback.test', allowed)
    expect(server.seen.at(-1)?.head).toContain(`\r\nhost: loopback.test:${server.port}\r\n`)
  })
  test('happens once, and the next address is tried when one refuses', async () => {
    lookups.length = 0
    expect(await dial('dead-first.test', allowed)).toMatchObject({ result: { kind: 'answer' } })
    expect(lookups).toEqual(['dead-first.test'])
  })
  test('a name that does not exist, and a resolver that fails, are told apart', async () => {
    expect(await dial('nobody.test')).toMatchObject({ result: { kind: 'unreachable', code: 'dns-not-found' } })
    expect(await dial('servfail.test')).toMatchObject({ result: { kind: 'unreachable', code: 'dns-failed' } })
    expect(await dial('wrong.test', { resolve: { 'wrong.test': 'example.org' } })).toMatchObject({
      result: { kind: 'unreachable', code: 'dns-failed' },
    })
  })
  test('has the time to connect, and no more', async () => {
    await using slow = await Harness.start({ lookup: () => new Promise(() => {}) })
    const { result } = await slow.fetch('http://slow.test/', { connectMs: 100 })
    expect(result).toEqual({ kind: 'unreachable', code: 'dns-failed', detail: 'no answer within 100 ms' })
  })
  test('is done for so many names at once, and first for hosts whose robots.txt is asked for', async () => {
    const begun: string[] = []
    const gates = Array.from({ length: 3 }, () => Promise.withResolvers<void>())
    await using bounded = await Harness.start({
      config: { DNS_CONCURRENCY: 1 },
      lookup: async (name) => {
        await gates[begun.push(name) - 1]?.promise
        throw Object.assign(new Error(name), { code: 'ENOTFOUND' })
      },
    })
    const visits = [
      visitOf('http://first.test', ['/']),
      visitOf('http://page.test', ['/'], { hostId: 2 }),
      robotsVisit('http://robots.test', { hostId: 3 }),
    ]
    const ended = visits.map((visit) => bounded.visit(visit))
    const asked = 'dns_lookups{answer="misses",role="test"} 3'
    await vi.waitFor(async () => expect(await bounded.metrics.text()).toContain(asked))
    expect(begun).toEqual(['first.test'])
    for (const gate of gates) gate.resolve()
    await Promise.all(ended)
    expect(begun).toEqual(['first.test', 'robots.test', 'page.test'])
  })
  test('an IP literal is never looked up', async () => {
    lookups.length = 0
    await dial('0x7f.1', allowed)
    expect(lookups).toEqual([])
  })
})

describe('Connecting', () => {
  test('refused ends the visit, and the rest comes back unfetched', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const address = closed.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    closed.close()
    const { outcomes, end } = await fetcher.visit(visitOf(`http://127.0.0.1:${port}`, ['/1', '/2', '/3']))
    expect(outcomes.map(({ result }) => result)).toMatchObject([{ kind: 'unreachable', code: 'connect-refused' }])
    expect(end).toMatchObject({
      ending: 'stopped',
      unfetched: [2, 3],
      report: { requests: 0, unreachable: 'connect-refused', meanExchangeMs: null },
    })
  })
  test('TLS to a server that speaks none fails as such, and in time', async () => {
    const { outcomes } = await fetcher.visit(
      visitOf(server.origin.replace('http:', 'https:'), ['/'], { policy: policy({ connectMs: 500 }) }),
    )
    expect(outcomes[0]?.result).toMatchObject({ kind: 'unreachable', code: expect.stringMatching(/^(?:tls|connect-timeout)$/) })
  })
})
