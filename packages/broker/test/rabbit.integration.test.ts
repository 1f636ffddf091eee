import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { type Broker, type BrokerEvent, connectRabbit, type RabbitOptions } from '@warren/broker'
import { encode } from '@warren/protocol'
import { type TestVhost, testVhost } from '@warren/testkit'
import { type Channel, connect } from 'amqplib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { numberOf, outcome, page, visit } from './messages.ts'
import { startRelay } from './relay.ts'
import { Door, Tally, until } from './until.ts'

let vhost: TestVhost
let prefix: string
let owned: AsyncDisposableStack

beforeAll(async () => {
  vhost = await testVhost()
})
afterAll(() => vhost?.[Symbol.asyncDispose]())
beforeEach(() => {
  prefix = `t${randomBytes(4).toString('hex')}`
  owned = new AsyncDisposableStack()
})
afterEach(() => owned.disposeAsync())

const QUICK = { attempts: 3, baseMs: 1, maxMs: 5 }

const open = async (options: Partial<RabbitOptions> = {}): Promise<Broker> =>
  owned.use(await connectRabbit({ url: vhost.url, name: 'test', prefix, retry: QUICK, ...options }))

/** A client without our rules. */
async function rawChannel(): Promise<Channel> {
  const connection = owned.adopt(await connect(vhost.url), (connection) => connection.close())
  return connection.createChannel()
}

describe('bad input', () => {
  const failure = (url: string) => connectRabbit({ url, name: 'test', prefix, connectMs: 2_000 }).then(() => undefined, fault)
  const fault = (error: { code: string; message: string; cause?: unknown }) => ({
    code: error.code,
    message: error.message,
    all: everything(error),
  })
  const everything = (error: { message: string; cause?: unknown }) =>
    `${error.message} ${error.cause} ${JSON.stringify(error.cause ?? null)}`

  test('an unreachable broker: where, why, what to do', async () => {
    const error = await failure('amqp://user:s3cret@127.0.0.1:1/')
    expect(error).toMatchObject({
      code: 'ERR_BROKER_UNAVAILABLE',
      message: 'Cannot connect to RabbitMQ at 127.0.0.1:1: connection refused; start RabbitMQ there or correct AMQP_URL',
    })
    expect(error?.all).not.toContain('s3cret')
  })

  test('a host name that does not exist', async () => {
    const error = await failure('amqp://user:s3cret@no-such-host.invalid/')
    expect(error?.code).toBe('ERR_BROKER_UNAVAILABLE')
    expect(error?.message).toMatch(/at no-such-host\.invalid:5672: the host name (does not exist|cannot be resolved)/)
    expect(error?.all).not.toContain('s3cret')
  })

  test('a wrong password', async () => {
    const url = new URL(vhost.url)
    url.password = 's3cret'
    const error = await failure(url.href)
    expect(error?.code).toBe('ERR_BROKER_DENIED')
    expect(error?.message).toContain(`at ${url.host}: user "${url.username}" is refused`)
    expect(error?.all).not.toContain('s3cret')
  })

  test('a virtual host that does not exist', async () => {
    const url = new URL(vhost.url)
    url.pathname = '/no%2Fsuch'
    const error = await failure(url.href)
    expect(error?.code).toBe('ERR_BROKER_DENIED')
    expect(error?.message).toContain('virtual host "no/such" does not exist')
    expect(error?.all).not.toContain(url.password)
  })

  test.each(['', 'nonsense', 'http://user:s3cret@host/', 'amqp://', 'amqp://user:s3cret%zz@host/'])(
    'a URL that is none: %s',
    async (url) => {
      const error = await failure(url)
      expect(error?.code).toBe('ERR_CONFIG_INVALID')
      expect(error?.message).toContain('AMQP_URL')
      expect(error?.all).not.toContain('s3cret')
    },
  )

  test('something that is not RabbitMQ', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {}) // a connection that was cut
      socket.resume().end('220 smtp ready\r\n')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    owned.defer(() => new Promise<void>((resolve) => void server.close(() => resolve())))
    const address = server.address()
    const error = await failure(`amqp://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`)
    expect(error?.code).toBe('ERR_BROKER_UNAVAILABLE')
    expect(error?.message).toContain('is it RabbitMQ that listens there?')
  })

  test('queues that exist with other settings: which queue, which setting', async () => {
    await open()
    const error = await connectRabbit({ url: vhost.url, name: 'test', prefix, pagesMaxBytes: 1 }).then(() => undefined, fault)
    expect(error?.code).toBe('ERR_CONFIG_INVALID')
    expect(error?.message).toContain(`inequivalent arg 'x-max-length-bytes' for queue '${prefix}.pages'`)
  })

  test('a start that is cancelled leaves nothing open', async () => {
    const controller = new AbortController()
    const starting = connectRabbit({ url: vhost.url, name: 'test', prefix }, { signal: controller.signal })
    controller.abort(new Error('never mind'))
    await expect(starting).rejects.toThrow('never mind')
  })

  test('a start that fails or is cancelled waits for nobody: both connections are gone at once', async () => {
    const sockets: Socket[] = []
    const connected = new Tally()
    const server = createServer((socket) => {
      socket.on('error', () => {}) // cut
      sockets.push(socket.resume())
      connected.add()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    owned.defer(() => void server.close())
    const address = server.address()
    const url = `amqp://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
    const reason = new Error('never mind')
    for (const end of ['refused', 'cancelled'] as const) {
      const controller = new AbortController()
      const starting = connectRabbit({ url, name: 'test', prefix, connectMs: 60_000 }, { signal: controller.signal }).catch(
        (error: unknown) => error,
      )
      await connected.reaches(end === 'refused' ? 2 : 4) // both; neither is answered
      const pair = sockets.splice(0)
      const gone = Promise.all(pair.map((socket) => once(socket, 'close')))
      if (end === 'refused') pair[0]?.end('220 smtp ready\r\n')
      else controller.abort(reason)
      const error = await starting
      if (end === 'refused') expect(error).toMatchObject({ code: 'ERR_BROKER_UNAVAILABLE' })
      else expect(error).toBe(reason)
      await gone
    }
  })
})

describe('poison', () => {
  test.each([
    ['bytes that are no message', Buffer.from('garbage'), /^ERR_MESSAGE_INVALID: .* bytes are shorter/],
    ['an empty message', Buffer.alloc(0), /^ERR_MESSAGE_INVALID/],
    ['an unknown version', header({ v: 99, type: 'page' }), /^ERR_MESSAGE_VERSION: .*version 99/],
    ['an unknown type', header({ v: 1, type: 'pudding' }), /^ERR_MESSAGE_INVALID: .*"pudding"/],
    ['a message of another queue', encode(visit(1)), /^ERR_MESSAGE_INVALID: .*visit message: queue pages is not for it/],
  ])('%s is dead-lettered with the reason and its bytes, and the queue goes on', async (_what, content, reason) => {
    const broker = await open()
    const raw = await rawChannel()
    const seen = new Tally<number>()
    raw.sendToQueue(`${prefix}.pages`, content, { persistent: true })
    await broker.consume('pages', { prefetch: 1 }, async ({ message }) => {
      seen.add(numberOf(message))
      return 'ack'
    })
    await broker.publish(page(7))
    await seen.reaches(1)
    expect(seen.seen).toEqual([7])
    await until(() => broker.stats.deadLettered === 1)
    const [letter] = await broker.deadLetters(10)
    expect(letter).toMatchObject({ queue: 'pages' })
    expect(letter?.reason).toMatch(reason)
    expect(Buffer.from(letter?.bytes ?? []).equals(content)).toBe(true)
  })

  test('a control that cannot be read is told of and ignored', async () => {
    const events = new Tally<BrokerEvent>()
    const broker = await open({ onEvent: (event) => void (event.type === 'control-ignored' && events.add(event)) })
    const heard = new Tally<number>()
    await broker.onControl(({ crawls }) => heard.add(crawls.length))
    const raw = await rawChannel()
    raw.publish(`${prefix}.control`, '', Buffer.from('garbage'))
    await events.reaches(1)
    await broker.publish({ v: 1, type: 'control', crawls: [], recalled: [] })
    await heard.reaches(1)
  })

  test('a message given back for ever ends as a dead letter, named by the broker', async () => {
    const broker = await open()
    await broker.publish(outcome(1))
    await broker.consume('outcomes', { prefetch: 1 }, async () => 'requeue')
    await until(async () => (await broker.depths()).dead === 1)
    expect(await broker.deadLetters(1)).toMatchObject([{ reason: 'delivery_limit', queue: 'outcomes' }])
    expect(broker.stats.delivered).toBe(51)
  })
})

describe('topology', () => {
  test('a message that no queue takes is unroutable; the queue is made again', async () => {
    const broker = await open()
    const raw = await rawChannel()
    await raw.deleteQueue(`${prefix}.visits`)
    await expect(broker.publish(visit(1))).rejects.toMatchObject({ code: 'ERR_BROKER_UNROUTABLE', disposition: 'retry' })
    expect(broker.stats).toMatchObject({ returned: 1, confirmed: 0 })
    await until(() =>
      broker.publish(visit(2)).then(
        () => true,
        () => false,
      ),
    )
  })

  test('a consumer whose queue is deleted is subscribed to the new one', async () => {
    const events = new Tally<BrokerEvent>()
    const broker = await open({ onEvent: (event) => events.add(event) })
    const seen = new Tally<number>()
    await broker.consume('outcomes', { prefetch: 2 }, async ({ message }) => {
      seen.add(numberOf(message))
      return 'ack'
    })
    const raw = await rawChannel()
    await raw.deleteQueue(`${prefix}.outcomes`)
    await until(() => events.seen.some(({ type }) => type === 'resubscribed'))
    await broker.publish(outcome(5))
    await seen.reaches(1)
  })
})

describe('connections that break', () => {
  test('unjudged messages come again as redelivered, consumers and controls go on, verdicts of the lost connection change nothing', async () => {
    const relay = owned.use(await startRelay(vhost.url))
    const broker = await open({ url: relay.url })
    const seen = new Tally<[number, boolean]>()
    const heard = new Tally()
    const door = new Door()
    await broker.onControl(() => heard.add())
    await broker.consume('outcomes', { prefetch: 2 }, async ({ message, redelivered }) => {
      seen.add([numberOf(message), redelivered])
      if (!redelivered) await door.passed
      return 'ack'
    })
    await broker.publish(outcome(1))
    await broker.publish(outcome(2))
    await seen.reaches(2)
    relay.cut()
    await broker.state.waitFor((state) => state !== 'connected')
    door.open() // these two acks have nowhere to go
    await seen.reaches(4)
    expect(seen.seen).toEqual([
      [1, false],
      [2, false],
      [1, true],
      [2, true],
    ])
    await broker.publish(outcome(3))
    await seen.reaches(5)
    await broker.publish({ v: 1, type: 'control', crawls: [], recalled: [] })
    await heard.reaches(1)
    await until(async () => broker.stats.acked === 3 && (await broker.depths()).outcomes === 0)
    expect(broker.stats).toMatchObject({ reconnects: 2, redelivered: 2 })
    expect(broker.state.value).toBe('connected')
  })

  test('a publish without its confirm is rejected when the connection is lost; one made meanwhile waits for the next', async () => {
    const relay = owned.use(await startRelay(vhost.url))
    const broker = await open({ url: relay.url })
    relay.stall()
    const first = broker.publish(outcome(1)).catch((error: unknown) => error)
    await new Promise((resolve) => setImmediate(resolve))
    relay.flow()
    relay.cut()
    expect(await first).toMatchObject({ code: 'ERR_BROKER_UNAVAILABLE', disposition: 'retry' })
    await broker.publish(outcome(2))
    expect(broker.stats.unanswered).toBe(1)
  })

  test('a publish fails at its deadline when the broker says nothing, and can be cancelled', async () => {
    const relay = owned.use(await startRelay(vhost.url))
    const broker = await open({ url: relay.url, publishDeadlineMs: 100 })
    relay.stall()
    await expect(broker.publish(outcome(1))).rejects.toMatchObject({
      code: 'ERR_BROKER_UNAVAILABLE',
      message: expect.stringContaining('no confirm, for 100 ms'),
    })
    const controller = new AbortController()
    const cancelled = broker.publish(outcome(2), { signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(cancelled).rejects.toBe(reason)
    relay.flow()
    await until(() =>
      broker.publish(outcome(3)).then(
        () => true,
        () => false,
      ),
    )
    expect(broker.stats.unanswered).toBeGreaterThanOrEqual(2)
  })

  test('silence is told by silentMs, breaks the connection after two heartbeats, and ends with the next connection', async () => {
    const relay = owned.use(await startRelay(vhost.url))
    const broker = await open({ url: relay.url, heartbeatMs: 1_000 })
    let idleMost = 0
    const end = performance.now() + 1_500
    await until(() => {
      idleMost = Math.max(idleMost, broker.silentMs())
      return performance.now() > end
    })
    expect(idleMost).toBeLessThan(1_000)
    relay.stall()
    await until(() => broker.silentMs() > 1_000)
    expect(broker.state.value).toBe('connected') // the fence stands before anybody knows
    await broker.state.waitFor((state) => state !== 'connected')
    relay.flow()
    await broker.state.waitFor((state) => state === 'connected')
    await until(() => broker.silentMs() < 1_000)
  })
})

function header(json: object): Buffer {
  const text = Buffer.from(JSON.stringify(json))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text])
}
