/*
 * Mutants that these tests kill:
 * - clock.ts: what is due at the end of the span does not ring
 *     `head.at <= until` => `head.at < until`
 * - clock.ts: time stands still while it rings
 *     `this.#now = Math.max(this.#now, head.at)` => ``
 * - clock.ts: what was taken back rings
 *     `return () => void this.#calls.remove(call)` => `return () => {}`
 * - clock.ts: rings all at once, before what the first one sets off
 *     `      head.item()` => `      const { item } = head; setImmediate(() => setImmediate(item))`
 * - heap.ts: of equal times the later one comes first
 *     `a.seq < b.seq` => `a.seq > b.seq`
 */
import { ManualClock, sleep } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const ms = fc.nat(30)
const step = fc.oneof(
  fc.record({ do: fc.constant('schedule' as const), ms, again: fc.option(ms, { nil: undefined }) }),
  fc.record({ do: fc.constant('takeBack' as const), i: fc.nat(20) }),
  fc.record({ do: fc.constant('advance' as const), ms }),
)

test('ManualClock: rings what is due in order of time and of arrival, at its time, also what is scheduled on the way', () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) => {
      const clock = new ManualClock()
      const rung: { readonly id: number; readonly at: number }[] = []
      const timers: { readonly id: number; readonly due: number; readonly takeBack: () => void; isOver: boolean }[] = []
      const schedule = (ms: number, again?: number) => {
        const id = timers.length
        const due = clock.now() + ms
        const takeBack = clock.schedule(ms, () => {
          rung.push({ id, at: clock.now() })
          ;(timers[id] as (typeof timers)[number]).isOver = true
          if (again !== undefined) void Promise.resolve().then(() => schedule(again))
        })
        timers.push({ id, due, takeBack, isOver: false })
      }
      for (const step of steps) {
        if (step.do === 'schedule') schedule(step.ms, step.again)
        else if (step.do === 'takeBack') {
          const timer = timers[step.i]
          timer?.takeBack()
          if (timer !== undefined) timer.isOver = true
        } else {
          const before = rung.length
          const until = clock.now() + step.ms
          await clock.advance(step.ms)
          expect(clock.now()).toBe(until)
          const since = rung.slice(before)
          expect(since).toEqual(since.map(({ id }) => ({ id, at: timers[id]?.due })))
          expect(since).toEqual(since.toSorted((a, b) => a.at - b.at || a.id - b.id))
          expect(timers.filter(({ isOver, due }) => !isOver && due <= until)).toEqual([])
        }
        expect(clock.timers).toBe(timers.filter(({ isOver }) => !isOver).length)
      }
      expect(new Set(rung.map(({ id }) => id)).size).toBe(rung.length)
    }),
  ))

test('sleep: sleepers wake in the order of their times', () =>
  fc.assert(
    fc.asyncProperty(fc.array(ms, { maxLength: 10 }), async (times) => {
      const clock = new ManualClock()
      const woken: number[] = []
      const all = Promise.all(times.map((ms) => sleep(ms, { clock }).then(() => woken.push(clock.now()))))
      await clock.advance(30)
      await all
      expect(woken).toEqual(times.toSorted((a, b) => a - b))
    }),
  ))
