import { type BreakerStep, ManualClock } from '@warren/async'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Lookup, type NameServersOptions, nameLookup } from '../src/name-servers.ts'
import { NameServer, type Says } from './name-server.ts'

const SYSTEM = { addresses: ['192.0.2.99'], ttlMs: 1 }
const V6 = '2001:db8:0:0:0:0:0:1'

let owned: AsyncDisposableStack
beforeEach(() => {
  owned = new AsyncDisposableStack()
})
afterEach(() => owned.disposeAsync())

async function scene(says: Says, options: NameServersOptions = {}) {
  const server = owned.use(await NameServer.start(says))
  const clock = new ManualClock()
  const story: string[] = []
  const system: string[] = []
  const lookup = nameLookup({
    servers: [server.address],
    timeoutMs: 20,
    system: async (name) => {
      system.push(name)
      return SYSTEM
    },
    onChange: ({ event }: BreakerStep) => story.push(event),
    clock,
    random: () => 1,
    ...options,
  })
  return { server, clock, story, system, lookup }
}

async function askMany(lookup: Lookup, count: number, prefix = 'name'): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => lookup(`${prefix}${i}.test`)))
}

describe('Name servers', () => {
  test('are asked for both kinds of addresses, IPv4 comes first, the shorter TTL counts', async () => {
    const { lookup, system } = await scene({ v4: '192.0.2.1', v6: V6, ttl: 300 })
    expect(await lookup('both.test')).toEqual({ addresses: ['192.0.2.1', '2001:db8::1'], ttlMs: 300_000 })
    expect(system).toEqual([])
  })

  test('that answer for one kind only are enough', async () => {
    expect(await (await scene({ v6: V6 })).lookup('six.test')).toMatchObject({ addresses: ['2001:db8::1'] })
    const { lookup, story } = await scene({ v4: '192.0.2.1', v6: 'silence' }, { timeoutMs: 2_000 })
    const before = performance.now()
    for (let i = 0; i < 12; i++) expect(await lookup(`four${i}.test`)).toMatchObject({ addresses: ['192.0.2.1'] })
    expect(performance.now() - before).toBeLessThan(12 * 2_000) // each waits 50 ms for the other kind, not for its time-out
    expect(story).toEqual([])
  })

  test('that do not know a name leave it to the system, and are asked on: it is an answer', async () => {
    for (const says of ['nxdomain', {}] as const) {
      const { lookup, server, system, story } = await scene(says)
      await askMany(lookup, 30)
      expect(system).toHaveLength(30)
      expect(new Set(server.asked).size).toBe(30)
      expect(story).toEqual([])
    }
  })

  test.each(['silence', 'servfail', 'refused'] as const)(
    'that fail by %s are left alone after ten names, and the system is asked at once',
    async (says) => {
      const { lookup, server, system, story } = await scene(says)
      await askMany(lookup, 10)
      expect(story).toEqual(['trip'])
      const { length } = server.asked
      expect(length).toBeGreaterThanOrEqual(10)
      await askMany(lookup, 20, 'later')
      expect(server.asked).toHaveLength(length)
      expect(system).toHaveLength(30)
      expect(await lookup('last.test')).toEqual(SYSTEM)
    },
  )

  test('that nobody serves count as failed too', async () => {
    const server = await NameServer.start('silence')
    const { address } = server
    await server[Symbol.asyncDispose]()
    const { lookup, story } = await scene('silence', { servers: [address] })
    await askMany(lookup, 10)
    expect(story).toEqual(['trip'])
  })

  test('are tried by one name when their time has come, and asked again when that went well', async () => {
    const { lookup, server, clock, story, system } = await scene('silence')
    await askMany(lookup, 10)
    await clock.advance(5_000)
    await lookup('still-silent.test')
    expect(story).toEqual(['trip', 'probe', 'relapse'])
    server.says = { v4: '192.0.2.1' }
    await clock.advance(9_999)
    expect(await lookup('too-early.test')).toEqual(SYSTEM)
    await clock.advance(1)
    expect(await lookup('probe.test')).toMatchObject({ addresses: ['192.0.2.1'] })
    expect(story).toEqual(['trip', 'probe', 'relapse', 'probe', 'recover'])
    const { length } = system
    await askMany(lookup, 5, 'again')
    expect(system).toHaveLength(length)
  })
})

// RFC 6761, 6.3 and 6.4: neither goes to a name server.
test('localhost is the loopback and .invalid does not exist, without asking anybody', async () => {
  const { lookup, server } = await scene('silence')
  for (const name of ['localhost', 'a.localhost']) expect((await lookup(name)).addresses).toEqual(['127.0.0.1', '::1'])
  await expect(lookup('x.invalid')).rejects.toMatchObject({ code: 'ENOTFOUND' })
  expect(server.asked).toEqual([])
})
