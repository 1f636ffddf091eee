/*
 * Mutants that these tests kill:
 * - result.ts: a bug becomes a value
 *     `if (known === undefined) throw error` => ``
 * - result.ts: a falsy error is taken for one that is not known
 *     `if (known === undefined) throw error` => `if (!known) throw error`
 * - result.ts: a cancellation is converted
 *     `if (signal?.aborted && error === signal.reason) throw error` => ``
 * - result.ts: a failure after the abort is taken for the cancellation
 *     `if (signal?.aborted && error === signal.reason) throw error` => `if (signal?.aborted) throw error`
 * - result.ts: a promise is taken for its value
 *     `return ok(await fn())` => `return ok(fn() as T)`
 */
import { attempt, err, ok, type Result, unwrap } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'

test('attempt: values and known errors become results, everything else is thrown as it came', () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom('returns', 'resolves', 'throws', 'rejects'),
      fc.anything(),
      fc.option(fc.constantFrom('gone', '', 0, false), { nil: undefined }),
      fc.constantFrom('not', 'with the error', 'otherwise'),
      async (how, thing, known, cut) => {
        const controller = new AbortController()
        const thenable = thing !== null && typeof thing === 'object' && 'then' in thing
        fc.pre(!thenable && thing !== undefined)
        const fn = () => {
          if (cut !== 'not') controller.abort(cut === 'otherwise' ? { why: 'other' } : thing)
          if (how === 'throws') throw thing
          if (how === 'returns') return thing
          return how === 'resolves' ? Promise.resolve(thing) : Promise.reject(thing)
        }
        let asked = 0
        const convert = (error: unknown) => {
          asked++
          expect(error).toBe(thing)
          return known
        }
        const outcome = await attempt(fn, convert, { signal: controller.signal }).catch((error) => ({ thrown: error }))
        if (how === 'returns' || how === 'resolves') expect([outcome, asked]).toEqual([ok(thing), 0])
        else if (cut === 'with the error') expect([outcome, asked]).toEqual([{ thrown: thing }, 0])
        else expect([outcome, asked]).toEqual([known === undefined ? { thrown: thing } : err(known), 1])
      },
    ),
  ))

test('attempt: looks at its signal first', async () => {
  let called = false
  const fn = () => {
    called = true
  }
  await expect(attempt(fn, () => 'known', { signal: AbortSignal.abort('stop') })).rejects.toBe('stop')
  expect(called).toBe(false)
})

test('unwrap: the value, or the error itself', () => {
  const error = new Error('no')
  const parse = (text: string): Result<number, Error> => (text === 'x' ? err(error) : ok(Number(text)))
  expect(unwrap(parse('7'))).toBe(7)
  expect(() => unwrap(parse('x'))).toThrow(error)
})
