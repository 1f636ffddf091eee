/*
 * Mutants that these tests kill:
 * - state-machine.ts: an illegal step changes the state
 *     `if (to !== undefined) return to` => `if (to !== undefined || table !== undefined) return to as StateOf<T>`
 * - state-machine.ts: observers are told before the state has changed
 *     `    this.#state = to` => `    queueMicrotask(() => { this.#state = to })`
 * - state-machine.ts: a step taken by an observer is told at once, within the one before
 *     `    if (this.#untold !== undefined) {` => `    if (this.#untold === null) {`
 * - state-machine.ts: whoever comes after an observer that throws is not told
 *     `          errors.push(error)` => `          throw error`
 * - state-machine.ts: the error of an observer is lost
 *     `if (errors.length === 1) throw errors[0]` => `if (errors.length === 9) throw errors[0]`
 * - state-machine.ts: of several errors the first alone is told
 *     `if (errors.length > 1) throw` => `if (errors.length > 1) throw errors[0] ?? `
 * - state-machine.ts: an observer is told once more after it was disposed
 *     `if (!this.#observers.has(observer)) continue` => `if (this.#observers.size < 0) continue`
 * - state-machine.ts: an observer is told of a step taken before it came
 *     `      for (const observer of observers) {` => `      for (const observer of [...this.#observers]) {`
 * - state-machine.ts: observers are told in the wrong order
 *     `observers: [...this.#observers] }` => `observers: [...this.#observers].reverse() }`
 * - state-machine.ts: the payload gets lost
 *     `this.#tell({ from, event, to, payload } as StepOf<T, P>)` => `this.#tell({ from, event, to, payload: undefined } as StepOf<T, P>)`
 */
import { IllegalStepError, StateMachine, type StepOf } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const ring = {
  a: { next: 'b', back: 'c', stay: 'a' },
  b: { next: 'c', back: 'a' },
  c: { next: 'a', back: 'b', stop: 'end' },
  end: {},
} as const
type Ring = StateMachine<typeof ring, { next: number; back: number; stay: number; stop: number }>
type Step = StepOf<typeof ring, { next: number; back: number; stay: number; stop: number }>

const event = fc.constantFrom('next', 'next', 'back', 'stay', 'stop')
const act = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ do: 'look' } as const) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('step' as const), event }) },
  { weight: 1, arbitrary: fc.constant({ do: 'throw' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'observe' } as const) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('dispose' as const), n: fc.nat(9) }) },
)

test('StateMachine: every observer is told of each step taken while it observes, in one order for all, whatever observers do', () =>
  fc.assert(
    fc.property(
      fc.array(fc.array(act, { maxLength: 8 }), { minLength: 1, maxLength: 4 }),
      fc.array(event, { maxLength: 12 }),
      (scripts, events) => {
        const machine: Ring = new StateMachine(ring, 'a')
        const taken: Step[] = [] // in the order in which the state changed
        const thrown: unknown[] = []
        const told: { step: Step; by: number }[] = []
        const observers: { from: number; until: number; disposable: Disposable }[] = []

        const take = (event: keyof (typeof ring)['a'] | 'stop') => {
          const from = machine.state
          const to = (ring[from] as Partial<Record<string, Step['to']>>)[event]
          const payload = taken.length
          if (to === undefined) {
            expect(machine.can(event)).toBe(false)
            expect(() => machine.step(event, payload)).toThrow(IllegalStepError)
            expect(machine.state).toBe(from)
            return
          }
          expect(machine.can(event)).toBe(true)
          taken.push({ from, event, to, payload } as Step)
          const nested = isTelling
          isTelling = true
          let error: unknown
          try {
            expect(machine.step(event, payload)).toBe(to)
          } catch (caught) {
            error = caught
          }
          isTelling = nested
          if (nested) {
            expect(error).toBeUndefined() // comes out of the outermost step
            expect(machine.state).toBe(to) // at once, though nobody has been told yet
          } else {
            expect(error instanceof AggregateError ? error.errors : error === undefined ? [] : [error]).toEqual(thrown.splice(0))
          }
        }
        let isTelling = false

        const observe = (script: (typeof scripts)[number]) => {
          const id = observers.length
          const acts = script.values()
          const disposable = machine.onStep((step) => {
            told.push({ step, by: id })
            expect(machine.state).toBe(taken.at(-1)?.to)
            const next = acts.next().value
            switch (next?.do) {
              case 'step':
                return take(next.event)
              case 'throw':
                thrown.push(step)
                throw step
              case 'observe':
                return observers.length < 9 ? observe([]) : undefined
              case 'dispose': {
                const other = observers[next.n % observers.length]
                other?.disposable[Symbol.dispose]()
                if (other !== undefined && other.until > told.length) other.until = told.length
              }
            }
          })
          observers.push({ from: taken.length, until: Number.POSITIVE_INFINITY, disposable })
        }
        for (const script of scripts) observe(script)
        for (const event of events) take(event)

        const expected: typeof told = []
        for (const step of taken) {
          for (const [by, { from, until }] of observers.entries())
            if (step.payload >= from && expected.length < until) expected.push({ step, by })
        }
        expect(told).toEqual(expected)
      },
    ),
    { numRuns: 500 },
  ))
