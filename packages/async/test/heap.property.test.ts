/*
 * Mutants that these tests kill:
 * - heap.ts: what was pushed later comes first among equals
 *     `a.seq < b.seq` => `a.seq > b.seq`
 * - heap.ts: a new entry does not rise
 *     `if (!isBefore(node, parent)) return` => `return`
 * - heap.ts: it sinks along the left children only
 *     `right !== undefined && isBefore(right, left) ? right : left` => `left`
 * - heap.ts: what took the place of a removed entry does not sink
 *     `this.#sink(last)` => ``
 * - heap.ts: what took the place of a removed entry does not rise
 *     `this.#rise(last)` => ``
 * - heap.ts: a removed entry can be removed again, and takes another one along
 *     `node.index = -1` => ``
 */
import { ManualClock } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'

test('a clock rings its alarms in the order of their times, and of their making among equals, however many there are', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.record({ ms: fc.nat(20), cancel: fc.boolean() }), { maxLength: 60, size: 'max' }), async (alarms) => {
      const clock = new ManualClock()
      const rung: { id: number; at: number }[] = []
      const cancels = alarms.map(({ ms }, id) => clock.schedule(ms, () => rung.push({ id, at: clock.now() })))
      for (const [id, { cancel }] of alarms.entries()) if (cancel) cancels[id]?.()
      for (const [id, { cancel }] of alarms.entries()) if (cancel) cancels[id]?.()
      const kept = [...alarms.entries()].filter(([, { cancel }]) => !cancel)
      expect(clock.timers).toBe(kept.length)
      await clock.advance(20)
      expect(rung).toEqual(kept.map(([id, { ms }]) => ({ id, at: ms })).sort((a, b) => a.at - b.at || a.id - b.id))
      expect(clock.timers).toBe(0)
    }),
  ))
