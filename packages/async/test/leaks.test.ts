import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  Batcher,
  broadcast,
  CancelScope,
  CircuitBreaker,
  channel,
  chunked,
  interval,
  join,
  KeyedRateLimiter,
  ManualClock,
  mapAll,
  mapConcurrent,
  oneshot,
  Pacer,
  ResourceScope,
  RetryBudget,
  race,
  retry,
  Semaphore,
  ShutdownScope,
  select,
  shield,
  sleep,
  TaskGroup,
  TaskTracker,
  TokenBucket,
  tryJoin,
  WorkerPool,
  watch,
  whenAborted,
  withTimeout,
  yieldIfDue,
} from '@warren/async'
import { expect, test } from 'vitest'
import { listenerCount, turn } from './turn.ts'

const OPERATIONS = 1_000_000
/** The second half is measured in parts: a leak grows in each of them, what the engine does now and then in some. */
const PARTS = 4
/** What the heap may grow by in all parts but one: 24 bytes an operation of one primitive would be more. */
const FLAT_BYTES = 96 * 1_024

setFlagsFromString('--expose-gc')
setFlagsFromString('--no-flush-bytecode') // else the engine lets go of a megabyte of its own in some part
const collectGarbage = runInNewContext('gc') as () => void

/** One object for the whole test, used again and again, each time with the same long-lived signal. */
function workload(signal: AbortSignal, clock: ManualClock): readonly (() => unknown)[] {
  const semaphore = new Semaphore(1)
  const full = channel<number>(1)
  const news = broadcast<number>(4)
  const reader = news.subscribe()
  const state = watch(0)
  const pacer = new Pacer({ intervalMs: 0, clock })
  const bucket = new TokenBucket({ ratePerSecond: 1_000_000, burst: 1_000_000, clock })
  const keyed = new KeyedRateLimiter<number>({ ratePerSecond: 1_000, burst: 10, clock })
  const breaker = new CircuitBreaker({ openMs: 5, maxOpenMs: 5, clock })
  const budget = new RetryBudget({ clock })
  const pool = new WorkerPool<number, number>({ concurrency: 2, priorities: 2, run: async (n) => n })
  const batcher = new Batcher<number, number>({ maxCount: 1, maxAgeMs: 0, flush: async (items) => items, clock })
  const tracker = new TaskTracker({ onError: () => {} })
  const shutdown = new ShutdownScope()
  const ticker = interval({ everyMs: 1, missed: 'burst', clock })
  const nothing = async () => {}
  let n = 0
  return [
    async () => {
      using _held = await semaphore.acquire({ signal })
      const waiting = new AbortController()
      const turnedAway = semaphore.acquire({ signal: waiting.signal })
      waiting.abort('enough')
      await turnedAway.catch(() => {})
    },
    async () => {
      const waiting = full.receiver.recv({ signal })
      await full.sender.send(1, { signal })
      await waiting
    },
    async () => {
      const { sender, receiver } = oneshot<number>()
      const waiting = receiver.recv({ signal })
      sender.send(1)
      await waiting
    },
    async () => {
      const waiting = reader.recv({ signal })
      news.send(1)
      await waiting
    },
    async () => {
      const waiting = state.receiver.changed({ signal })
      state.sender.send(++n)
      await waiting
    },
    () => full.sender.send(2).then(() => select({ full: full.receiver, stop: signal }, { signal })),
    () => select({ quick: nothing, slow: (signal) => whenAborted(signal).then(() => {}) }, { signal }),
    () => withTimeout(1_000, nothing, { signal, clock }),
    () => withTimeout(1_000, () => Promise.reject(new Error('no')), { signal, clock }).catch(() => {}),
    () => pacer.wait({ signal }),
    () => bucket.take(1, { signal }),
    () => keyed.take(n++ % 10_000, 1, { signal }),
    () => breaker.run(nothing, { signal }),
    () => retry(nothing, { baseMs: 1, maxMs: 1, budget, signal, clock }),
    () => pool.add(1, { signal, priority: 1 }),
    () => batcher.add(1, { signal }),
    () => tracker.track(nothing),
    () => shutdown.child({ graceMs: 5, clock })[Symbol.dispose](),
    async () => {
      using scope = new CancelScope({ signal, deadlineMs: 5, clock })
      using _child = scope.child({ deadlineMs: 1 })
    },
    async () => {
      await using scope = new ResourceScope()
      await scope.acquire(async () => ({ [Symbol.dispose]() {} }), { signal })
    },
    async () => {
      await using group = new TaskGroup({ signal })
      group.spawn(nothing)
    },
    () => tryJoin([nothing, nothing], { signal }),
    () => join([nothing, nothing], { signal }),
    () => race([nothing, nothing], { signal }),
    () => mapAll([1, 2], 2, nothing, { signal }),
    async () => {
      for await (const _ of mapConcurrent([1, 2], 2, nothing, { signal })) break
    },
    async () => {
      for await (const _ of chunked([1, 2], 1, { signal })) break
    },
    () => shield(nothing, { graceMs: 5, clock }),
    () => yieldIfDue({ signal }),
    async () => {
      const cut = new AbortController()
      const waits = [
        sleep(5, { signal: cut.signal, clock }),
        ticker.tick({ signal: cut.signal }),
        whenAborted(signal, { signal: cut.signal }),
      ]
      cut.abort('enough')
      await Promise.allSettled(waits)
    },
  ]
}

test('a million operations leave no listener, no timer and a flat heap behind', async () => {
  const { signal } = new AbortController()
  const clock = new ManualClock()
  const steps = workload(signal, clock)
  const runs = Math.ceil(OPERATIONS / steps.length)
  const heapAfter = async (count: number) => {
    for (let i = 0; i < count; i++) {
      for (const step of steps) await step()
      if (i % 256 === 0) await turn()
    }
    await turn()
    collectGarbage()
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  let before = await heapAfter(runs / 2) // by then everything is compiled, and ten thousand keys are known
  const growths: number[] = []
  for (let part = 0; part < PARTS; part++) {
    const after = await heapAfter(runs / 2 / PARTS)
    growths.push(after - before)
    before = after
  }
  expect(listenerCount(signal)).toBe(0)
  expect(clock.timers).toBe(0)
  expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')).toEqual([])
  const [, growth] = growths.toSorted((a, b) => a - b)
  expect(growth, `growths: ${growths}`).toBeLessThan(FLAT_BYTES)
}, 120_000)
