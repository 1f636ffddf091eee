/*
 * Mutants that these tests kill:
 * - crew.ts: one item more than the limit
 *     `this.#open < this.#limit &&` => `this.#open <= this.#limit &&`
 * - crew.ts: an asynchronous source is pulled only when nothing runs
 *     `        this.hire()` => ``
 * - crew.ts: a source that is left is not told before all calls have ended
 *     `onAbort(this.children.signal, (reason) => this.input.leave(reason))` => `onAbort(undefined, () => {})`
 * - crew.ts: a failure is taken for an end
 *     `      this.children.fail(error)` => `      this.children.end()`
 * - input.ts: a generator that aborts its own consumer is not closed
 *     `this.#isExhausted = true // as long as it runs, and when it throws` => ``
 * - input.ts: leaving waits for a source that never answers
 *     `this.#closed = Promise.resolve() // what` => `// what`
 * - map-concurrent.ts: ordered results come as they are ready
 *     `return new Results({ source, limit, fn }, signal, inOrder)` => `return new Results({ source, limit, fn }, signal, asTheyCome)`
 * - map-concurrent.ts: a result that nobody has taken yet takes up no room
 *     `    return 0` => `    return 1`
 * - map-concurrent.ts: leaving the loop does not stop the calls in flight
 *     `else this.#crew.children.stop()` => `else this.#finish(this.#crew)`
 * - map-concurrent.ts: the outer signal is not passed on
 *     `new Crew(this.#work, this.#queue, this.#signal)` => `new Crew(this.#work, this.#queue, undefined)`
 * - map-concurrent.ts: everybody is told of the failure
 *     `    this.#failure = undefined` => ``
 * - map-concurrent.ts: a cancellation between two items is taken for the end
 *     `if (crew.children.signal.aborted && !this.#isLeft) throw crew.children.signal.reason` => ``
 * - map-concurrent.ts: those who wait when it ends are forgotten
 *     `for (const resolve of this.#waiting.drain()) resolve(this.#end())` => ``
 */
import { channel, mapConcurrent, mapConcurrentOrdered, sleep } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WatchedSource } from './sources.ts'
import { listenerCount, turn } from './turn.ts'

const option = fc.option(fc.nat(12), { nil: undefined })

test('mapConcurrent: every result once, at most limit open, nothing in flight and the source closed at the end', () =>
  fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.record({
        count: fc.nat(12),
        limit: fc.integer({ min: 1, max: 4 }),
        isOrdered: fc.boolean(),
        isAsync: fc.boolean(),
        failsAt: option,
        sourceFailsAt: option,
        leaveAfter: option,
        isCut: fc.boolean(),
      }),
      async (s, { count, limit, isOrdered, isAsync, failsAt, sourceFailsAt, leaveAfter, isCut }) => {
        const source = new WatchedSource(count, sourceFailsAt)
        const controller = new AbortController()
        if (isCut) void s.schedule(Promise.resolve('cut')).then(() => controller.abort('cut'))
        const ended: number[] = []
        const results: number[] = []
        let running = 0
        let started = 0
        let stopped = 0
        let isLeft = false
        const double = async (item: number, signal: AbortSignal) => {
          started++
          expect(++running).toBeLessThanOrEqual(limit)
          try {
            await s.schedule(Promise.resolve('work'))
            if (signal.aborted) stopped++
            else if (isLeft) throw new Error('not told that nobody wants the result')
            signal.throwIfAborted()
            if (item === failsAt) throw new Error('fn')
            ended.push(item * 2)
            return item * 2
          } finally {
            running--
          }
        }
        const consume = async () => {
          const map = isOrdered ? mapConcurrentOrdered : mapConcurrent
          for await (const result of map(isAsync ? source.itemsLater(s) : source.items(), limit, double, { signal: controller.signal })) {
            results.push(result)
            if (results.length === leaveAfter) {
              isLeft = true
              return 'left'
            }
            await s.schedule(Promise.resolve('consume'))
            expect(started - results.length).toBeLessThanOrEqual(limit)
          }
          return 'done'
        }
        const outcome = await s.waitFor(
          consume().then(
            (how) => how,
            (error) => (error instanceof AggregateError ? error.errors[0].message : (error.message ?? error)),
          ),
        )
        expect(running).toBe(0)
        await s.waitIdle() // a next() that only the source can end
        await turn()
        expect(source.closed).toBe(source.opened)
        expect(listenerCount(controller.signal)).toBe(0)
        const expected = isOrdered ? Array.from({ length: count }, (_, i) => i * 2) : ended
        expect(results).toEqual(expected.slice(0, results.length))
        const failures = [failsAt !== undefined && failsAt < count && 'fn', source.fails && 'source']
        if (outcome === 'done') {
          expect(results.length).toBe(count)
          expect(failures).toEqual([false, false])
          expect(stopped).toBe(0)
        } else if (outcome === 'left') expect(results.length).toBe(leaveAfter)
        else if (outcome === 'cut') expect(controller.signal.aborted).toBe(true)
        else expect(failures).toContain(outcome)
      },
    ),
  ))

test('mapConcurrent: calls of next that wait together are served in their order, one of them is told of a failure', () =>
  fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.record({
        count: fc.nat(8),
        calls: fc.integer({ min: 1, max: 12 }),
        limit: fc.integer({ min: 1, max: 4 }),
        isOrdered: fc.boolean(),
        isAsync: fc.boolean(),
        failsAt: option,
      }),
      async (s, { count, calls, limit, isOrdered, isAsync, failsAt }) => {
        const source = new WatchedSource(count, undefined)
        const ended: number[] = []
        const fn = async (item: number) => {
          await s.schedule(Promise.resolve('work'))
          if (item === failsAt) throw new Error('fn')
          ended.push(item)
          return item
        }
        const map = isOrdered ? mapConcurrentOrdered : mapConcurrent
        const results = map(isAsync ? source.itemsLater(s) : source.items(), limit, fn)
        const answers: (number | 'done' | 'fn')[] = []
        const asked = Array.from({ length: calls }, async (_, i) => {
          const next = await results.next().catch(() => 'fn' as const)
          answers[i] = next === 'fn' ? next : next.done === true ? 'done' : next.value
        })
        await s.waitFor(Promise.all(asked))
        await s.waitFor(results.return?.().catch(() => {}) ?? Promise.resolve()) // of what was not asked for
        const values = answers.filter((answer) => typeof answer === 'number')
        const expected = isOrdered ? Array.from({ length: count }, (_, i) => i) : ended
        expect(answers.slice(0, values.length)).toEqual(expected.slice(0, values.length))
        const after = answers.slice(values.length)
        if (after[0] === 'fn') expect(after.slice(1)).toEqual(after.slice(1).map(() => 'done'))
        else {
          expect(after).toEqual(after.map(() => 'done'))
          expect(values.length).toBe(Math.min(calls, count))
        }
      },
    ),
  ))

test('mapConcurrent: limit items run at once, whatever the source', async () => {
  async function* later() {
    for (const item of [1, 2, 3, 4, 5]) {
      await turn()
      yield item
    }
  }
  for (const source of [[1, 2, 3, 4, 5], later()]) {
    let running = 0
    const results = mapConcurrent(source, 3, (_, signal) => {
      running++
      return new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    const first = results.next()
    for (let i = 0; i < 10; i++) await turn()
    expect(running).toBe(3)
    await results.return?.()
    expect(await first).toEqual({ done: true, value: undefined })
  }
})

test('mapConcurrent: a result is handed over while the source has nothing', async () => {
  const { sender, receiver } = channel<number>(1)
  sender.trySend(1)
  const results = mapConcurrent(receiver, 2, async (item) => item * 2)
  expect(await results.next()).toEqual({ done: false, value: 2 })
  await results.return?.()
})

test('mapConcurrent: a cancelled one takes no value from the channel it reads, not even while a call pays no heed', async () => {
  const { sender, receiver } = channel<number>(2)
  sender.trySend(1)
  const controller = new AbortController()
  const heedless = Promise.withResolvers<void>()
  const results = mapConcurrent(receiver, 2, () => heedless.promise, { signal: controller.signal })
  const first = results.next()
  await turn()
  controller.abort('stop')
  sender.trySend(7)
  await turn()
  expect(receiver.tryRecv()).toEqual({ state: 'ok', value: 7 })
  heedless.resolve()
  await expect(first).rejects.toBe('stop')
})

test('mapConcurrent: a source that never answers holds up neither a cancellation nor who leaves', async () => {
  const controller = new AbortController()
  async function* silent(): AsyncGenerator<number> {
    yield 1
    await new Promise(() => {})
  }
  const results = mapConcurrent(silent(), 2, async (item) => item, { signal: controller.signal })
  await results.next()
  const second = results.next()
  await turn()
  controller.abort('stop')
  await expect(second).rejects.toBe('stop')
  const others = mapConcurrent(silent(), 2, async (item) => item)
  await others.next()
  const never = others.next()
  await turn()
  expect(await others.return?.()).toEqual({ done: true, value: undefined })
  expect(await never).toEqual({ done: true, value: undefined })
})

test('mapConcurrent: a generator that cancels it from within is closed when it has answered', async () => {
  const controller = new AbortController()
  let closed = false
  function* source() {
    try {
      controller.abort('stop')
      yield 1
    } finally {
      closed = true
    }
  }
  await expect(mapConcurrent(source(), 2, async (item) => item, { signal: controller.signal }).next()).rejects.toBe('stop')
  expect(closed).toBe(true)
})

test('mapConcurrent: a source that fails to close is heard, unless something else has failed first', async () => {
  const source = () => ({
    [Symbol.iterator]: () => ({
      next: () => ({ done: false as const, value: 1 }),
      return: (): IteratorResult<number> => {
        throw new Error('close')
      },
    }),
  })
  const results = mapConcurrent(source(), 1, async (item) => item)
  await results.next()
  await expect(results.return?.()).rejects.toThrow('close')
  await expect(mapConcurrent(source(), 1, () => Promise.reject(new Error('fn'))).next()).rejects.toThrow('fn')
})

test('mapConcurrent: starts nothing before the first next, and nothing at all when it is left before', async () => {
  const source = new WatchedSource(3, undefined)
  const { signal } = new AbortController()
  await using results = mapConcurrent(source.items(), 2, async (item) => item, { signal })
  expect([source.opened, listenerCount(signal)]).toEqual([0, 0])
  await results.return?.()
  expect(await results.next()).toEqual({ done: true, value: undefined })
  expect(source.opened).toBe(0)
})

test('mapConcurrent: disposing it awaits what it stops', async () => {
  let ended = 0
  {
    await using results = mapConcurrentOrdered([1, 20, 30], 3, async (ms, signal) => {
      await sleep(ms, { signal }).finally(() => ended++)
    })
    await results.next()
  }
  expect(ended).toBe(3)
})
