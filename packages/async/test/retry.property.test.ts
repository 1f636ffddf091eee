/*
 * Seeded mutants, each of which one of these tests has killed:
 * - one try more than `attempts`
 * - the wait doubles from the second attempt on only / is not capped by maxMs
 * - retryAfterMs is ignored
 * - a wait that passes the deadline is slept
 * - an error that is not retryable is retried
 * - a cancellation is retried
 */
import { backoffMs, ManualClock, retry, sleep } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'

test('backoffMs is below the doubled base and the maximum, and reaches every part of that span', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2_000 }),
      fc.nat(10_000),
      fc.nat(100_000),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      (attempt, baseMs, maxMs, r) => {
        expect(backoffMs(attempt, { baseMs, maxMs, random: () => r })).toBe(
          baseMs === 0 ? 0 : r * Math.min(maxMs, baseMs * 2 ** (attempt - 1)),
        )
      },
    ),
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
      }),
      async (failures, { attempts, deadlineMs, r, cancelAtMs, tryMs }) => {
        const clock = new ManualClock()
        const controller = new AbortController()
        const retryAfter = 700
        const starts: number[] = []
        const ends: number[] = []
        const outcome = retry(
          async (signal, attempt) => {
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
        expect(seen.at).toBeLessThanOrEqual(deadlineMs ?? Number.POSITIVE_INFINITY)
        expect(clock.timers).toBe(0)
      },
    ),
  ))
