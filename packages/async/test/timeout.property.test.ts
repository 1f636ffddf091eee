/*
 * Mutants that these tests kill:
 * - timeout.ts: the time does not end it
 *     `const unschedule = clock.schedule(ms, () =>` => `const unschedule = clock.schedule(10 * ms + 1_000, () =>`
 * - timeout.ts: a function that pays no heed is waited for
 *     `    reject(reason) // before the abort, so that the caller sees the reason and not what fn makes of it` => ``
 * - timeout.ts: the function is not told
 *     `    controller.abort(reason)` => ``
 * - timeout.ts: the function's own words for the abort are heard
 *     `    reject(reason) // before the abort, so that the caller sees the reason and not what fn makes of it` => `    queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => reject(reason))))`
 * - timeout.ts: the timer stays
 *     `    unschedule()` => ``
 * - timeout.ts: the listener stays
 *     `    link[Symbol.dispose]()` => ``
 * - timeout.ts: the outer signal is not passed on
 *     `const link = onAbort(signal, cut)` => `const link = onAbort(undefined, cut)`
 */
import { ManualClock, sleep, withTimeout } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listenerCount, turn } from './turn.ts'

test('withTimeout: ends with the first of function, time and caller, at that time, and tells the function', () =>
  fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.nat(60), { minLength: 3, maxLength: 3 }),
      fc.constantFrom('heeds', 'wraps', 'ignores'),
      fc.boolean(),
      async ([runMs = 0, limitMs = 0, cutMs = 0], manner, fails) => {
        const clock = new ManualClock()
        const outer = new AbortController()
        clock.schedule(cutMs, () => outer.abort('cut'))
        let told: unknown
        const run = async (signal: AbortSignal) => {
          signal.addEventListener('abort', () => {
            told = signal.reason
          })
          try {
            await sleep(runMs, manner === 'ignores' ? { clock } : { clock, signal })
          } catch (error) {
            throw manner === 'wraps' ? new Error('wrapped', { cause: error }) : error
          }
          if (fails) throw 'failure'
          return 'value'
        }
        let endedAt: number | undefined
        const call = withTimeout(limitMs, run, { signal: outer.signal, clock })
          .catch((error) => (error instanceof DOMException ? error.name : error))
          .finally(() => {
            endedAt = clock.now()
          })
        const first = Math.min(runMs, limitMs, cutMs)
        await clock.advance(100)
        expect(endedAt).toBe(first)
        const outcome = await call
        if (first === runMs) expect([outcome, told]).toEqual([fails ? 'failure' : 'value', undefined])
        else if (first === cutMs) expect([outcome, told]).toEqual(['cut', 'cut'])
        else expect([outcome, told]).toMatchObject(['TimeoutError', { name: 'TimeoutError' }])
        expect([clock.timers, listenerCount(outer.signal)]).toEqual([0, 0])
      },
    ),
  ))

test('withTimeout: the caller sees TimeoutError, the function its signal, and an unheeding function is not waited for', async () => {
  const clock = new ManualClock()
  let seen: AbortSignal | undefined
  const call = withTimeout(
    100,
    (signal) => {
      seen = signal
      return new Promise<never>(() => {})
    },
    { clock },
  )
  const outcome = expect(call).rejects.toMatchObject({ name: 'TimeoutError' })
  await clock.advance(99)
  expect(seen?.aborted).toBe(false)
  await clock.advance(1)
  await outcome
  expect(seen?.reason).toMatchObject({ name: 'TimeoutError' })
})

test('withTimeout: the outer cancellation passes through untouched, and the timer goes', async () => {
  const clock = new ManualClock()
  const controller = new AbortController()
  const reason = { why: 'shutdown' }
  const call = withTimeout(100, (signal) => sleep(50, { signal, clock }), { clock, signal: controller.signal })
  controller.abort(reason)
  await expect(call).rejects.toBe(reason)
  expect(clock.timers).toBe(0)
})

test('withTimeout: a value or a failure in time ends the timer', async () => {
  const clock = new ManualClock()
  const controller = new AbortController()
  expect(await withTimeout(100, async () => 7, { clock, signal: controller.signal })).toBe(7)
  await expect(withTimeout(100, () => Promise.reject(new Error('no')), { clock })).rejects.toThrow('no')
  const throwing = (): Promise<never> => {
    throw new Error('at once')
  }
  await expect(withTimeout(100, throwing, { clock })).rejects.toThrow('at once')
  await turn()
  expect(clock.timers).toBe(0)
  expect(listenerCount(controller.signal)).toBe(0)
})
