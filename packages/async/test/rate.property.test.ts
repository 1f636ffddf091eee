/*
 * Seeded mutants, each of which one of these tests has killed:
 * Pacer
 * - the next start counts from when it was due instead of from the last start (burst after idling)
 * - a cancelled wait uses a start up
 * - defer is forgotten / brings a start forward
 * - a shorter interval is noticed by later waiters only
 * - the alarm is left on when nobody waits any more
 * TokenBucket
 * - idle time fills beyond the burst
 * - a cancelled take has taken
 * - a small take overtakes a big one
 * - a cancelled head does not let the next one take
 */
import { ManualClock, Pacer, TokenBucket } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const step = fc.record({ op: fc.constantFrom('wait', 'wait', 'wait', 'cancel', 'interval', 'defer', 'advance', 'advance'), n: fc.nat(50) })

test('Pacer equals its model: the longest waiting starts as soon as the interval since the last start allows, never earlier', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(30), fc.array(step, { maxLength: 30, size: 'max' }), async (intervalMs, steps) => {
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
        expect(clock.timers).toBe(model.queue.length > 0 ? 1 : 0)
      }
    }),
  ))

const take = fc.record({ op: fc.constantFrom('take', 'take', 'cancel', 'advance'), n: fc.nat(200) })

test('TokenBucket equals its model: the longest waiting takes as soon as the bucket holds enough, which fills up to the burst', () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom(1, 4, 10, 40), // divisors of 1000, so that all times are exact
      fc.integer({ min: 1, max: 20 }),
      fc.array(take, { maxLength: 30, size: 'max' }),
      async (msPerToken, burst, steps) => {
        const clock = new ManualClock()
        const bucket = new TokenBucket({ ratePerSecond: 1_000 / msPerToken, burst, clock })
        const cancelOf = new Map<number, AbortController>()
        const taken: [number, number][] = []
        const expected: [number, number][] = []
        const model = { levelMs: burst * msPerToken, at: 0, queue: [] as { id: number; n: number }[] } // a token is worth its time: all numbers are whole
        const serve = (from: number, until: number) => {
          for (let head = model.queue[0]; head !== undefined; head = model.queue[0]) {
            const at = Math.max(from, model.at, model.at + head.n * msPerToken - model.levelMs)
            if (at > until) break
            model.levelMs = Math.min(burst * msPerToken, model.levelMs + at - model.at) - head.n * msPerToken
            model.at = at
            model.queue.shift()
            expected.push([head.id, at])
          }
        }
        for (const [id, { op, n }] of [...steps, { op: 'advance', n: 100_000 }].entries()) {
          const now = clock.now()
          if (op === 'take') {
            const controller = new AbortController()
            cancelOf.set(id, controller)
            const size = 1 + (n % burst)
            bucket.take(size, { signal: controller.signal }).then(
              () => taken.push([id, clock.now()]),
              () => {},
            )
            model.queue.push({ id, n: size })
          } else if (op === 'cancel' && model.queue.length > 0) {
            const [cancelled] = model.queue.splice(n % model.queue.length, 1)
            cancelOf.get(cancelled?.id ?? -1)?.abort()
          }
          serve(now, now)
          await clock.advance(op === 'advance' ? n : 0)
          serve(now, clock.now())
          expect(taken).toEqual(expected)
          expect(clock.timers).toBe(model.queue.length > 0 ? 1 : 0)
        }
      },
    ),
  ))
