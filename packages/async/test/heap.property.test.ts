/*
 * Mutants that these tests kill:
 * - heap.ts: what was pushed later comes first among equals
 *     `a.seq < b.seq` => `a.seq > b.seq`
 * - heap.ts: a new entry does not rise
 *     `if (!isBefore(entry, parent)) break` => `break`
 * - heap.ts: the hole sinks along the left children only
 *     `right !== undefined && isBefore(right, entries[down] as Entry<T>) ? right` => `right === undefined ? right as never`
 * - heap.ts: the last entry is put where its child should have risen
 *     `if (!isBefore(child, last)) break` => `break`
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
      const kept = [...alarms.entries()].filter(([, { cancel }]) => !cancel)
      expect(clock.timers).toBe(kept.length)
      await clock.advance(20)
      expect(rung).toEqual(kept.map(([id, { ms }]) => ({ id, at: ms })).sort((a, b) => a.at - b.at || a.id - b.id))
      expect(clock.timers).toBe(0)
    }),
  ))
