import {
  Batcher,
  backoffMs,
  broadcast,
  CancelScope,
  CircuitBreaker,
  type CircuitBreakerOptions,
  channel,
  chunked,
  interval,
  KeyedRateLimiter,
  ManualClock,
  mapAll,
  mapAllOrAggregate,
  mapAllSettled,
  mapConcurrent,
  mapConcurrentOrdered,
  Pacer,
  RetryBudget,
  retry,
  Semaphore,
  ShutdownScope,
  shield,
  sleep,
  TokenBucket,
  WorkerPool,
  withTimeout,
} from '@warren/async'
import { expect, test } from 'vitest'

const batcher = (numbers: { maxCount?: number; maxAgeMs?: number; concurrency?: number }) =>
  new Batcher<number, number>({ maxCount: 1, maxAgeMs: 1, flush: async (items) => items, ...numbers })
const pool = (numbers: { concurrency?: number; maxQueued?: number; priorities?: number; headStart?: number }) =>
  new WorkerPool({ concurrency: 1, run: async (n: number) => n, ...numbers })
const breaker = (numbers: Partial<CircuitBreakerOptions>) => new CircuitBreaker({ openMs: 1, maxOpenMs: 1, ...numbers })
const clock = new ManualClock()

const counts: Record<string, (bad: number) => unknown> = {
  capacity: (bad) => channel(bad),
  'capacity (broadcast)': (bad) => broadcast(bad),
  permits: (bad) => new Semaphore(bad),
  'permits (resize)': (bad) => new Semaphore(1).resize(bad),
  weight: (bad) => new Semaphore(1).acquire({ weight: bad }),
  'weight (try)': (bad) => new Semaphore(1).tryAcquire(bad),
  limit: (bad) => mapConcurrent([], bad, async () => {}),
  'limit (ordered)': (bad) => mapConcurrentOrdered([], bad, async () => {}),
  size: (bad) => chunked([], bad).next(),
  'limit (all)': (bad) => mapAll([], bad, async () => {}),
  'limit (settled)': (bad) => mapAllSettled([], bad, async () => {}),
  'limit (aggregate)': (bad) => mapAllOrAggregate([], bad, async () => {}),
  maxCount: (bad) => batcher({ maxCount: bad }),
  concurrency: (bad) => batcher({ concurrency: bad }),
  attempt: (bad) => backoffMs(bad, { baseMs: 1, maxMs: 1 }),
  'concurrency (pool)': (bad) => pool({ concurrency: bad }),
  'concurrency (set)': (bad) => {
    pool({}).concurrency = bad
  },
  maxQueued: (bad) => pool({ maxQueued: bad }),
  priorities: (bad) => pool({ priorities: bad }),
  headStart: (bad) => pool({ headStart: bad }),
  priority: (bad) => pool({}).add(1, { priority: bad }),
  window: (bad) => breaker({ window: bad }),
  minCalls: (bad) => breaker({ minCalls: bad }),
  probes: (bad) => breaker({ probes: bad }),
  attempts: (bad) => retry(async () => {}, { attempts: bad, baseMs: 1, maxMs: 1 }),
}

const times: Record<string, (bad: number) => unknown> = {
  ms: (bad) => sleep(bad),
  'ms (manual)': (bad) => sleep(bad, { clock }),
  'ms (advance)': (bad) => clock.advance(bad),
  'ms (timeout)': (bad) => withTimeout(bad, async () => {}),
  'ms (shield)': (bad) => shield(async () => {}, { graceMs: bad }),
  'deadlineMs (scope)': (bad) => new CancelScope({ deadlineMs: bad }),
  'deadlineMs (child)': (bad) => new CancelScope({ deadlineMs: 1, clock }).child({ deadlineMs: bad }),
  graceMs: (bad) => new ShutdownScope({ graceMs: bad }),
  'graceMs (child)': (bad) => new ShutdownScope().child({ graceMs: bad }),
  everyMs: (bad) => interval({ everyMs: bad, missed: 'skip', clock }),
  firstMs: (bad) => interval({ everyMs: 1, missed: 'skip', firstMs: bad, clock }),
  intervalMs: (bad) => new Pacer({ intervalMs: bad }),
  'ms (defer)': (bad) => new Pacer({ intervalMs: 1 }).defer(bad),
  maxAgeMs: (bad) => batcher({ maxAgeMs: bad }),
  baseMs: (bad) => backoffMs(1, { baseMs: bad, maxMs: 1 }),
  maxMs: (bad) => backoffMs(1, { baseMs: 1, maxMs: bad }),
  deadlineMs: (bad) => retry(async () => {}, { deadlineMs: bad, baseMs: 1, maxMs: 1 }),
  ratePerSecond: (bad) => new TokenBucket({ ratePerSecond: bad, burst: 1 }),
  burst: (bad) => new TokenBucket({ ratePerSecond: 1, burst: bad }),
  'intervalMs (set)': (bad) => {
    new Pacer({ intervalMs: 1 }).intervalMs = bad
  },
  'ratePerSecond (set)': (bad) => new TokenBucket({ ratePerSecond: 1, burst: 1 }).setLimit({ ratePerSecond: bad }),
  'burst (set)': (bad) => new TokenBucket({ ratePerSecond: 1, burst: 1 }).setLimit({ burst: bad }),
  'ms (defer a bucket)': (bad) => new TokenBucket({ ratePerSecond: 1, burst: 1 }).defer(bad),
  'n (try)': (bad) => new TokenBucket({ ratePerSecond: 1, burst: 1 }).tryTake(bad),
  'ratePerSecond (keyed)': (bad) => new KeyedRateLimiter({ ratePerSecond: bad, burst: 1 }),
  'burst (of a key)': (bad) => new KeyedRateLimiter<string>({ ratePerSecond: 1, burst: 1 }).setLimit('a', { ratePerSecond: 1, burst: bad }),
  'ms (defer a key)': (bad) => new KeyedRateLimiter<string>({ ratePerSecond: 1, burst: 1 }).defer('a', bad),
  'n (keyed)': (bad) => new KeyedRateLimiter<string>({ ratePerSecond: 1, burst: 1 }).take('a', bad),
  failureShare: (bad) => breaker({ failureShare: bad }),
  openMs: (bad) => breaker({ openMs: bad }),
  maxOpenMs: (bad) => breaker({ maxOpenMs: bad }),
  ratio: (bad) => new RetryBudget({ ratio: bad }),
  minPerSecond: (bad) => new RetryBudget({ minPerSecond: bad }),
  windowMs: (bad) => new RetryBudget({ windowMs: bad }),
  n: (bad) => new TokenBucket({ ratePerSecond: 1, burst: 1 }).take(bad),
}

const refusal = (name: string, bad: number) =>
  new RegExp(`^Cannot use ${name.replace(/ \(.*/, '').replace('deadlineMs', '(deadlineMs|ms)')}: ${bad} is not an? `)

test.each(Object.entries(counts))('%s: NaN, fractions, negative and infinite numbers are refused in one grammar', async (name, use) => {
  for (const bad of [Number.NaN, 0.5, -1, Number.POSITIVE_INFINITY]) {
    const call = async () => use(bad)
    await expect(call()).rejects.toThrow(RangeError)
    await expect(call()).rejects.toThrow(refusal(name, bad))
  }
})

test.each(Object.entries(times))('%s: NaN, negative and infinite numbers are refused in one grammar', async (name, use) => {
  for (const bad of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
    const call = async () => use(bad)
    await expect(call()).rejects.toThrow(RangeError)
    await expect(call()).rejects.toThrow(refusal(name, bad))
  }
})

test('a request that could never be met is refused instead of waiting for ever', async () => {
  await expect(new Semaphore(2).acquire({ weight: 3 })).rejects.toThrow('Cannot use weight: 3 is not an integer <= 2, the size')
  await expect(new TokenBucket({ ratePerSecond: 1, burst: 2 }).take(3)).rejects.toThrow('Cannot use n: 3 is not a number <= 2, the burst')
  await expect(new KeyedRateLimiter<string>({ ratePerSecond: 1, burst: 2 }).take('a', 3)).rejects.toThrow('Cannot use n: 3 is not')
  expect(() => breaker({ failureShare: 2 })).toThrow('Cannot use failureShare: 2 is not a number <= 1')
  expect(() => breaker({ window: 5, minCalls: 6 })).toThrow('Cannot use minCalls: 6 is not an integer <= 5, the window')
})
