/*
 * Mutants that these tests kill:
 * - pacer.ts: the next start counts from when it was due, so there is a burst after idling
 *     `      this.#lastStart = now` => `      this.#lastStart = Math.max(0, this.#lastStart + this.#intervalMs)`
 * - pacer.ts: a shorter interval is noticed by later callers only
 *     `    this.#line.serve()` => ``
 * - pacer.ts: defer is forgotten
 *     `Math.max(this.#lastStart + this.#intervalMs, this.#notBefore)` => `this.#lastStart + this.#intervalMs`
 * - pacer.ts: defer brings a start forward
 *     `this.#notBefore = Math.max(this.#notBefore, this.#clock.now() + ms)` => `this.#notBefore = this.#clock.now() + ms`
 * - line.ts: who will not wait overtakes those who do
 *     `if (head !== undefined) return { state: 'early'` => `if (head !== undefined && now < dueAt) return { state: 'early'`
 * - line.ts: trying uses up what it did not get
 *     `    if (now < dueAt) return` => `    if (now < dueAt) this.#gate.pass(want, now); if (now < dueAt) return`
 * - line.ts: who tries is told the time of the head of the line, not the own one
 *     `Math.max(dueAt, this.#gate.dueAt(head.want)) - now` => `this.#gate.dueAt(head.want) - now`
 * - line.ts: a new caller passes before those who wait
 *     `if (this.isEmpty) {` => `if (this.isEmpty || signal !== undefined) {`
 * - line.ts: a cancelled head leaves the timer for the next one where it was
 *     `signal, () => this.serve())` => `signal)`
 * - line.ts: the timer is left on when nobody waits any more
 *     `    this.#alarm?.set(undefined)` => ``
 * - line.ts: one is let through at a time
 *     `      head.resolve()` => `      head.resolve(); if (now >= 0) return`
 * - token-bucket.ts: idle time fills beyond the burst
 *     `this.#fullAt = Math.max(this.#fullAt, now) + n` => `this.#fullAt = Math.max(this.#fullAt, 0) + n`
 * - token-bucket.ts: a take is due when the bucket holds one token
 *     `Math.max(0, this.burst - n)` => `Math.max(0, this.burst - 1)`
 * - token-bucket.ts: a smaller rate is noticed by later callers only
 *     `    this.#line.serve()` => ``
 * - token-bucket.ts: what is owed at a change comes back at the old rate
 *     `this.#fullAt = now + (this.#fullAt - now) * (msPerToken / this.msPerToken)` => `this.#fullAt += 0`
 * - token-bucket.ts: a change fills the bucket
 *     `this.#fullAt = now + (this.#fullAt - now) *` => `this.#fullAt = now + 0 *`
 * - token-bucket.ts: a new burst is ignored
 *     `burst, this.#clock.now())` => `this.#tokens.burst, this.#clock.now())`
 * - token-bucket.ts: a waiting take larger than a new burst waits for more than a full bucket
 *     `Math.max(0, this.burst - n)` => `(this.burst - n)`
 * - token-bucket.ts: defer is forgotten
 *     `* this.msPerToken, this.#notBefore)` => `* this.msPerToken)`
 */
import { ManualClock, Pacer, TokenBucket } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BucketModel } from './bucket-model.ts'

const step = fc.record({
  op: fc.constantFrom('wait', 'wait', 'wait', 'try', 'cancel', 'interval', 'defer', 'advance', 'advance'),
  n: fc.nat(50),
})

test('Pacer equals its model: the longest waiting starts as soon as the interval since the last start allows, never earlier', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(30), fc.array(step, { maxLength: 30, size: 'max' }), async (intervalMs, steps) => {
      const clock = new ManualClock()
      const pacer = new Pacer({ intervalMs, clock })
      const cancelOf = new Map<number, AbortController>()
      const starts: [number, number][] = []
      const expected: [number, number][] = []
      const model = { interval: intervalMs, last: Number.NEGATIVE_INFINITY, notBefore: 0, queue: [] as number[] }
      const dueAt = () => Math.max(model.last + model.interval, model.notBefore)
      const serve = (from: number, until: number) => {
        for (let now = from; model.queue.length > 0; ) {
          now = Math.max(now, dueAt())
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
        } else if (op === 'try') {
          const early = model.queue.length > 0 || now < dueAt()
          expect(pacer.tryStart()).toEqual(early ? { state: 'early', retryInMs: dueAt() - now } : { state: 'ok' })
          if (!early) model.last = now
        } else if (op === 'cancel' && model.queue.length > 0) {
          const [cancelled] = model.queue.splice(n % model.queue.length, 1) as [number]
          cancelOf.get(cancelled)?.abort()
        } else if (op === 'interval') {
          pacer.intervalMs = n
          expect(pacer.intervalMs).toBe(n)
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

const msPerToken = fc.constantFrom(1, 2, 8, 32) // powers of two, so that all times are exact
const burst = fc.integer({ min: 1, max: 20 })
const take = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom('take', 'take', 'take', 'try', 'cancel'), n: fc.nat(200) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('advance' as const), n: fc.nat(200) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('defer' as const), n: fc.nat(200) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('limit' as const), msPerToken: fc.option(msPerToken), burst: fc.option(burst) }) },
)

test('TokenBucket equals its model: the longest waiting takes as soon as the bucket holds enough, which fills up to the burst', () =>
  fc.assert(
    fc.asyncProperty(msPerToken, burst, fc.array(take, { maxLength: 30, size: 'max' }), async (msPerToken, burst, steps) => {
      const clock = new ManualClock()
      const bucket = new TokenBucket({ ratePerSecond: 1_000 / msPerToken, burst, clock })
      const model = new BucketModel(msPerToken, burst)
      const cancelOf = new Map<number, AbortController>()
      const taken: { id: number; at: number }[] = []
      const expected: { id: number; at: number }[] = []
      for (const [id, step] of [...steps, { op: 'advance' as const, n: 100_000 }].entries()) {
        if (step.op === 'take') {
          const controller = new AbortController()
          cancelOf.set(id, controller)
          const n = 1 + (step.n % model.burst)
          bucket.take(n, { signal: controller.signal }).then(
            () => taken.push({ id, at: clock.now() }),
            () => {},
          )
          model.queue.push({ id, n })
        } else if (step.op === 'try') {
          const n = 1 + (step.n % model.burst)
          const retryInMs = model.tryTake(n)
          expect(bucket.tryTake(n)).toEqual(retryInMs === 0 ? { state: 'ok' } : { state: 'early', retryInMs })
        } else if (step.op === 'cancel' && model.queue.length > 0) {
          const [cancelled] = model.queue.splice(step.n % model.queue.length, 1)
          cancelOf.get(cancelled?.id ?? -1)?.abort()
        } else if (step.op === 'defer') {
          bucket.defer(step.n)
          model.defer(step.n)
        } else if (step.op === 'limit') {
          model.msPerToken = step.msPerToken ?? model.msPerToken
          model.burst = step.burst ?? model.burst
          bucket.setLimit({
            ...(step.msPerToken === null ? {} : { ratePerSecond: 1_000 / step.msPerToken }),
            ...(step.burst === null ? {} : { burst: step.burst }),
          })
        }
        expected.push(...model.advance(clock.now()))
        await clock.advance(step.op === 'advance' ? step.n : 0)
        expected.push(...model.advance(clock.now()))
        expect(taken).toEqual(expected)
        expect(clock.timers).toBe(model.queue.length > 0 ? 1 : 0)
        expect(bucket.isIdle).toBe(model.owesNothing)
      }
    }),
    { numRuns: 300 },
  ))
