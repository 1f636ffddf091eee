import {
  attempt,
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
  mapAllOrAggregate,
  mapAllSettled,
  mapConcurrent,
  mapConcurrentOrdered,
  oneshot,
  Pacer,
  ResourceScope,
  race,
  retry,
  Semaphore,
  scoped,
  select,
  sleep,
  TaskGroup,
  TaskTracker,
  TokenBucket,
  tryJoin,
  WorkerPool,
  watch,
  withTimeout,
  yieldIfDue,
  yieldNow,
} from '@warren/async'
import { describe, expect, test } from 'vitest'
import { listenerCount, turn } from './turn.ts'

/** A call that waits, and what makes it go on. */
interface Case {
  readonly wait: (signal: AbortSignal) => Promise<unknown>
  readonly proceed: () => unknown
}

const echo = async (items: readonly number[]) => items
const echoOne = async (n: number) => n
const raise = (pool: WorkerPool<number, unknown>) => {
  pool.concurrency = 1
}

const cases: Record<string, () => Promise<Case> | Case> = {
  'Clock.sleep': () => {
    const clock = new ManualClock()
    return { wait: (signal) => sleep(5, { signal, clock }), proceed: () => clock.advance(5) }
  },
  sleep: () => ({ wait: (signal) => sleep(1, { signal }), proceed: () => {} }),
  withTimeout: () => {
    const clock = new ManualClock()
    return { wait: (signal) => withTimeout(9, (signal) => sleep(5, { signal, clock }), { signal, clock }), proceed: () => clock.advance(5) }
  },
  'Semaphore.acquire': () => {
    const semaphore = new Semaphore(0)
    return { wait: (signal) => semaphore.acquire({ signal }), proceed: () => semaphore.resize(1) }
  },
  'Sender.send': () => {
    const { sender, receiver } = channel<number>(1)
    sender.trySend(0)
    return { wait: (signal) => sender.send(1, { signal }), proceed: () => receiver.tryRecv() }
  },
  'Receiver.recv': () => {
    const { sender, receiver } = channel<number>(1)
    return { wait: (signal) => receiver.recv({ signal }), proceed: () => sender.trySend(1) }
  },
  'Receiver.recv behind others': () => {
    const { sender, receiver } = channel<number>(1)
    void receiver.recv()
    void receiver.recv()
    return { wait: (signal) => receiver.recv({ signal }), proceed: () => [1, 2, 3].map((value) => sender.trySend(value)) }
  },
  'OneshotReceiver.recv': () => {
    const { sender, receiver } = oneshot<number>()
    return { wait: (signal) => receiver.recv({ signal }), proceed: () => sender.send(1) }
  },
  'BroadcastReceiver.recv': () => {
    const sender = broadcast<number>(1)
    const receiver = sender.subscribe()
    return { wait: (signal) => receiver.recv({ signal }), proceed: () => sender.send(1) }
  },
  'WatchReceiver.changed': () => {
    const { sender, receiver } = watch(0)
    return { wait: (signal) => receiver.changed({ signal }), proceed: () => sender.send(1) }
  },
  'WatchReceiver.waitFor': () => {
    const { sender, receiver } = watch(0)
    return { wait: (signal) => receiver.waitFor((value) => value === 1, { signal }), proceed: () => sender.send(1) }
  },
  TaskGroup: () => {
    const clock = new ManualClock()
    const wait = async (signal: AbortSignal) => {
      signal.throwIfAborted()
      const group = new TaskGroup({ signal })
      group.spawn((signal) => sleep(5, { signal, clock }))
      await group.join()
    }
    return { wait, proceed: () => clock.advance(5) }
  },
  'Pacer.wait': async () => {
    const clock = new ManualClock()
    const pacer = new Pacer({ intervalMs: 5, clock })
    await pacer.wait()
    return { wait: (signal) => pacer.wait({ signal }), proceed: () => clock.advance(5) }
  },
  'TokenBucket.take': async () => {
    const clock = new ManualClock()
    const bucket = new TokenBucket({ ratePerSecond: 1_000, burst: 5, clock })
    await bucket.take(5)
    return { wait: (signal) => bucket.take(5, { signal }), proceed: () => clock.advance(5) }
  },
  'KeyedRateLimiter.take': async () => {
    const clock = new ManualClock()
    const limiter = new KeyedRateLimiter<string>({ ratePerSecond: 1_000, burst: 5, clock })
    await limiter.take('a', 5)
    return { wait: (signal) => limiter.take('a', 5, { signal }), proceed: () => clock.advance(5) }
  },
  'WorkerPool.add, queued': () => {
    const pool = new WorkerPool({ concurrency: 0, run: echoOne })
    return { wait: (signal) => pool.add(1, { signal }), proceed: () => raise(pool) }
  },
  'WorkerPool.add, without room': () => {
    const pool = new WorkerPool({ concurrency: 0, maxQueued: 1, run: echoOne })
    pool.add(1)
    return { wait: (signal) => pool.add(2, { signal }), proceed: () => raise(pool) }
  },
  'WorkerPool.add, running': () => {
    const clock = new ManualClock()
    const pool = new WorkerPool({ concurrency: 1, run: (ms: number, signal) => sleep(ms, { signal, clock }) })
    return { wait: (signal) => pool.add(5, { signal }), proceed: () => clock.advance(5) }
  },
  'WorkerPool.ready': () => {
    const pool = new WorkerPool({ concurrency: 0, maxQueued: 1, run: echoOne })
    pool.add(1)
    return { wait: (signal) => pool.ready({ signal }), proceed: () => raise(pool) }
  },
  'WorkerPool.idle': () => {
    const pool = new WorkerPool({ concurrency: 0, run: echoOne })
    pool.add(1)
    return { wait: (signal) => pool.idle({ signal }), proceed: () => raise(pool) }
  },
  'WorkerPool with a signal': () => {
    const clock = new ManualClock()
    const wait = async (signal: AbortSignal) => {
      signal.throwIfAborted()
      await using pool = new WorkerPool({ concurrency: 1, run: (ms: number, signal) => sleep(ms, { signal, clock }), signal })
      await pool.add(5)
    }
    return { wait, proceed: () => clock.advance(5) }
  },
  'CircuitBreaker.run': () => {
    const clock = new ManualClock()
    const breaker = new CircuitBreaker({ openMs: 1, maxOpenMs: 1 })
    return { wait: (signal) => breaker.run(() => sleep(5, { signal, clock }), { signal }), proceed: () => clock.advance(5) }
  },
  retry: () => {
    const clock = new ManualClock()
    const wait = (signal: AbortSignal) =>
      retry(async (_, attempt) => attempt > 1 || Promise.reject(new Error('no')), { baseMs: 5, maxMs: 5, deadlineMs: 9, signal, clock })
    return { wait, proceed: () => clock.advance(5) }
  },
  'Batcher.add': () => {
    const clock = new ManualClock()
    const batcher = new Batcher<number, number>({ maxCount: 2, maxAgeMs: 5, flush: echo, clock })
    return { wait: (signal) => batcher.add(1, { signal }), proceed: () => clock.advance(5) }
  },
  'Batcher with a signal': () => {
    const clock = new ManualClock()
    const wait = async (signal: AbortSignal) => {
      signal.throwIfAborted()
      await using batcher = new Batcher<number, number>({ maxCount: 2, maxAgeMs: 5, flush: echo, clock, signal })
      await batcher.add(1)
    }
    return { wait, proceed: () => clock.advance(5) }
  },
  select: () => {
    const { sender, receiver } = channel<number>(1)
    const forever = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    return { wait: (signal) => select({ receiver, forever }, { signal }), proceed: () => sender.trySend(1) }
  },
  'select over every kind of receiver': () => {
    const { sender, receiver } = watch(0)
    const branches = {
      news: receiver,
      value: channel<number>(1).receiver,
      answer: oneshot<number>().receiver,
      told: broadcast<number>(1).subscribe(),
    }
    return { wait: (signal) => select(branches, { signal }), proceed: () => sender.send(1) }
  },
  yieldNow: () => ({ wait: (signal) => yieldNow({ signal }), proceed: () => {} }),
  chunked: () => ({ wait: async (signal) => Array.fromAsync(chunked([1, 2, 3], 1, { signal })), proceed: () => {} }),
  mapConcurrent: () => {
    const clock = new ManualClock()
    const wait = (signal: AbortSignal) =>
      Array.fromAsync(mapConcurrent([1, 2, 3], 3, (ms, signal) => sleep(ms, { signal, clock }), { signal }))
    return { wait, proceed: () => clock.advance(5) }
  },
  mapConcurrentOrdered: () => {
    const clock = new ManualClock()
    const wait = (signal: AbortSignal) =>
      Array.fromAsync(mapConcurrentOrdered([3, 2, 1], 3, (ms, signal) => sleep(ms, { signal, clock }), { signal }))
    return { wait, proceed: () => clock.advance(5) }
  },
  mapAll: () => {
    const clock = new ManualClock()
    const wait = (signal: AbortSignal) => mapAll([3, 2, 1], 2, (ms, signal) => sleep(ms, { signal, clock }), { signal })
    return { wait, proceed: () => clock.advance(5) }
  },
  mapAllSettled: () => {
    const clock = new ManualClock()
    const wait = (signal: AbortSignal) => mapAllSettled([3, 2, 1], 2, (ms, signal) => sleep(ms, { signal, clock }), { signal })
    return { wait, proceed: () => clock.advance(5) }
  },
  mapAllOrAggregate: () => {
    const clock = new ManualClock()
    const wait = (signal: AbortSignal) => mapAllOrAggregate([3, 2, 1], 2, (ms, signal) => sleep(ms, { signal, clock }), { signal })
    return { wait, proceed: () => clock.advance(5) }
  },
  join: () => {
    const clock = new ManualClock()
    return { wait: (signal) => join([(signal) => sleep(5, { signal, clock })], { signal }), proceed: () => clock.advance(5) }
  },
  tryJoin: () => {
    const clock = new ManualClock()
    return { wait: (signal) => tryJoin([(signal) => sleep(5, { signal, clock })], { signal }), proceed: () => clock.advance(5) }
  },
  race: () => {
    const clock = new ManualClock()
    const sleeper = (ms: number) => (signal: AbortSignal) => sleep(ms, { signal, clock })
    return { wait: (signal) => race([sleeper(5), sleeper(50)], { signal }), proceed: () => clock.advance(5) }
  },
  attempt: () => {
    const clock = new ManualClock()
    return {
      wait: (signal) =>
        attempt(
          () => sleep(5, { signal, clock }),
          () => 'known',
          { signal },
        ),
      proceed: () => clock.advance(5),
    }
  },
  'ResourceScope.acquire': () => {
    const gate = Promise.withResolvers<Disposable>()
    const scope = new ResourceScope()
    return { wait: (signal) => scope.acquire(() => gate.promise, { signal }), proceed: () => gate.resolve({ [Symbol.dispose]: () => {} }) }
  },
  scoped: () => {
    const clock = new ManualClock()
    const wait = (signal: AbortSignal) =>
      scoped(
        async (scope) => {
          await scope.acquire((signal) => sleep(5, { signal, clock }), { release: () => {}, signal })
          return {}
        },
        { signal },
      )
    return { wait, proceed: () => clock.advance(5) }
  },
  'TaskTracker.idle': () => {
    const gate = Promise.withResolvers<void>()
    const tracker = new TaskTracker({ onError: () => {} })
    tracker.track(gate.promise)
    return { wait: (signal) => tracker.idle({ signal }), proceed: () => gate.resolve() }
  },
  CancelScope: () => {
    const clock = new ManualClock()
    const wait = async (signal: AbortSignal) => {
      using scope = new CancelScope({ signal, deadlineMs: 9, clock })
      await sleep(5, { signal: scope.signal, clock })
    }
    return { wait, proceed: () => clock.advance(5) }
  },
  'Interval.tick': () => {
    const clock = new ManualClock()
    const ticker = interval({ everyMs: 5, missed: 'skip', firstMs: 5, clock })
    return { wait: (signal) => ticker.tick({ signal }), proceed: () => clock.advance(5) }
  },
  yieldIfDue: () => ({
    wait: async (signal) => {
      for (const start = performance.now(); performance.now() - start < 12; ) {
        const due = yieldIfDue({ signal })
        if (due !== undefined) await due
      }
    },
    proceed: () => {},
  }),
  'chunked (async)': () => {
    const clock = new ManualClock()
    async function* source() {
      yield 1
      await sleep(5, { clock })
    }
    return { wait: (signal) => Array.fromAsync(chunked(source(), 2, { signal })), proceed: () => clock.advance(5) }
  },
}

describe.each(Object.entries(cases))('%s', (_, make) => {
  test('takes its listener off on the normal path', async () => {
    const { wait, proceed } = await make()
    const { signal } = new AbortController()
    const call = wait(signal)
    await turn()
    await proceed()
    await call
    await turn()
    expect(listenerCount(signal)).toBe(0)
  })

  test('rejects with the reason itself and takes its listener off when cancelled', async () => {
    const { wait } = await make()
    const controller = new AbortController()
    const reason = { why: 'test' }
    const call = wait(controller.signal)
    controller.abort(reason)
    await expect(call).rejects.toBe(reason)
    await turn()
    expect(listenerCount(controller.signal)).toBe(0)
  })

  test('looks at the signal first', async () => {
    const { wait, proceed } = await make()
    const reason = { why: 'test' }
    await proceed()
    await expect(wait(AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})
