/*
 * Mutants that these tests kill:
 * - shutdown.ts: a drain does not reach the children
 *     `this.#links.push(onAbort(draining, (reason) => this.drain(reason)))` => ``
 * - shutdown.ts: an abort does not reach the children
 *     `this.#links.push(onAbort(aborted, (reason) => this.abort(reason)))` => ``
 * - shutdown.ts: an abort only drains
 *     `    this.#abort.abort(reason)` => ``
 * - shutdown.ts: a second drain has a grace of its own
 *     `if (this.draining.aborted) return` => ``
 * - shutdown.ts: a drain lasts as long as it likes
 *     `if (this.#graceMs !== undefined) this.#grace.set(this.#clock.now() + this.#graceMs)` => ``
 * - shutdown.ts: the timer stays
 *     `    this.#grace.set(undefined)` => ``
 * - shutdown.ts: the listeners on the parent stay
 *     `for (const link of this.#links) link[Symbol.dispose]()` => ``
 * - shutdown.ts: a scope that is disposed still has its grace
 *     `    this.#graceMs = undefined` => ``
 */
import { ManualClock, ShutdownScope } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listenerCount } from './turn.ts'

/** What is known of a scope without the scope. */
interface Model {
  readonly parent: number | undefined
  readonly graceMs: number | undefined
  /** When the drain turns into an abort. */
  at: number
  drained: unknown
  aborted: unknown
  isDisposed: boolean
}

const of = fc.nat(9)
const grace = fc.option(fc.nat(40), { nil: undefined })
const step = fc.oneof(
  fc.record({ do: fc.constant('child' as const), of, graceMs: grace }),
  fc.record({ do: fc.constant('drain' as const), of }),
  fc.record({ do: fc.constant('abort' as const), of }),
  fc.record({ do: fc.constant('dispose' as const), of }),
  fc.record({ do: fc.constant('advance' as const), ms: fc.nat(25) }),
)

test('ShutdownScope: drains and aborts reach exactly those below, a drain that takes too long turns into an abort', () =>
  fc.assert(
    fc.asyncProperty(grace, fc.array(step, { maxLength: 25, size: 'max' }), async (graceMs, steps) => {
      const clock = new ManualClock()
      const scopes: ShutdownScope[] = []
      const models: Model[] = []

      const below = (i: number) => models.flatMap(({ parent, isDisposed }, j) => (parent === i && !isDisposed ? [j] : []))
      const add = (scope: ShutdownScope, parent: number | undefined, graceMs: number | undefined) => {
        scopes.push(scope)
        models.push({ parent, graceMs, at: Infinity, drained: undefined, aborted: undefined, isDisposed: false })
        const { drained, aborted } = models[parent ?? -1] ?? {}
        if (drained !== undefined) drain(models.length - 1, drained)
        if (aborted !== undefined) abort(models.length - 1, aborted)
      }
      const drain = (i: number, reason: unknown) => {
        const model = models[i] as Model
        if (model.drained !== undefined) return
        model.drained = reason
        if (model.graceMs !== undefined && !model.isDisposed) model.at = clock.now() + model.graceMs
        for (const j of below(i)) drain(j, reason)
      }
      const abort = (i: number, reason: unknown) => {
        const model = models[i] as Model
        drain(i, reason)
        if (model.aborted !== undefined) return
        model.aborted = reason
        for (const j of below(i)) abort(j, reason)
        dispose(model)
      }
      const dispose = (model: Model) => {
        model.isDisposed = true
        model.at = Infinity
      }
      const look = (signal: AbortSignal) => {
        if (!signal.aborted) return undefined
        return signal.reason instanceof DOMException ? signal.reason.name : signal.reason
      }
      const check = () => {
        for (const [i, { draining, aborted }] of scopes.entries()) {
          expect([look(draining), look(aborted)]).toEqual([models[i]?.drained, models[i]?.aborted])
          expect(listenerCount(draining)).toBe(draining.aborted ? 0 : Math.min(1, below(i).length))
          expect(listenerCount(aborted)).toBe(Math.min(1, below(i).length))
        }
        expect(clock.timers).toBe(models.filter(({ at }) => at < Infinity).length)
      }
      add(new ShutdownScope({ graceMs, clock }), undefined, graceMs)
      for (const step of steps) {
        const i = 'of' in step ? step.of % scopes.length : 0
        const scope = scopes[i] as ShutdownScope
        if (step.do === 'child') add(scope.child({ graceMs: step.graceMs }), i, step.graceMs)
        else if (step.do === 'drain') {
          scope.drain(`drain ${i}`)
          drain(i, `drain ${i}`)
        } else if (step.do === 'abort') {
          scope.abort(`abort ${i}`)
          abort(i, `abort ${i}`)
        } else if (step.do === 'dispose') {
          scope[Symbol.dispose]()
          dispose(models[i] as Model)
        } else {
          await clock.advance(step.ms)
          for (const [j, { at }] of models.entries()) if (at <= clock.now()) abort(j, 'TimeoutError')
        }
        check()
      }
    }),
  ))

test('ShutdownScope: abort implies drain, both keep the first reason', () => {
  const scope = new ShutdownScope()
  scope.drain('SIGTERM')
  expect([scope.draining.aborted, scope.aborted.aborted]).toEqual([true, false])
  scope.abort('again')
  expect([scope.draining.reason, scope.aborted.reason]).toEqual(['SIGTERM', 'again'])
  const other = new ShutdownScope()
  other.abort()
  expect([other.draining.aborted, other.aborted.aborted]).toEqual([true, true])
  expect(other.aborted.reason).toMatchObject({ name: 'AbortError' })
})

test('ShutdownScope: linked to signals, each stage follows its own', () => {
  const failing = new AbortController()
  const stopping = new AbortController()
  const part = new ShutdownScope({ draining: stopping.signal, aborted: failing.signal })
  stopping.abort('stop')
  expect([part.draining.reason, part.aborted.aborted]).toEqual(['stop', false])
  failing.abort('sibling')
  expect([part.draining.reason, part.aborted.reason]).toEqual(['stop', 'sibling'])
  const late = new ShutdownScope({ draining: new AbortController().signal, aborted: failing.signal })
  expect([late.draining.reason, late.aborted.reason]).toEqual(['sibling', 'sibling'])
})

test('ShutdownScope: the grace runs once, from the first drain on', async () => {
  const clock = new ManualClock()
  const scope = new ShutdownScope({ graceMs: 10, clock })
  await clock.advance(100)
  scope.drain('first')
  await clock.advance(6)
  scope.drain('second')
  expect(scope.aborted.aborted).toBe(false)
  await clock.advance(4)
  expect([scope.draining.reason, scope.aborted.reason.name]).toEqual(['first', 'TimeoutError'])
})
