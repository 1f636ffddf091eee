/*
 * Mutants that these tests kill:
 * - abort.ts: a listener that is taken off is told nevertheless
 *     `this.previous.next = this.next` => ``
 * - abort.ts: who comes after one that was taken off is lost
 *     `this.next.previous = this.previous` => ``
 * - abort.ts: the last to go leaves the signal's listener behind
 *     `if (hub.next === hub) hub.end()` => ``
 * - abort.ts: the first to go takes the signal's listener along
 *     `if (hub.next === hub) hub.end()` => `hub.end()`
 * - abort.ts: a second dispose takes somebody else off
 *     `this.#hub = undefined` => ``
 * - abort.ts: the one who came last is told first
 *     `while (this.next instanceof Listening) {` => `for (; this.previous instanceof Listening; ) { this.next = this.previous;`
 */
import { onAbort } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listenerCount } from './turn.ts'

const step = fc.record({ op: fc.constantFrom('listen', 'listen', 'dispose'), n: fc.nat(30) })

test('onAbort: who listens is told once, in the order of their coming; a signal has one listener, and only while somebody waits', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), fc.array(fc.nat(40), { maxLength: 5 }), (steps, leaving) => {
      const controller = new AbortController()
      const { signal } = controller
      const links: Disposable[] = []
      let expected: number[] = []
      const told: number[] = []
      const leavers = new Set(leaving)
      for (const { op, n } of steps) {
        const id = links.length
        if (op === 'listen') {
          // Some take the next one along when they are told.
          const tell = (reason: unknown) => {
            expect(reason).toBe('stop')
            told.push(id)
            if (leavers.has(id)) links[id + 1]?.[Symbol.dispose]()
          }
          links.push(onAbort(signal, tell))
          expected.push(id)
        } else if (links.length > 0) {
          links[n % links.length]?.[Symbol.dispose]()
          expected = expected.filter((each) => each !== n % links.length)
        }
        expect(listenerCount(signal)).toBe(expected.length === 0 ? 0 : 1)
      }
      controller.abort('stop')
      const taken = new Set<number>()
      const heard = expected.filter((id) => {
        if (taken.has(id)) return false
        if (leavers.has(id)) taken.add(id + 1)
        return true
      })
      expect(told).toEqual(heard)
      expect(listenerCount(signal)).toBe(0)
    }),
  )
})
