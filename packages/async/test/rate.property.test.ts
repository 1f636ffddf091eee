/*
 * Seeded mutants, each of which one of these tests has killed:
 * Pacer
 * - the next start counts from when it was due instead of from the last start (burst after idling)
 * - a cancelled wait uses a start up
 * - defer is forgotten / brings a start forward
 * - a shorter interval is noticed by later waiters only
 * - the alarm is not set again after a cancellation (lost wake-up)
 * TokenBucket
 * - idle time fills beyond the burst
 * - a cancelled take has taken
 * - a small take overtakes a big one
 */
import { ManualClock, Pacer, TokenBucket } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const step = fc.record({ op: fc.constantFrom('wait', 'wait', 'wait', 'cancel', 'interval', 'defer', 'advance', 'advance'), n: fc.nat(50) })

test('Pacer equals its model: the longest waiting starts as soon as the interval since the last start allows, never earlier', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(30), fc.array(step, { maxLength: 30 }), async (intervalMs, steps) => {
      const clock = new ManualClock()
      const pacer = new Pacer({ intervalMs, clock })
      const cancelOf = new Map<number, AbortController>()
      const starts: [number, number][] = []
      const expected: [number, number][] = []
      const model = { interval: intervalMs, last: Number.NEGATIVE_INFINITY, notBefore: 0, queue: [] as number[] }
      const serve = (from: number, until: number) => {
        for (let now = from; model.queue.length > 0; ) {
          now = Math.max(now, model.last + model.interval, model.notBefore)
          if (now > until) break
          model.last = now
          expected.push([model.queue.shift() as number, now])
        }
      }
      for (const [id, { op, n }] of [...steps, { op: 'advance', n: 10_000 }].entries()) {
        const now = clock.now()
        if (op === 'wait') {
          const controller = new AbortController()
          cancelOf.set(id, controller)
          pacer.wait({ signal: controller.signal }).then(
            () => starts.push([id, clock.now()]),
            () => {},
          )
          model.queue.push(id)
        } else if (op === 'cancel' && model.queue.length > 0) {
          const [cancelled] = model.queue.splice(n % model.queue.length, 1) as [number]
          cancelOf.get(cancelled)?.abort()
        } else if (op === 'interval') {
          pacer.intervalMs = n
          model.interval = n
        } else if (op === 'defer') {
          pacer.defer(n)
          model.notBefore = Math.max(model.notBefore, now + n)
        }
        serve(now, now)
        await clock.advance(op === 'advance' ? n : 0)
        serve(now, clock.now())
        expect(starts).toEqual(expected)
      }
      expect(clock.sleeping).toBe(0)
    }),
  ))

test('TokenBucket: within any span at most burst + rate x span is taken, in order, and nobody waits longer than that needs', () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.record({ n: fc.integer({ min: 1, max: 20 }), pauseMs: fc.nat(300), cancel: fc.boolean() }), { maxLength: 20 }),
      async (ratePerSecond, burst, takes) => {
        const clock = new ManualClock()
        const bucket = new TokenBucket({ ratePerSecond, burst, clock })
        const taken: { id: number; n: number; at: number }[] = []
        const waiting: { id: number; n: number; since: number }[] = []
        for (const [id, { n, pauseMs, cancel }] of takes.entries()) {
          const size = Math.min(n, burst)
          const controller = new AbortController()
          waiting.push({ id, n: size, since: clock.now() })
          bucket.take(size, { signal: controller.signal }).then(
            () => taken.push({ id, n: size, at: clock.now() }),
            () =>
              waiting.splice(
                waiting.findIndex((each) => each.id === id),
                1,
              ),
          )
          await clock.advance(0)
          if (cancel) controller.abort()
          await clock.advance(pauseMs)
        }
        await clock.advance((takes.length * burst * 1_000) / ratePerSecond + 1)
        expect(taken.map(({ id }) => id)).toEqual(waiting.map(({ id }) => id)) // all that were not cancelled, in order
        let level = burst
        let at = 0
        for (const [i, take] of taken.entries()) {
          level = Math.min(burst, level + ((take.at - at) * ratePerSecond) / 1_000) - take.n
          at = take.at
          expect(level).toBeGreaterThanOrEqual(-1e-6)
          const couldHave = Math.max(waiting[i]?.since ?? 0, taken[i - 1]?.at ?? 0)
          if (take.at > couldHave) expect(level).toBeLessThan(1e-6) // it waited for its last token only
        }
      },
    ),
  ))
