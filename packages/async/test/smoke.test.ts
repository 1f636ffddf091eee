import {
  Batcher,
  backoffMs,
  channel,
  chunked,
  ManualClock,
  mapConcurrent,
  mapConcurrentOrdered,
  Pacer,
  retry,
  Semaphore,
  ShutdownScope,
  StateMachine,
  select,
  sleep,
  TaskGroup,
  TokenBucket,
  toMermaid,
  watch,
  withTimeout,
  yieldNow,
} from '@warren/async'
import { expect, test } from 'vitest'

test('everything does its first step', async () => {
  const semaphore = new Semaphore(1)
  {
    using _p = await semaphore.acquire()
    expect(semaphore.available).toBe(0)
  }
  expect(semaphore.available).toBe(1)
  const { sender, receiver } = channel<number>(2)
  await sender.send(1)
  await sender.send(2)
  sender.close()
  const got: number[] = []
  for await (const n of receiver) got.push(n)
  expect(got).toEqual([1, 2])
  const w = watch('a')
  const changed = w.receiver.changed()
  w.sender.send('b')
  expect(await changed).toBe('b')
  await expect(async () => {
    await using group = new TaskGroup()
    group.spawn(async () => {
      throw new Error('x')
    })
    group.spawn((signal) => sleep(10_000, { signal }))
  }).rejects.toThrow('x')
  const out: number[] = []
  for await (const n of mapConcurrent([1, 2, 3], 2, async (n) => {
    await yieldNow()
    return n * 2
  }))
    out.push(n)
  expect(out.sort()).toEqual([2, 4, 6])
  const out2: number[] = []
  async function* src() {
    yield 1
    await yieldNow()
    yield 2
    yield 3
  }
  for await (const n of mapConcurrentOrdered(src(), 2, async (n) => {
    await yieldNow()
    return n * 2
  }))
    out2.push(n)
  expect(out2).toEqual([2, 4, 6])
  await expect(withTimeout(1, (signal) => sleep(1_000, { signal }))).rejects.toMatchObject({ name: 'TimeoutError' })
  const clock = new ManualClock()
  const pacer = new Pacer({ intervalMs: 1_000, clock })
  const times: number[] = []
  const paced = Promise.all(
    [1, 2, 3].map(async () => {
      await pacer.wait()
      times.push(clock.now())
    }),
  )
  await clock.advance(5_000)
  await paced
  expect(times).toEqual([0, 1_000, 2_000])
  const bucket = new TokenBucket({ ratePerSecond: 10, burst: 10, clock })
  await bucket.take(10)
  const t = bucket.take(5).then(() => clock.now())
  await clock.advance(1_000)
  expect(await t).toBe(5_500)
  expect(backoffMs(3, { baseMs: 100, maxMs: 10_000, random: () => 0.5 })).toBe(200)
  let n = 0
  const retried = retry(
    async () => {
      if (++n < 3) throw new Error('no')
      return n
    },
    { baseMs: 10, maxMs: 20, clock },
  )
  await clock.advance(100)
  expect(await retried).toBe(3)
  const batches: number[] = []
  await using batcher = new Batcher<number, number>({
    maxCount: 2,
    maxAgeMs: 100,
    clock,
    flush: async (items) => {
      batches.push(items.length)
      return items.map((i) => -i)
    },
  })
  const added = Promise.all([1, 2, 3].map((i) => batcher.add(i)))
  await clock.advance(100)
  expect(await added).toEqual([-1, -2, -3])
  expect(batches).toEqual([2, 1])
  const shutdown = new ShutdownScope()
  shutdown.abort()
  expect(shutdown.draining.aborted).toBe(true)
  const table = { off: { on: 'on' }, on: { off: 'off' } } as const
  const machine = new StateMachine(table, 'off')
  expect(machine.step('on')).toBe('on')
  expect(() => machine.step('on')).toThrow('Cannot step from on by on to on: it is allowed from off')
  expect(toMermaid(table)).toContain('off --> on: on')
  const c = channel<string>(1)
  const picked = select({ stop: shutdown.draining, message: c.receiver, tick: (signal) => sleep(3_000, { signal }) })
  expect((await picked).branch).toBe('stop')
  const p2 = select({ message: c.receiver, tick: (signal) => sleep(30_000, { signal }) })
  await c.sender.send('hi')
  expect(await p2).toEqual({ branch: 'message', value: 'hi' })
  const chunks: number[][] = []
  for await (const ch of chunked([1, 2, 3], 2)) chunks.push(ch)
  expect(chunks).toEqual([[1, 2], [3]])
})
