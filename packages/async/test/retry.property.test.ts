/*
 * Mutants that these tests kill:
 * - retry.ts: one try more than attempts
 *     `if (attempt >= attempts` => `if (attempt > attempts`
 * - retry.ts: the wait doubles from the second attempt on only
 *     `2 ** Math.min(attempt - 1, LARGEST_DOUBLING)` => `2 ** Math.min(Math.max(0, attempt - 2), LARGEST_DOUBLING)`
 * - retry.ts: a wait is longer than maxMs
 *     `random() * Math.min(maxMs, ` => `random() * Math.max(0, `
 * - retry.ts: the number of the attempt grows beyond what a number holds
 *     `2 ** Math.min(attempt - 1, LARGEST_DOUBLING)` => `2 ** (attempt - 1)`
 * - retry.ts: the least wait that an error asks for is ignored
 *     `options.retryAfterMs?.(error as never) ?? 0` => `0`
 * - retry.ts: a wait that passes the deadline is slept
 *     `if (clock.now() + delayMs >= deadline ||` => `if (`
 * - retry.ts: an error that is not retryable is retried
 *     `|| options.retryable?.(error) === false) throw error` => `) throw error`
 * - retry.ts: a cancellation is retried
 *     `      if (signal.aborted) throw signal.reason` => ``
 * - retry.ts: the deadline is not told to the attempts
 *     `return withTimeout(deadlineMs, (cut) => tries(fn, options, cut,` => `return withTimeout(deadlineMs, () => tries(fn, options, signal ?? new AbortController().signal,`
 * - retry.ts: a retry costs the budget nothing
 *     ` || budget?.tryWithdraw() === false) throw error` => `) throw error`
 * - retry.ts: a call brings the budget nothing
 *     `  budget?.deposit()` => ``
 * - retry.ts: every attempt brings the budget something
 *     `      return await fn(signal, attempt)` => `      if (attempt > 1) budget?.deposit(); return await fn(signal, attempt)`
 * - retry.ts: a wait that the deadline forbids costs the budget something
 *     `if (clock.now() + delayMs >= deadline || budget?.tryWithdraw() === false)` => `if (budget?.tryWithdraw() === false || clock.now() + delayMs >= deadline)`
 */
import { backoffMs, ManualClock, RetryBudget, retry, sleep } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'

test('backoffMs is below the doubled base and the maximum, and reaches every part of that span', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5_000 }),
      fc.nat(10_000),
      fc.nat(100_000),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      (attempt, baseMs, maxMs, r) => {
        expect(backoffMs(attempt, { baseMs, maxMs, random: () => r })).toBe(
          baseMs === 0 ? 0 : r * Math.min(maxMs, baseMs * 2 ** (attempt - 1)),
        )
      },
    ),
    { examples: [[2_000, 0, 1_000, 0.5]] }, // 0 * 2^1999, and 2^1999 is Infinity
  )
})

class Failure extends Error {
  readonly kind: 'plain' | 'after' | 'fatal'
  constructor(kind: 'plain' | 'after' | 'fatal') {
    super(kind)
    this.kind = kind
  }
}

test('retry: tries until success, attempts, deadline, a fatal error or a cancellation, and waits no less than it was told to', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('plain', 'plain', 'plain', 'after', 'fatal'), { maxLength: 8, size: 'max' }),
      fc.record({
        attempts: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
        deadlineMs: fc.option(fc.nat(3_000), { nil: undefined }),
        r: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        cancelAtMs: fc.option(fc.nat(2_000), { nil: undefined }),
        tryMs: fc.nat(100),
        reserve: fc.option(fc.nat(4), { nil: undefined }),
        ratio: fc.nat(1),
      }),
      async (failures, { attempts, deadlineMs, r, cancelAtMs, tryMs, reserve, ratio }) => {
        const clock = new ManualClock()
        const windowMs = 1_000_000 // all of this lies within it
        const budget = reserve === undefined ? undefined : new RetryBudget({ ratio, minPerSecond: reserve / 1_000, windowMs, clock })
        const controller = new AbortController()
        const retryAfter = 700
        const starts: number[] = []
        const ends: number[] = []
        let last: AbortSignal | undefined
        const outcome = retry(
          async (signal, attempt) => {
            last = signal
            expect(attempt).toBe(starts.length + 1)
            starts.push(clock.now())
            await sleep(tryMs, { signal, clock })
            ends.push(clock.now())
            const failure = failures[attempt - 1]
            if (failure !== undefined) throw new Failure(failure)
            return 'done'
          },
          {
            attempts,
            deadlineMs,
            baseMs: 100,
            maxMs: 500,
            random: () => r,
            clock,
            signal: controller.signal,
            budget,
            retryable: (error) => !(error instanceof Failure && error.kind === 'fatal'),
            onRetry: () => expect(controller.signal.aborted).toBe(false),
            retryAfterMs: (error) => (error instanceof Failure && error.kind === 'after' ? retryAfter : undefined),
          },
        ).then(
          (value) => ({ value, at: clock.now() }),
          (error) => ({ error, at: clock.now() }),
        )
        if (cancelAtMs !== undefined) {
          await clock.advance(cancelAtMs)
          controller.abort('cancelled')
        }
        await clock.advance(100_000)

        // the same by arithmetic
        let now = 0
        const until = Math.min(cancelAtMs ?? Number.POSITIVE_INFINITY, deadlineMs ?? Number.POSITIVE_INFINITY)
        const cut = () => (cancelAtMs !== undefined && cancelAtMs < (deadlineMs ?? Number.POSITIVE_INFINITY) ? 'cancelled' : 'TimeoutError')
        let expected: unknown
        const expectedStarts: number[] = []
        let retriesLeft = reserve === undefined ? Number.POSITIVE_INFINITY : reserve + ratio
        for (let attempt = 1; expected === undefined; attempt++) {
          if (now >= until && attempt > 1) expected = cut()
          else {
            expectedStarts.push(now)
            now += tryMs
            const failure = failures[attempt - 1]
            const waitMs = Math.max(r * Math.min(500, 100 * 2 ** (attempt - 1)), failure === 'after' ? retryAfter : 0)
            if (now >= until) expected = 'edge' // ends in the turn of the cut: either may be first
            if (now > until) expected = cut()
            else if (expected === 'edge') continue
            else if (failure === undefined) expected = 'done'
            else if (failure === 'fatal' || attempt === attempts || now + waitMs >= (deadlineMs ?? Number.POSITIVE_INFINITY))
              expected = failure
            else if (retriesLeft-- === 0) expected = failure
            else if (now + waitMs >= until) expected = cut()
            else now += waitMs
          }
        }
        const seen = await outcome
        if (expected === 'edge') return
        expect(starts).toEqual(expectedStarts)
        expect('value' in seen ? seen.value : seen.error instanceof Failure ? seen.error.kind : (seen.error.name ?? seen.error)).toBe(
          expected,
        )
        if (expected === 'cancelled' || expected === 'TimeoutError') expect('error' in seen && seen.error).toBe(last?.reason)
        expect(seen.at).toBeLessThanOrEqual(deadlineMs ?? Number.POSITIVE_INFINITY)
        expect(clock.timers).toBe(0)
        if (budget !== undefined) for (let left = Math.max(0, retriesLeft); left >= 0; left--) expect(budget.tryWithdraw()).toBe(left > 0)
      },
    ),
  ))
