import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { hostname } from 'node:os'
import { sleep } from '@warren/async'
import { type Broker, createInProcessBroker } from '@warren/broker'
import { CrawlError, type Message, type Visit } from '@warren/protocol'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Harness, policy, resolveVisit, robotsVisit, visitOf } from './harness.ts'
import { head, RawServer, reply, type Seen } from './raw-server.ts'

/** Answers to the requests of a test; what is not answered waits for the test to do it. */
let answering: (seen: Seen) => void
let server: RawServer
let written: number[]
const onWritten = (): void => void written.push(performance.now())
beforeEach(async () => {
  answering = ({ socket }) => socket.write(reply('<p>page'))
  server = await RawServer.start((seen) => answering(seen))
  written = []
  subscribe('undici:client:sendHeaders', onWritten)
})
afterEach(async () => {
  unsubscribe('undici:client:sendHeaders', onWritten)
  await server[Symbol.asyncDispose]()
})

const paths = (count: number) => Array.from({ length: count }, (_, index) => `/${index + 1}`)
const visit = (count: number, changes: Partial<Visit> = {}) => visitOf(server.origin, paths(count), changes)
const pace = (delayMs: number, width = 1) => ({ pace: { delayMs, width } })
const gaps = (times: readonly number[]) => times.slice(1).map((time, index) => time - (times[index] ?? 0))
const seen = (count: number) => vi.waitFor(() => expect(server.seen.length).toBeGreaterThanOrEqual(count), { interval: 2, timeout: 5_000 })
/** A broker of which a test replaces parts. */
const changed = (broker: Broker, changes: Partial<Broker>): Broker =>
  new Proxy(broker, {
    get: (target, name) => {
      const value: unknown = Reflect.get(name in changes ? changes : target, name, name in changes ? changes : target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

describe('Pace', () => {
  test('starts are at least the delay apart, measured when the request is written', async () => {
    await using fetcher = await Harness.start()
    const { end, pages } = await fetcher.visit(visit(6, pace(60)))
    expect(end).toMatchObject({
      ending: 'finished',
      unfetched: [],
      report: { requests: 6, answered: true, throttled: null, unreachable: null },
    })
    expect(pages).toHaveLength(6)
    for (const gap of gaps(written)) expect(gap).toBeGreaterThanOrEqual(60)
    expect(Math.max(...gaps(written))).toBeLessThan(200)
  })

  test('the time to connect does not count: the next start waits for the one before to be written', async () => {
    await using fetcher = await Harness.start({
      lookup: async () => {
        await sleep(150)
        return { addresses: ['127.0.0.1'], ttlMs: 0 }
      },
    })
    answering = ({ socket }) => socket.end(reply('<p>page', { headers: ['content-type: text/html', 'connection: close'] }))
    const slow = visitOf(`http://slow.test:${server.port}`, paths(4), pace(60, 4))
    await fetcher.visit(slow)
    expect(written).toHaveLength(4)
    for (const gap of gaps(written)) expect(gap).toBeGreaterThanOrEqual(60)
  })

  test('starts of a wide visit are the delay apart too, and its exchanges overlap', async () => {
    await using fetcher = await Harness.start()
    answering = ({ socket, path }) => void setTimeout(() => socket.write(reply('<p>page')), path === '/1' ? 0 : 90)
    await fetcher.visit(visit(6, pace(40, 3)))
    expect(written).toHaveLength(6)
    for (const gap of gaps(written)) expect(gap).toBeGreaterThanOrEqual(40)
    expect(server.connections).toBeGreaterThan(1)
  })

  test('a slow host is asked at most half of the time', async () => {
    await using fetcher = await Harness.start()
    answering = ({ socket }) => void setTimeout(() => socket.write(reply('<p>page')), 100)
    await fetcher.visit(visit(3, pace(20)))
    for (const gap of gaps(written)) expect(gap).toBeGreaterThanOrEqual(195)
  })

  test('without a delay as many requests are in flight as the visit is wide, and no more', async () => {
    await using fetcher = await Harness.start()
    let now = 0
    let most = 0
    answering = ({ socket }) => {
      most = Math.max(most, ++now)
      setTimeout(() => {
        now--
        socket.write(reply('<p>page'))
      }, 10)
    }
    const { pages } = await fetcher.visit(visit(30, pace(0, 5)))
    expect(most).toBe(5)
    expect(new Set(pages.map(({ url }) => url.id)).size).toBe(30)
    expect(server.connections).toBe(5)
  })

  test('no more are in flight than the process may have, over all visits', async () => {
    await using fetcher = await Harness.start({ config: { FETCH_CONCURRENCY: 2 } })
    await using other = await RawServer.start((seen) => answering(seen))
    let now = 0
    let most = 0
    answering = ({ socket }) => {
      most = Math.max(most, ++now)
      setTimeout(() => {
        now--
        socket.write(reply('<p>page'))
      }, 5)
    }
    await Promise.all([fetcher.visit(visit(10, pace(0, 4))), fetcher.visit(visitOf(other.origin, paths(10), pace(0, 4)))])
    expect(most).toBe(2)
  })
})

describe('A visit is not run', () => {
  test('before the first control message', async () => {
    await using fetcher = await Harness.start({ state: null })
    const visited = fetcher.visit(visit(1))
    await sleep(50) // nothing is to happen, so there is no event to wait for
    expect(server.seen).toHaveLength(0)
    expect((await fetcher.broker.depths()).visits).toBe(1)
    await fetcher.control('running')
    expect((await visited).end).toMatchObject({ ending: 'finished' })
  })

  test.each(['created', 'paused', 'cancelling', 'completed', null] as const)('while its crawl is %s', async (state) => {
    await using fetcher = await Harness.start({ state })
    if (state === null) await fetcher.control(null)
    expect((await fetcher.visit(visit(3))).end).toMatchObject({
      ending: 'stopped',
      unfetched: [1, 2, 3],
      report: { requests: 0, meanExchangeMs: null },
    })
    expect((await fetcher.visit(robotsVisit(server.origin))).end).toMatchObject({ of: 'visit', ending: 'stopped', unfetched: [] })
    expect(server.connections).toBe(0)
  })

  test('when it was recalled before it came: it is given back', async () => {
    await using fetcher = await Harness.start()
    const recalled = [visit(2), robotsVisit(server.origin), resolveVisit(server.origin)]
    await fetcher.control(
      'running',
      recalled.map(({ visitId }) => visitId),
    )
    for (const each of recalled)
      expect((await fetcher.visit(each)).end).toMatchObject({
        of: 'visit',
        ending: 'stopped',
        unfetched: each === recalled[0] ? [1, 2] : [],
        report: { requests: 0, addressGroup: null },
      })
    expect(server.connections).toBe(0)
    expect((await fetcher.visit(visit(1))).end).toMatchObject({ ending: 'finished' })
  })

  test('a second time: a redelivered one comes back abandoned', async () => {
    const broker = createInProcessBroker()
    const first = Promise.withResolvers<void>()
    const died = new AbortController()
    const victim = await broker.consume('visits', { prefetch: 1 }, async () => {
      first.resolve()
      await once(died.signal, 'abort')
      return 'requeue'
    })
    const lost = visit(2)
    await broker.publish(lost)
    await first.promise
    died.abort()
    await victim[Symbol.asyncDispose]()
    await using fetcher = await Harness.start({ broker })
    const { end } = await fetcher.ended(lost)
    expect(end).toMatchObject({ ending: 'abandoned', unfetched: [1, 2] })
    expect(await fetcher.metric('redelivered_visits_total')).toBe(1)
    expect(server.connections).toBe(0)
  })

  test('with URLs of another host: it is dead-lettered', async () => {
    await using fetcher = await Harness.start()
    await fetcher.broker.publish({ ...visit(1), hostKey: 'http://other.test:80' })
    await vi.waitFor(async () =>
      expect(await fetcher.broker.deadLetters(1)).toMatchObject([
        { queue: 'visits', reason: expect.stringContaining('ERR_MESSAGE_INVALID') },
      ]),
    )
    expect(server.connections).toBe(0)
  })
})

describe('A visit stops', () => {
  test('when its crawl is paused, in under a second, however long its pace', async () => {
    await using fetcher = await Harness.start()
    const visited = fetcher.visit(visit(3, pace(5_000)))
    await seen(1)
    const paused = performance.now()
    await fetcher.control('paused')
    expect((await visited).end).toMatchObject({ ending: 'stopped', unfetched: [2, 3] })
    expect(performance.now() - paused).toBeLessThan(500)
    expect((await visited).pages).toHaveLength(1)
  })

  test('when it is recalled, and another one of its crawl goes on', async () => {
    await using fetcher = await Harness.start()
    await using other = await RawServer.start((seen) => answering(seen))
    let answer = () => {}
    answering = ({ socket, path }) => {
      const write = () => void socket.write(reply(`<p>${path}`))
      if (path === '/in-flight') answer = write
      else write()
    }
    const paced = visit(3, pace(5_000))
    const busy = visitOf(server.origin, ['/in-flight', '/2'], { hostId: 2 })
    const untouched = visitOf(other.origin, ['/1', '/2'], { hostId: 3, ...pace(400) })
    const visited = [paced, busy, untouched].map((each) => fetcher.visit(each))
    await seen(2)
    await vi.waitFor(() => expect(other.seen).toHaveLength(1))
    const recalled = performance.now()
    await fetcher.control('running', [paced.visitId, busy.visitId])
    expect((await visited[0])?.end).toMatchObject({ ending: 'stopped', unfetched: [2, 3] })
    expect(performance.now() - recalled).toBeLessThan(500)
    answer()
    expect(await visited[1]).toMatchObject({ end: { ending: 'stopped', unfetched: [2] }, pages: [{ url: { id: 1 } }] })
    expect((await visited[2])?.end).toMatchObject({ ending: 'finished' })
    expect(server.seen).toHaveLength(2)
  })

  test('for good when it is recalled, also when the next control message does not say so any more', async () => {
    await using fetcher = await Harness.start()
    const recalled = visit(3, pace(300))
    const visited = fetcher.visit(recalled)
    await seen(1)
    await Promise.all([fetcher.control('running', [recalled.visitId]), fetcher.control('running')])
    expect((await visited).end).toMatchObject({ ending: 'stopped', unfetched: [2, 3] })
    expect(server.seen).toHaveLength(1)
  })

  test('but not because its crawl spends the last of its budget', async () => {
    await using fetcher = await Harness.start()
    const visited = fetcher.visit(visit(3, pace(30)))
    await seen(1)
    await fetcher.control('finishing')
    expect((await visited).end).toMatchObject({ ending: 'finished' })
  })

  test('at the end of its run time, counted from its delivery, and as soon as the next start would be later', async () => {
    await using fetcher = await Harness.start()
    const started = performance.now()
    const { end } = await fetcher.visit(visit(20, { ...pace(100), runMs: 350 }))
    expect(end).toMatchObject({ ending: 'stopped', unfetched: expect.arrayContaining([20]) })
    expect(performance.now() - started).toBeLessThan(350)
    expect(server.seen.length).toBeGreaterThanOrEqual(2)
    expect(server.seen.length).toBeLessThanOrEqual(4)
  })

  test('a request that was let go in time, but connects too late, is not written', async () => {
    await using fetcher = await Harness.start({
      lookup: async () => {
        await sleep(300)
        return { addresses: ['127.0.0.1'], ttlMs: 0 }
      },
    })
    const { end, outcomes } = await fetcher.visit(visitOf(`http://slow.test:${server.port}`, ['/1'], { runMs: 100 }))
    expect(end).toMatchObject({ ending: 'stopped', unfetched: [1], report: { requests: 0 } })
    expect(outcomes).toEqual([])
    expect(server.seen).toEqual([])
  })

  test("when the broker has been silent for a heartbeat: it may be somebody else's by now", async () => {
    let silentMs = 0
    const broker = changed(createInProcessBroker({ heartbeatMs: 1_000 }), { silentMs: () => silentMs })
    await using fetcher = await Harness.start({ broker })
    const visited = fetcher.visit(visit(3, pace(50)))
    await seen(1)
    silentMs = 1_000
    expect((await visited).end).toMatchObject({ ending: 'stopped', unfetched: [2, 3] })
    expect(server.seen).toHaveLength(1)
  })

  test.each([['429 Slow down'], ['503 Busy']])('at a %s, and tells for how long', async (status) => {
    await using fetcher = await Harness.start()
    answering = ({ socket, path }) => socket.write(path === '/2' ? reply('', { status, headers: ['retry-after: 120'] }) : reply('<p>page'))
    const { end, pages, outcomes } = await fetcher.visit(visit(4))
    expect(end).toMatchObject({
      ending: 'stopped',
      unfetched: [3, 4],
      report: { answered: true, throttled: { status: Number(status.slice(0, 3)), retryAfterMs: 120_000 } },
    })
    expect([pages.length, outcomes.length]).toEqual([1, 1])
    expect(await fetcher.metric('throttled_total')).toBe(1)
  })

  test('when the role drains: what is in flight is finished and published', async () => {
    const fetcher = await Harness.start()
    let answer = () => {}
    answering = ({ socket }) => {
      answer = () => void socket.write(reply('<p>late'))
    }
    const visited = fetcher.visit(visit(3))
    await seen(1)
    fetcher.shutdown.drain()
    answer()
    expect(await visited).toMatchObject({ end: { ending: 'stopped', unfetched: [2, 3] }, pages: [{ url: { id: 1 } }] })
    await fetcher.role
    await fetcher.broker.publish(visit(1))
    expect((await fetcher.broker.depths()).visits).toBe(1)
    await fetcher[Symbol.asyncDispose]()
  })

  test('when the role is aborted: at once, without a word', async () => {
    const fetcher = await Harness.start()
    answering = () => {}
    let ended = false
    void fetcher.visit(visit(3, pace(0, 2))).then(() => {
      ended = true
    })
    await seen(2)
    const aborted = performance.now()
    fetcher.shutdown.abort()
    await fetcher.role
    expect(performance.now() - aborted).toBeLessThan(500)
    await vi.waitFor(() => expect(server.closed).toHaveLength(2))
    expect(ended).toBe(false)
    expect((await fetcher.broker.depths()).visits).toBe(1) // given back
    await fetcher[Symbol.asyncDispose]()
  })
})

describe('Publishing', () => {
  const refusal = () => new CrawlError('ERR_BROKER_REFUSED', 'full')
  const away = () => new CrawlError('ERR_BROKER_UNAVAILABLE', 'away')

  test('while a page is refused no request starts, and none is lost', async () => {
    const inner = createInProcessBroker()
    let full = true
    const broker = changed(inner, {
      publish: async (message: Message, options) => {
        if (full && message.type === 'page') throw refusal()
        return inner.publish(message, options)
      },
    })
    await using fetcher = await Harness.start({ broker })
    const visited = fetcher.visit(visit(20, pace(0, 3)))
    await seen(3)
    await vi.waitFor(async () => expect(await fetcher.metric('refused_publishes_total')).toBeGreaterThan(5))
    expect(server.seen.length).toBeLessThanOrEqual(6)
    full = false
    const { pages, end } = await visited
    expect(new Set(pages.map(({ url }) => url.id)).size).toBe(20)
    expect(pages).toHaveLength(20)
    expect(end).toMatchObject({ ending: 'finished' })
  })

  test('tells who runs a visit, once, and not of one that is given back', async () => {
    await using fetcher = await Harness.start()
    for (const each of [visit(2), robotsVisit(server.origin), resolveVisit(server.origin)])
      expect((await fetcher.visit(each)).starts).toMatchObject([{ of: 'start', worker: `${hostname()}:${process.pid}` }])
    await fetcher.control('paused')
    expect((await fetcher.visit(visit(1))).starts).toEqual([])
  })

  test.each([
    ['refuses', refusal],
    ['is away for', away],
  ])('runs a visit although the broker %s the word of who does', async (_, error) => {
    const inner = createInProcessBroker()
    const broker = changed(inner, {
      publish: async (message: Message, options) => {
        if (message.type === 'outcome' && message.of === 'start') throw error()
        return inner.publish(message, options)
      },
    })
    await using fetcher = await Harness.start({ broker })
    expect(await fetcher.visit(visit(2))).toMatchObject({ starts: [], end: { ending: 'finished' } })
    await vi.waitFor(async () => expect(await fetcher.metric('open_visits')).toBe(0))
    expect(fetcher.logs.join()).not.toContain('given up')
    expect(await fetcher.metric('refused_publishes_total')).toBe(0)
  })

  test('the end of a visit comes after all its results are confirmed', async () => {
    const inner = createInProcessBroker()
    const order: string[] = []
    const broker = changed(inner, {
      publish: async (message: Message, options) => {
        if (message.type === 'page') await sleep(message.url.id === 1 ? 80 : 1)
        await inner.publish(message, options)
        order.push(message.type === 'page' ? `page ${message.url.id}` : message.type)
      },
    })
    await using fetcher = await Harness.start({ broker })
    await fetcher.visit(visit(3))
    expect(order.filter((entry) => entry !== 'control' && entry !== 'visit').slice(-2)).toEqual(['page 1', 'outcome'])
    expect(order).toEqual(expect.arrayContaining(['page 2', 'page 3']))
  })

  test('is bounded: with so many bytes unconfirmed no request starts', async () => {
    const inner = createInProcessBroker()
    const held: (() => void)[] = []
    const broker = changed(inner, {
      publish: async (message: Message, options) => {
        if (message.type === 'page') await new Promise<void>((resolve) => held.push(resolve))
        return inner.publish(message, options)
      },
    })
    answering = ({ socket }) => socket.write(reply('x'.repeat(10_000)))
    await using fetcher = await Harness.start({ broker, config: { UNCONFIRMED_BYTES: 25_000 } })
    const visited = fetcher.visit(visit(6))
    await vi.waitFor(() => expect(held).toHaveLength(2))
    await sleep(50) // nothing is to happen
    expect(server.seen).toHaveLength(3) // two wait for their confirm, the third for room
    while ((await Promise.race([visited, sleep(5)])) === undefined) held.shift()?.()
    expect((await visited).pages).toHaveLength(6)
  })

  test('a broker that is away is tried again within the time of the visit, and then the visit is given up', async () => {
    const inner = createInProcessBroker()
    let left = 2
    const broker = changed(inner, {
      publish: async (message: Message, options) => {
        if (message.type !== 'visit' && message.type !== 'control' && left-- > 0) throw away()
        return inner.publish(message, options)
      },
    })
    await using fetcher = await Harness.start({ broker, config: { PUBLISH_GRACE_MS: 1 } })
    expect((await fetcher.visit(visit(1))).end).toMatchObject({ ending: 'finished' })
    left = Number.POSITIVE_INFINITY
    await fetcher.broker.publish(visit(2, { runMs: 200 }))
    await vi.waitFor(() => expect(fetcher.logs.join()).toContain('visit given up'), { timeout: 3_000 })
    await vi.waitFor(() => expect(inner.stats.acked).toBeGreaterThanOrEqual(2))
    expect(await inner.deadLetters(1)).toEqual([])
  })

  test('a page that no broker takes is recorded without its links', async () => {
    const inner = createInProcessBroker()
    const broker = changed(inner, {
      publish: async (message: Message, options) => {
        if (message.type === 'page') throw new CrawlError('ERR_MESSAGE_INVALID', 'too large')
        return inner.publish(message, options)
      },
    })
    await using fetcher = await Harness.start({ broker })
    expect(await fetcher.visit(visit(1))).toMatchObject({
      pages: [],
      outcomes: [{ facts: null, result: { status: 200 } }],
      end: { ending: 'finished' },
    })
  })
})

describe('robots.txt', () => {
  test('comes as base64 with the report, whatever its type', async () => {
    await using fetcher = await Harness.start()
    answering = ({ socket }) =>
      socket.write(reply('User-agent: *', { headers: ['content-type: application/octet-stream', 'cache-control: max-age=90'] }))
    const { end } = await fetcher.visit(robotsVisit(server.origin))
    expect(end).toMatchObject({
      of: 'robots',
      askingHostId: 7,
      hop: 0,
      result: { status: 200, maxAgeMs: 90_000, truncated: null },
      report: { requests: 1, answered: true },
    })
    expect(end.of === 'robots' && Buffer.from(end.body ?? '', 'base64').toString()).toBe('User-agent: *')
    expect(server.seen[0]?.head).toMatch(/^GET \/robots\.txt HTTP\/1\.1\r\n/)
  })
  test('is read up to 512 KiB', async () => {
    await using fetcher = await Harness.start()
    answering = ({ socket }) => socket.write(reply('#'.repeat(2_000_000), { headers: ['content-type: text/plain'] }))
    const { end } = await fetcher.visit(robotsVisit(server.origin))
    expect(end).toMatchObject({ result: { truncated: 'body-limit', bodyBytes: 524_288 } })
    expect(end.of === 'robots' && Buffer.from(end.body ?? '', 'base64').length).toBe(524_288)
  })
  test('has no body unless it is a 2xx; a redirect is told and not followed', async () => {
    await using fetcher = await Harness.start()
    answering = ({ socket }) => socket.write(reply('moved', { status: '302 Found', headers: ['location: //other.test/robots.txt'] }))
    expect((await fetcher.visit(robotsVisit(server.origin))).end).toMatchObject({
      result: { status: 302, location: 'http://other.test/robots.txt' },
      body: null,
    })
    answering = ({ socket }) => socket.write(reply('none', { status: '404 None' }))
    expect((await fetcher.visit(robotsVisit(server.origin))).end).toMatchObject({ result: { status: 404 }, body: null })
    answering = ({ socket }) => socket.write(reply('', { headers: [] }))
    expect((await fetcher.visit(robotsVisit(server.origin))).end).toMatchObject({ result: { status: 200 }, body: '' })
    expect(server.seen).toHaveLength(3)
  })
  test('throttling and failures are in its report', async () => {
    await using fetcher = await Harness.start()
    answering = ({ socket }) => socket.write(reply('', { status: '429 Slow', headers: ['retry-after: 3'] }))
    expect((await fetcher.visit(robotsVisit(server.origin))).end).toMatchObject({
      report: { throttled: { status: 429, retryAfterMs: 3_000 } },
    })
    answering = ({ socket }) => socket.destroy()
    expect((await fetcher.visit(robotsVisit(server.origin))).end).toMatchObject({
      result: { kind: 'unreachable', code: 'reset' },
      body: null,
    })
  })
})

describe('Connections', () => {
  test('one that its server closed when the next request came costs no attempt', async () => {
    await using fetcher = await Harness.start()
    answering = ({ socket, connection, path }) => (connection === 1 && path === '/2' ? socket.destroy() : socket.write(reply('<p>page')))
    const { pages, end } = await fetcher.visit(visit(3, pace(30)))
    expect(pages).toHaveLength(3)
    expect(server.paths()).toEqual(['/1', '/2', '/2', '/3'])
    expect(end).toMatchObject({ report: { requests: 4 } })
    for (const gap of gaps(written)) expect(gap).toBeGreaterThanOrEqual(30)
  })
  test('one that dies of every request of a URL costs that URL an attempt, after two', async () => {
    await using fetcher = await Harness.start()
    answering = ({ socket, path }) => (path === '/2' ? socket.destroy() : socket.write(reply('<p>page')))
    const { outcomes } = await fetcher.visit(visit(3))
    expect(outcomes).toMatchObject([{ url: { id: 2 }, result: { kind: 'unreachable', code: 'reset' } }])
    expect(server.paths()).toEqual(['/1', '/2', '/2', '/3'])
  })
  test('nothing of a host is kept beyond the keep-alive time', async () => {
    await using fetcher = await Harness.start({ config: { KEEP_ALIVE_MS: 60 } })
    await fetcher.visit(visit(4, pace(0, 2)))
    expect(await fetcher.metric('connected_hosts')).toBe(1)
    await vi.waitFor(() => expect(server.closed.length).toBe(server.connections))
    await vi.waitFor(async () => expect(await fetcher.metric('connected_hosts')).toBe(0))
  })
  test('a limit on bandwidth holds, and is not taken for a slow server', async () => {
    await using fetcher = await Harness.start({ config: { FETCH_RATE_BYTES: 400_000, RATE_GRACE_MS: 1 } })
    answering = ({ socket }) => socket.write(reply('x'.repeat(150_000)))
    const started = performance.now()
    const { pages } = await fetcher.visit(visit(3, { policy: policy({ minBytesPerSecond: 10_000_000, exchangeMs: 200 }) }))
    expect(pages.map(({ result }) => [result.bodyBytes, result.truncated])).toEqual(Array(3).fill([150_000, null]))
    expect(performance.now() - started).toBeGreaterThan(((450_000 - 100_000) / 400_000) * 1_000 - 50)
  })
})

test('Metrics count what happened', async () => {
  await using fetcher = await Harness.start()
  answering = ({ socket, path }) =>
    path === '/2'
      ? socket.write(head(['location: /x', 'content-length: 0'], '301 Moved'))
      : socket.write(reply(path === '/3' ? '' : '<p>page', { status: path === '/3' ? '404 No' : '200 OK' }))
  await fetcher.visit(visit(3))
  fetcher.shutdown.drain()
  await fetcher.role // the end of a visit counts when it is confirmed
  const lines = (await fetcher.metrics.text()).split('\n').filter((line) => line.startsWith('warren_fetcher_'))
  expect(lines).toEqual(
    expect.arrayContaining([
      'warren_fetcher_fetches_total{class="2xx",role="test"} 1',
      'warren_fetcher_fetches_total{class="3xx",role="test"} 1',
      'warren_fetcher_fetches_total{class="4xx",role="test"} 1',
      'warren_fetcher_body_bytes_total{form="wire",role="test"} 7',
      'warren_fetcher_body_bytes_total{form="decoded",role="test"} 7',
      'warren_fetcher_exchange_seconds_count{role="test"} 3',
      'warren_fetcher_visits_total{ending="finished",role="test"} 1',
      'warren_fetcher_in_flight{role="test"} 0',
    ]),
  )
})
