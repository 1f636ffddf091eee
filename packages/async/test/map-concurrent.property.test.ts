/*
 * Seeded mutants, each of which one of these tests has killed:
 * - one call more than the limit in flight
 * - results wait for the source's next item
 * - ordered results come as they are ready
 * - leaving the loop does not abort the calls in flight / does not await them
 * - leaving the loop does not close the source
 * - a failing source is taken for its end
 * - the outer signal is not passed on
 */
import { channel, mapConcurrent, mapConcurrentOrdered } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listenerCount, turn } from './turn.ts'

test('mapConcurrent: every result once, at most limit in flight, nothing in flight and the source closed at the end', () =>
  fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.record({
        count: fc.nat(12),
        limit: fc.integer({ min: 1, max: 4 }),
        ordered: fc.boolean(),
        asyncSource: fc.boolean(),
        failAt: fc.option(fc.nat(12), { nil: undefined }),
        sourceFailsAt: fc.option(fc.nat(12), { nil: undefined }),
        leaveAfter: fc.option(fc.nat(12), { nil: undefined }),
        cancel: fc.boolean(),
      }),
      async (s, { count, limit, ordered, asyncSource, failAt, sourceFailsAt, leaveAfter, cancel }) => {
        let running = 0
        let opened = 0
        let closed = 0
        function* syncItems() {
          opened++
          try {
            for (let i = 0; i < count; i++) {
              if (i === sourceFailsAt) throw new Error('source')
              yield i
            }
          } finally {
            closed++
          }
        }
        async function* asyncItems() {
          for (const item of syncItems()) {
            await s.schedule(Promise.resolve('item'))
            yield item
          }
        }
        const controller = new AbortController()
        if (cancel) void s.schedule(Promise.resolve('cancel')).then(() => controller.abort('cancelled'))
        const map = ordered ? mapConcurrentOrdered : mapConcurrent
        const results: number[] = []
        let aborted = 0
        let left = false
        const consume = async () => {
          const source = asyncSource ? asyncItems() : syncItems()
          const double = async (item: number, signal: AbortSignal) => {
            expect(++running).toBeLessThanOrEqual(limit)
            try {
              await s.schedule(Promise.resolve('work'))
              if (signal.aborted) aborted++
              else if (left) throw new Error('not told that nobody wants the result')
              signal.throwIfAborted()
              if (item === failAt) throw new Error('fn')
              return item * 2
            } finally {
              running--
            }
          }
          for await (const result of map(source, limit, double, { signal: controller.signal })) {
            results.push(result)
            if (results.length === leaveAfter) {
              left = true
              return 'left'
            }
            await s.schedule(Promise.resolve('consume'))
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
        expect(closed).toBe(opened)
        expect(listenerCount(controller.signal)).toBe(0)
        const all = Array.from({ length: count }, (_, i) => i * 2)
        if (ordered) expect(results).toEqual(all.slice(0, results.length))
        else expect(all).toEqual(expect.arrayContaining(results))
        expect(new Set(results).size).toBe(results.length)
        const failures = [failAt !== undefined && failAt < count && 'fn', sourceFailsAt !== undefined && sourceFailsAt < count && 'source']
        if (outcome === 'done') {
          expect(results.length).toBe(count)
          expect(failures).toEqual([false, false])
          expect(aborted).toBe(0)
        } else if (outcome === 'left') expect(results.length).toBe(leaveAfter)
        else if (outcome === 'cancelled') expect(cancel).toBe(true)
        else expect(failures).toContain(outcome)
      },
    ),
  ))

test('mapConcurrent: a result is handed over while the source has nothing', async () => {
  const { sender, receiver } = channel<number>(1)
  sender.trySend(1)
  const results = mapConcurrent(receiver, 2, async (item) => item * 2)
  expect(await results.next()).toEqual({ done: false, value: 2 })
  await results.return?.()
})

test('mapConcurrent: a cancelled one takes no value from the channel it reads', async () => {
  const { sender, receiver } = channel<number>(1)
  const controller = new AbortController()
  const results = mapConcurrent(receiver, 2, async (item) => item, { signal: controller.signal })
  const first = results.next()
  await turn()
  controller.abort('stop')
  await expect(first).rejects.toBe('stop')
  sender.trySend(7)
  expect(receiver.tryRecv()).toEqual({ state: 'ok', value: 7 })
})

test('mapConcurrent: a source that never answers does not hold up the cancellation', async () => {
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
})
