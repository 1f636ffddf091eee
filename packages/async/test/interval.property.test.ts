/*
 * Mutants that these tests kill:
 * - interval.ts: a burst leaves ticks out
 *     `burst: (due, everyMs) => due + everyMs,` => `burst: (due, everyMs, now) => Math.max(due, now) + everyMs,`
 * - interval.ts: skip leaves the grid
 *     `skip: (due, everyMs, now) => due + everyMs * (1 + Math.floor((now - due) / everyMs)),` => `skip: (_, everyMs, now) => now + everyMs,`
 * - interval.ts: skip gives a tick of the past
 *     `(1 + Math.floor((now - due) / everyMs))` => `Math.max(1, Math.floor((now - due) / everyMs))`
 * - interval.ts: delay counts from when the tick was due
 *     `delay: (_, everyMs, now) => now + everyMs,` => `delay: (due, everyMs) => due + everyMs,`
 * - interval.ts: a reset changes nothing
 *     `    this.#due = this.#clock.now() + this.#everyMs // of everybody` => ``
 * - interval.ts: a cancelled call keeps its place and its timer
 *     `this.#waiting.wait(undefined, signal, this.#serve)` => `this.#waiting.wait(undefined, signal)`
 * - interval.ts: whoever comes late overtakes those who wait
 *     `return this.#waiting.size === 0 && this.#clock.now() >= this.#due` => `return this.#clock.now() >= this.#due`
 * - interval.ts: a select that picks another branch keeps the timer
 *     `      waiter.leave()` => `      return void waiter.leave()`
 * - interval.ts: the first tick comes after a period, not at once
 *     `firstMs = 0` => `firstMs = everyMs`
 */
import { interval, ManualClock, type MissedTicks, select } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listenerCount } from './turn.ts'

const ms = fc.nat(50)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('tick' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('work' as const), ms }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), ms }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const) }) },
)

/** What each policy promises, in terms of the ticks so far: when the next one is due. Times are those of the grid's start. */
const LAWS: { readonly [Policy in MissedTicks]: (grid: number, everyMs: number, ticks: number, takenAt: number) => number } = {
  burst: (grid, everyMs, ticks) => grid + ticks * everyMs,
  skip: (grid, everyMs, _, takenAt) => {
    let due = grid
    while (due <= takenAt) due += everyMs
    return due
  },
  delay: (_, everyMs, __, takenAt) => takenAt + everyMs,
}

test.each(Object.entries(LAWS))(
  'interval, %s: every tick comes when it is due, never before, and a cancelled call takes none',
  (missed, law) =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fc.option(ms, { nil: undefined }),
        fc.array(step, { maxLength: 25, size: 'max' }),
        async (everyMs, firstMs, steps) => {
          const clock = new ManualClock()
          await clock.advance(7)
          const ticker = interval({ everyMs, missed: missed as MissedTicks, firstMs, clock })
          let grid = clock.now() + (firstMs ?? 0)
          let ticks = 0
          let due = grid
          for (const step of steps) {
            if (step.do === 'work') await clock.advance(step.ms)
            else if (step.do === 'reset') {
              ticker.reset()
              grid = clock.now() + everyMs
              due = grid
              ticks = 0
            } else {
              const controller = new AbortController()
              let outcome: unknown
              const tick = ticker.tick({ signal: controller.signal }).then(
                (at) => {
                  outcome = at
                },
                (reason) => {
                  outcome = reason
                },
              )
              const leftMs = Math.max(0, due - clock.now())
              if (step.do === 'cancel' && step.ms < leftMs) {
                await clock.advance(step.ms)
                expect(outcome).toBe(undefined)
                controller.abort('cut')
                await tick
                expect(outcome).toBe('cut')
              } else {
                if (leftMs > 0) {
                  await clock.advance(leftMs - 1)
                  expect(outcome).toBe(undefined)
                  await clock.advance(1)
                }
                await tick
                expect(outcome).toBe(due)
                due = law(grid, everyMs, ++ticks, clock.now())
              }
              expect(listenerCount(controller.signal)).toBe(0)
            }
            expect(clock.timers).toBe(0)
          }
        },
      ),
    ),
)

test('interval: those who wait are served one tick each in their order, also when a reset comes between', async () => {
  const clock = new ManualClock()
  const ticker = interval({ everyMs: 10, missed: 'burst', clock })
  const served: string[] = []
  const wait = (name: string) => ticker.tick().then((at) => served.push(`${name} ${at}`))
  const all = ['a', 'b', 'c', 'd'].map(wait)
  await clock.advance(14)
  expect(served).toEqual(['a 0', 'b 10'])
  ticker.reset()
  await clock.advance(9)
  expect(served).toEqual(['a 0', 'b 10'])
  await clock.advance(11)
  await Promise.all(all)
  expect(served.slice(2)).toEqual(['c 24', 'd 34'])
  expect(clock.timers).toBe(0)
})

test('interval: whoever comes while a timer is late waits behind the others', async () => {
  for (let firstMs = 1; firstMs < 10; firstMs++) {
    let now = 0
    const clock = { now: () => now++, schedule: () => () => {} } // goes on between two looks, and never rings by itself
    const ticker = interval({ everyMs: 3, missed: 'burst', firstMs, clock })
    const served: number[] = []
    const calls = Array.from({ length: 20 }, (_, i) => ticker.tick().then(() => served.push(i)))
    await Promise.all(calls.slice(0, 3))
    expect(served).toEqual(served.map((_, i) => i))
  }
})

test('interval: a loop and a select take no tick along, and leave no timer', async () => {
  const clock = new ManualClock()
  const ticker = interval({ everyMs: 10, missed: 'burst', clock })
  const seen: number[] = []
  const loop = async () => {
    for await (const at of ticker) if (seen.push(at) === 3) return
  }
  const looping = loop()
  await clock.advance(20)
  await looping
  expect(seen).toEqual([0, 10, 20])
  const stop = new AbortController()
  const picking = select({ ticker, stop: stop.signal })
  stop.abort('enough')
  expect(await picking).toEqual({ branch: 'stop', value: 'enough' })
  expect(clock.timers).toBe(0)
  await clock.advance(10)
  expect(await select({ ticker, stop: new AbortController().signal })).toEqual({ branch: 'ticker', value: 30 })
  const iterator = ticker[Symbol.asyncIterator]()
  const next = iterator.next()
  await iterator.return?.()
  expect(await next).toEqual({ done: true, value: undefined })
  expect(clock.timers).toBe(0)
  await clock.advance(10)
  expect(await ticker.tick()).toBe(40)
})
