/*
 * Mutants that these tests kill:
 * - circuit-breaker.ts: calls are made while it is open
 *     `if (retryInMs > 0) return` => `if (retryInMs > 50) return`
 * - circuit-breaker.ts: one probe more than allowed
 *     `this.#inFlight + this.#succeeded >= this.#probes` => `this.#inFlight + this.#succeeded > this.#probes`
 * - circuit-breaker.ts: probes that have succeeded make room for more
 *     `this.#inFlight + this.#succeeded >= this.#probes` => `this.#inFlight >= this.#probes`
 * - circuit-breaker.ts: one successful probe closes it
 *     `else if (++this.#succeeded === this.#probes) {` => `else {`
 * - circuit-breaker.ts: a late success closes it
 *     `if (era === this.#era) this.#succeed()` => `if (this.state !== 'open') this.#succeed()`
 * - circuit-breaker.ts: a late failure opens it
 *     `if (era === this.#era && !signal?.aborted)` => `if (this.state !== 'open' && !signal?.aborted)`
 * - circuit-breaker.ts: a cancellation counts as a failure
 *     `if (era === this.#era && !signal?.aborted)` => `if (era === this.#era)`
 * - circuit-breaker.ts: a cancelled probe keeps its place
 *     `if (era === this.#era) this.#inFlight--` => `if (era === this.#era && !signal?.aborted) this.#inFlight--`
 * - circuit-breaker.ts: an error that is no failure counts as one
 *     `this.#isFailure(error) ? this.#fail(error) : this.#succeed()` => `this.#fail(error)`
 * - circuit-breaker.ts: an error that is no failure does not count
 *     `this.#isFailure(error) ? this.#fail(error) : this.#succeed()` => `this.#isFailure(error) && this.#fail(error)`
 * - circuit-breaker.ts: it judges by fewer calls than it should
 *     `this.#count >= this.#minCalls && ` => ``
 * - circuit-breaker.ts: it trips above the share only
 *     `this.#failures >= this.#failureShare` => `this.#failures > this.#failureShare`
 * - circuit-breaker.ts: calls that have left the window still count
 *     `Number(failed) - (this.#failed[this.#next] as number)` => `Number(failed)`
 * - circuit-breaker.ts: calls before the trip count after the recovery
 *     `      this.#recent.clear()` => ``
 * - circuit-breaker.ts: it stays open as long after each relapse
 *     `this.#openMs(++this.#openings)` => `this.#openMs(1)`
 * - circuit-breaker.ts: after a recovery it stays open as long as it did last
 *     `      this.#openings = 0` => ``
 * - circuit-breaker.ts: jitter makes it stay open for next to no time
 *     `random: () => (1 + random()) / 2` => `random`
 */
import { type BreakerStep, CircuitBreaker, CircuitOpenError, ManualClock } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { turn } from './turn.ts'

class Failure extends Error {}
class Answer extends Error {}

interface Call extends PromiseWithResolvers<string> {
  readonly era: number
  readonly controller: AbortController
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ op: 'call' as const, n: 0 }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constantFrom('fail', 'fail', 'fail', 'succeed', 'succeed', 'answer'), n: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('cancel', 'succeed though cancelled'), n: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('advance' as const), n: fc.nat(120) }) },
)

test('CircuitBreaker equals its model: no call while open, so many probes in half-open, no effect of late or cancelled calls', () =>
  fc.assert(
    fc.asyncProperty(
      fc
        .integer({ min: 1, max: 4 })
        .chain((window) => fc.record({ window: fc.constant(window), minCalls: fc.integer({ min: 1, max: window }) })),
      fc.record({ failureShare: fc.constantFrom(0.25, 0.5, 1), probes: fc.integer({ min: 1, max: 3 }), r: fc.constantFrom(0, 0.5) }),
      fc.array(step, { maxLength: 60, size: 'max' }),
      async ({ window, minCalls }, { failureShare, probes, r }, steps) => {
        const clock = new ManualClock()
        const breaker = new CircuitBreaker({
          window,
          minCalls,
          failureShare,
          probes,
          openMs: 100,
          maxOpenMs: 300,
          isFailure: (error) => error instanceof Failure,
          random: () => r,
          clock,
        })
        const changes: BreakerStep[] = []
        const expected: BreakerStep[] = []
        breaker.onChange((step) => {
          expect(breaker.state).toBe(step.to)
          changes.push(step)
        })
        const calls: Call[] = []
        const model = { state: 'closed', era: 0, recent: [] as boolean[], openings: 0, openUntil: 0, passed: 0 }
        const probing = () => calls.filter(({ era }) => era === model.era).length
        const go = (step: BreakerStep) => {
          model.state = step.to
          model.era++
          model.passed = 0
          expected.push(step)
        }
        const open = (event: 'trip' | 'relapse', error: unknown) => {
          const openMs = ((1 + r) / 2) * Math.min(300, 100 * 2 ** model.openings++)
          model.openUntil = clock.now() + openMs
          go({ from: event === 'trip' ? 'closed' : 'half-open', event, to: 'open', payload: { error, openMs } } as BreakerStep)
        }

        for (const { op, n } of steps) {
          if (op === 'advance') await clock.advance(n)
          else if (op === 'call') {
            if (model.state === 'open' && clock.now() >= model.openUntil) {
              go({ from: 'open', event: 'probe', to: 'half-open', payload: undefined })
            }
            const refusal =
              model.state === 'open'
                ? model.openUntil - clock.now()
                : model.state === 'half-open' && probing() + model.passed >= probes
                  ? 0
                  : undefined
            const call = { ...Promise.withResolvers<string>(), era: model.era, controller: new AbortController() }
            let begun = false
            const answer = breaker.run(
              () => {
                begun = true
                expect(breaker.state).not.toBe('open')
                return call.promise
              },
              { signal: call.controller.signal },
            )
            expect(begun).toBe(refusal === undefined)
            if (refusal === undefined) {
              calls.push(call)
              answer.catch(() => {})
            } else {
              const error = await answer.catch((error: unknown) => error)
              expect(error).toBeInstanceOf(CircuitOpenError)
              expect(error).toMatchObject({ retryInMs: refusal })
            }
          } else if (calls.length > 0) {
            const [call] = calls.splice(n % calls.length, 1) as [Call]
            const error = op === 'answer' ? new Answer() : new Failure()
            if (op === 'cancel' || op === 'succeed though cancelled') call.controller.abort('cancelled')
            if (op === 'succeed' || op === 'succeed though cancelled') call.resolve('value')
            else call.reject(error)
            const isSuccess = op !== 'fail' && op !== 'cancel'
            if (call.era === model.era && op !== 'cancel') {
              if (model.state === 'closed') {
                model.recent = [...model.recent, isSuccess].slice(-window)
                const failures = model.recent.filter((ok) => !ok).length
                if (!isSuccess && model.recent.length >= minCalls && failures >= failureShare * model.recent.length) open('trip', error)
              } else if (!isSuccess) open('relapse', error)
              else if (++model.passed === probes) {
                go({ from: 'half-open', event: 'recover', to: 'closed', payload: undefined })
                model.recent = []
                model.openings = 0
              }
            }
          }
          await turn()
          expect(breaker.state).toBe(model.state)
          expect(changes).toEqual(expected)
          if (model.state === 'half-open') expect(probing() + model.passed).toBeLessThanOrEqual(probes)
        }
      },
    ),
    { numRuns: 400 },
  ))

test('CircuitBreaker: a service that comes back is used again, one that does not is asked ever more seldom', async () => {
  const clock = new ManualClock()
  const breaker = new CircuitBreaker({
    window: 5,
    minCalls: 5,
    failureShare: 1,
    openMs: 100,
    maxOpenMs: 10_000,
    random: () => 0.999,
    clock,
  })
  let isUp = false
  const asked: number[] = []
  const ask = async () => {
    asked.push(clock.now())
    if (!isUp) throw new Failure('away')
    return 'here'
  }
  const call = () => breaker.run(ask).catch((error: Error) => error.name)
  for (let ms = 0; ms < 2_000; ms += 10) {
    await call()
    await clock.advance(10)
  }
  expect(asked.length).toBeLessThan(5 + 6) // five in a row, then after 100, 200, 400, 800 ms
  isUp = true
  await clock.advance(2_000)
  expect(await call()).toBe('here')
  expect(breaker.state).toBe('closed')
})

test('CircuitBreaker: the answer or the error of a call is its own', async () => {
  const breaker = new CircuitBreaker({ openMs: 1, maxOpenMs: 1 })
  const failure = new Failure('sync')
  expect(await breaker.run(async () => 7)).toBe(7)
  await expect(breaker.run(() => Promise.reject(failure))).rejects.toBe(failure)
  await expect(
    breaker.run(() => {
      throw failure
    }),
  ).rejects.toBe(failure)
})
