/*
 * Mutants that these tests kill:
 * - keyed-rate-limiter.ts: a key that owes is forgotten
 *     `else if (next.value[1].isIdle) this` => `else this`
 * - keyed-rate-limiter.ts: no key is ever forgotten
 *     `else if (next.value[1].isIdle) this` => `else if (next.value === null) this`
 * - keyed-rate-limiter.ts: one key is looked at for each that comes
 *     `for (let i = 0; i < 2; i++)` => `for (let i = 0; i < 1; i++)`
 * - keyed-rate-limiter.ts: the keys are looked at once
 *     `if (next.done) this.#hand = this.#buckets.entries()` => `if (next.done) return`
 * - keyed-rate-limiter.ts: a limit set for a key counts only when the key is new
 *     `this.#buckets.get(key)?.setLimit(limit ?? this.#default)` => ``
 * - keyed-rate-limiter.ts: a limit set for a key is forgotten with the key
 *     `this.#limits.get(key) ?? this.#default` => `this.#default`
 * - keyed-rate-limiter.ts: a key without a limit of its own keeps the one it had
 *     `this.#limits.delete(key)` => `this.#limits.has(key)`
 * - keyed-rate-limiter.ts: a deferral goes to all keys that come later
 *     `this.#bucket(key).defer(ms)` => `for (const bucket of this.#buckets.values()) bucket.defer(ms)`
 * - token-bucket.ts: a deferred key is forgotten
 *     `this.#tokens.dueAt(this.#tokens.burst) <=` => `this.#tokens.dueAt(this.#tokens.burst) - 1_000 <=`
 * - token-bucket.ts: a key that somebody waits for is forgotten
 *     `return this.#line.isEmpty && ` => `return `
 * - shared-timer.ts: the timer stays on what was taken back
 *     `if (this.#calls.remove(call)) this.#setAlarm()` => `this.#calls.remove(call)`
 * - shared-timer.ts: the timer is not set anew after it has rung
 *     `    this.#isRinging = false` => `    this.#isRinging = false; if (now > 0) return`
 */
import { type Clock, KeyedRateLimiter, ManualClock } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BucketModel } from './bucket-model.ts'

const key = fc.constantFrom('a', 'b', 'c', 'd')
const limit = fc.record({ msPerToken: fc.constantFrom(1, 2, 8, 32), burst: fc.integer({ min: 1, max: 8 }) }) // exact times
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constantFrom('take', 'take', 'take', 'try', 'cancel'), key, n: fc.nat(99) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('advance' as const), key, n: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('defer' as const), key, n: fc.nat(200) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('limit' as const), key, n: fc.constant(0), limit: fc.option(limit, { freq: 2 }) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('passers-by' as const), key, n: fc.nat(5) }) },
)

test('KeyedRateLimiter equals a token bucket per key that is never forgotten, on one timer', () =>
  fc.assert(
    fc.asyncProperty(limit, fc.array(step, { maxLength: 40, size: 'max' }), async (standard, steps) => {
      const clock = new ManualClock()
      const limiter = new KeyedRateLimiter<string | number>({ ratePerSecond: 1_000 / standard.msPerToken, burst: standard.burst, clock })
      const models = new Map(['a', 'b', 'c', 'd'].map((key) => [key, new BucketModel(standard.msPerToken, standard.burst)]))
      const cancelOf = new Map<number, AbortController>()
      const taken = new Map<number, number>()
      const takenOf = new Map<string, number[]>()
      const expected = new Map<number, number>()
      const expectedOf = new Map<string, number[]>()
      const advance = () => {
        for (const [key, model] of models) {
          for (const { id, at } of model.advance(clock.now())) {
            expected.set(id, at)
            expectedOf.set(key, [...(expectedOf.get(key) ?? []), id])
          }
        }
      }
      for (const [id, step] of [...steps, { op: 'advance' as const, key: 'a', n: 100_000 }].entries()) {
        const { op, key, n } = step
        const model = models.get(key) as BucketModel
        if (op === 'take') {
          const controller = new AbortController()
          cancelOf.set(id, controller)
          const count = 1 + (n % model.burst)
          limiter.take(key, count, { signal: controller.signal }).then(
            () => {
              taken.set(id, clock.now())
              takenOf.set(key, [...(takenOf.get(key) ?? []), id])
            },
            () => {},
          )
          model.queue.push({ id, n: count })
        } else if (op === 'try') {
          const count = 1 + (n % model.burst)
          const retryInMs = model.tryTake(count)
          expect(limiter.tryTake(key, count)).toEqual(retryInMs === 0 ? { state: 'ok' } : { state: 'early', retryInMs })
        } else if (op === 'cancel' && model.queue.length > 0) {
          const [cancelled] = model.queue.splice(n % model.queue.length, 1)
          cancelOf.get(cancelled?.id ?? -1)?.abort()
        } else if (op === 'defer') {
          limiter.defer(key, n)
          model.defer(n)
        } else if (op === 'limit') {
          const { msPerToken, burst } = step.limit ?? standard
          limiter.setLimit(key, step.limit === null ? undefined : { ratePerSecond: 1_000 / msPerToken, burst })
          model.msPerToken = msPerToken
          model.burst = burst
        } else if (op === 'passers-by') {
          for (let i = 0; i < n; i++) limiter.tryTake(100 * id + i) // new keys make it look for old ones to forget
        }
        advance()
        await clock.advance(op === 'advance' ? n : 0)
        advance()
        expect(taken).toEqual(expected)
        expect(takenOf).toEqual(expectedOf)
        expect(clock.timers).toBe([...models.values()].some(({ queue }) => queue.length > 0) ? 1 : 0)
        expect(limiter.size).toBeGreaterThanOrEqual([...models.values()].filter((model) => !model.owesNothing).length)
      }
    }),
    { numRuns: 300 },
  ))

test('KeyedRateLimiter remembers at most twice the keys that owed something at one time, whatever came by', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.record({ keys: fc.nat(200), ms: fc.nat(20) }), { maxLength: 30, size: 'max' }), async (waves) => {
      const clock = new ManualClock()
      const limiter = new KeyedRateLimiter<number>({ ratePerSecond: 100, burst: 1, clock }) // a key owes for 10 ms
      const cameAt: number[] = []
      let mostOwing = 0
      for (const { keys, ms } of waves) {
        for (let i = 0; i < keys; i++) {
          limiter.tryTake(cameAt.length)
          cameAt.push(clock.now())
          mostOwing = Math.max(mostOwing, cameAt.filter((at) => at + 10 > clock.now()).length)
          expect(limiter.size).toBeLessThanOrEqual(2 * mostOwing + 2)
        }
        await clock.advance(ms)
      }
    }),
    { numRuns: 30 },
  ))

test('KeyedRateLimiter: a key whose timer is late is not forgotten, and who waits for it comes first', async () => {
  const manual = new ManualClock()
  let lateMs = 0
  const clock: Clock = { now: () => manual.now() + lateMs, schedule: (ms, ring) => manual.schedule(ms, ring) }
  const limiter = new KeyedRateLimiter<string>({ ratePerSecond: 100, burst: 1, clock })
  limiter.tryTake('late')
  const waiting = limiter.take('late')
  lateMs = 15 // due since 5 ms, but the timer has not rung
  for (const key of ['new', 'newer', 'newest']) limiter.tryTake(key)
  expect(limiter.tryTake('late')).toEqual({ state: 'early', retryInMs: 10 })
  await waiting
})
