import { type Broker, connectRabbit, type RabbitOptions } from '@warren/broker'
import { type RabbitMq, startRabbitMq } from '@warren/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { numberOf, outcome, page } from './messages.ts'
import { Door, Tally, until } from './until.ts'

/** One broker of our own: these tests do to it what others must not see. */
let rabbit: RabbitMq
let owned: AsyncDisposableStack
let declaredAt: number

beforeAll(async () => {
  rabbit = await startRabbitMq()
  await (await connectRabbit({ url: rabbit.url, name: 'test' }))[Symbol.asyncDispose]()
  declaredAt = performance.now()
})
afterAll(() => rabbit?.[Symbol.asyncDispose]())
beforeEach(() => {
  owned = new AsyncDisposableStack()
})
afterEach(() => owned.disposeAsync())

const open = async (options: Partial<RabbitOptions> = {}): Promise<Broker> =>
  owned.use(await connectRabbit({ url: rabbit.url, name: 'test', ...options }))

/** A broker takes 3 to 5 s to start, on a busy machine many times that. */
const SLOW = { timeout: 120_000 }

test('a memory alarm blocks publishing up to the deadline, never the acks, and ends', SLOW, async () => {
  const broker = await open({ publishDeadlineMs: 1_000 })
  const door = new Door()
  const seen = new Tally<number>()
  await broker.publish(page(1, 5_000))
  await broker.consume('pages', { prefetch: 10 }, async ({ message }) => {
    seen.add(numberOf(message))
    await door.passed
    return numberOf(message) === 1 ? 'ack' : { deadLetter: 'for the test' }
  })
  await seen.reaches(1)
  await rabbit.ctl(['set_vm_memory_high_watermark', '0.0001'])
  try {
    // The broker blocks a connection when it publishes; what was on its way then has an unknown fate.
    await until(async () => {
      await broker.publish(page(2, 5_000)).catch(() => {})
      return broker.state.value === 'blocked'
    })
    await expect(broker.publish(page(3))).rejects.toMatchObject({
      code: 'ERR_BROKER_UNAVAILABLE',
      message: expect.stringMatching(/blocked \(low on memory\), for 1000 ms/),
    })
    door.open()
    await until(() => broker.stats.acked === 1) // its ack goes over the other connection
    expect((await broker.depths()).visits).toBe(0)
    expect(broker.stats.blocked).toBe(1)
  } finally {
    await rabbit.ctl(['set_vm_memory_high_watermark', '0.6'])
  }
  await broker.state.waitFor((state) => state === 'connected')
  await broker.publish(page(4))
  await until(async () => (await broker.depths()).dead > 0 && (await broker.depths()).pages === 0)
  expect(seen.seen).toContain(4)
  expect(seen.seen).not.toContain(3) // a publish that waited at the gate was never written
})

test('SIGKILL of the broker: what was confirmed is delivered, consumers go on, publishers wait for it', SLOW, async () => {
  const broker = await open({ publishDeadlineMs: 60_000 })
  // 3.10 loses a quorum queue that it made less than 2 s before it is killed, with all it holds.
  await until(() => performance.now() - declaredAt > 3_000)
  const confirmed = new Set<number>()
  const seen = new Set<number>()
  const unknown: number[] = []
  const door = new Door()
  await broker.consume('outcomes', { prefetch: 50 }, async ({ message }) => {
    seen.add(numberOf(message))
    await door.passed
    return 'ack'
  })
  let killed: Promise<void> | undefined
  const publish = (n: number) =>
    broker.publish(outcome(n)).then(
      () => confirmed.add(n),
      () => unknown.push(n),
    )
  for (let n = 1; n <= 2_000; n += 100) {
    if (n === 1_001) killed = rabbit.kill() // in the middle of it
    await Promise.all(Array.from({ length: 100 }, (_, i) => publish(n + i)))
    if (killed !== undefined && n === 1_001) {
      await killed
      await broker.state.waitFor((state) => state !== 'connected')
      void rabbit.restart()
    }
  }
  door.open()
  expect(confirmed.size).toBeGreaterThanOrEqual(1_900)
  expect(unknown.length).toBeLessThanOrEqual(100) // those of the one batch; the next waited
  await until(() => confirmed.isSubsetOf(seen))
  await until(async () => (await broker.depths()).outcomes === 0)
  expect(broker.state.value).toBe('connected')
  expect(broker.stats.reconnects).toBe(2)
})

test('credentials that are taken away: a few tries, then it has failed, and says so to all', SLOW, async () => {
  const user = 'passing'
  await rabbit.ctl(['add_user', user, 's3cret'])
  await rabbit.ctl(['set_permissions', user, '.*', '.*', '.*'])
  const url = new URL(rabbit.url)
  url.username = user
  url.password = 's3cret'
  const broker = await open({ url: url.href })
  const consumer = await broker.consume('visits', { prefetch: 1 }, async () => 'ack')
  await rabbit.ctl(['delete_user', user])
  await rabbit.ctl(['close_all_connections', 'for the test'])
  await broker.state.waitFor((state) => state === 'failed')
  await until(() => consumer.failed.aborted)
  expect(consumer.failed.reason).toMatchObject({ code: 'ERR_BROKER_DENIED', message: expect.stringContaining('user "passing" is refused') })
  await until(() =>
    broker.publish(outcome(1)).then(
      () => false,
      (error: Error) => error.message.includes('is refused'),
    ),
  )
})

test('a channel that the broker closes, for a handler that took too long, is subscribed anew; nobody else notices', SLOW, async () => {
  const timeouts = (tick: number, consumer: number) =>
    rabbit.ctl([
      'eval',
      `[application:set_env(rabbit, K, V) || {K, V} <- [{channel_tick_interval, ${tick}}, {consumer_timeout, ${consumer}}]].`,
    ])
  await timeouts(200, 200)
  owned.defer(async () => void (await timeouts(60_000, 1_800_000)))
  const broker = await open()
  const seen = new Tally<[number, boolean]>()
  const door = new Door()
  await broker.consume('outcomes', { prefetch: 1 }, async ({ message, redelivered }) => {
    seen.add([numberOf(message), redelivered])
    if (!redelivered) await door.passed
    return 'ack'
  })
  await broker.publish(outcome(1))
  await seen.reaches(2)
  door.open() // its ack must not go to the new channel
  await broker.publish(outcome(2))
  await until(() => broker.stats.acked === 2)
  expect(seen.seen).toEqual([
    [1, false],
    [1, true],
    [2, false],
  ])
  expect(broker.stats).toMatchObject({ reconnects: 0, delivered: 3 })
})
