/*
 * Mutants that these tests kill:
 * - retry-budget.ts: calls do not count
 *     `this.#current().calls++` => `this.#current()`
 * - retry-budget.ts: retries do not count
 *     `    current.retries++` => ``
 * - retry-budget.ts: retries that were refused count
 *     `    const current = this.#current()` => `    const current = this.#current(); current.retries++`
 * - retry-budget.ts: one retry more than allowed
 *     `if (allowed + this.#ratio * calls < 1) return false` => `if (allowed + this.#ratio * calls < 0) return false`
 * - retry-budget.ts: the reserve is that of one second
 *     `(minPerSecond * windowMs) / 1_000` => `minPerSecond`
 * - retry-budget.ts: what is older than the window still counts
 *     `this.#slices[++this.#slice % SLICES] = { calls: 0, retries: 0 }` => `++this.#slice`
 * - retry-budget.ts: the window is moved on by one slice, however much time has passed
 *     `Math.max(this.#slice, now - SLICES)` => `Math.max(this.#slice, now - 1)`
 * - retry-budget.ts: everything is forgotten when the window moves on
 *     `Math.max(this.#slice, now - SLICES)` => `(this.#slice < now ? now - SLICES : now)`
 */
import { ManualClock, RetryBudget } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const step = fc.record({ op: fc.constantFrom('call', 'call', 'retry', 'retry', 'advance'), n: fc.nat(20) })

test('RetryBudget grants a retry as long as those within the window are fewer than the calls and the time allow', () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom(0, 0.125, 0.5, 2),
      fc.constantFrom(0, 10, 50),
      fc.array(step, { maxLength: 60, size: 'max' }),
      async (ratio, minPerSecond, steps) => {
        const clock = new ManualClock()
        const budget = new RetryBudget({ ratio, minPerSecond, windowMs: 100, clock })
        const calls: number[] = []
        const retries: number[] = []
        const withinWindow = (times: number[]) => {
          const start = 10 * (Math.floor(clock.now() / 10) - 9) // of ten tenths, the one under way included
          return times.filter((at) => at >= start).length
        }
        for (const { op, n } of steps) {
          if (op === 'call') {
            for (let i = 0; i < n; i++) {
              budget.deposit()
              calls.push(clock.now())
            }
          } else if (op === 'retry') {
            for (let i = 0; i < n; i++) {
              const granted = withinWindow(retries) + 1 <= minPerSecond * 0.1 + ratio * withinWindow(calls)
              expect(budget.tryWithdraw()).toBe(granted)
              if (granted) retries.push(clock.now())
            }
          } else await clock.advance(n * n)
        }
      },
    ),
  ))

test('RetryBudget: of a thousand calls that all fail for ever, two hundred retries and the reserve are made', async () => {
  const budget = new RetryBudget({ clock: new ManualClock() })
  let retries = 0
  for (let call = 0; call < 1_000; call++) {
    budget.deposit()
    while (budget.tryWithdraw()) retries++
  }
  expect(retries).toBe(200 + 100)
})
