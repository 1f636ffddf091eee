/*
 * Mutants that these tests kill:
 * - cancel-scope.ts: a cancellation does not reach the children
 *     `this.#link = onAbort(signal, (reason) => this.cancel(reason))` => `this.#link = onAbort(undefined, () => {})`
 * - cancel-scope.ts: a child outlives its parent's deadline by its own
 *     `child.#at = Math.min(child.#at, this.#at)` => ``
 * - cancel-scope.ts: a deadline passes without a word
 *     `this.#unschedule = clock.schedule(deadlineMs, timeout)` => ``
 * - cancel-scope.ts: the timer stays
 *     `    this.#unschedule?.()` => ``
 * - cancel-scope.ts: the listener on the parent stays
 *     `    this.#link?.[Symbol.dispose]()` => ``
 * - cancel-scope.ts: a cancelled scope keeps its timer and its listener
 *     `    this[Symbol.dispose]()` => ``
 * - cancel-scope.ts: a further deadline is timed as well
 *     `deadlineMs: isNearer ? deadlineMs : undefined` => `deadlineMs`
 */
import { CancelScope, ManualClock, shield, sleep } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listenerCount } from './turn.ts'

/** What is known of a scope without the scope. */
interface Model {
  readonly parent: number | undefined
  readonly at: number
  /** Its own deadline is the nearest one. */
  readonly isTimed: boolean
  reason: unknown
  isDisposed: boolean
}

const isLive = ({ reason, isDisposed }: Model) => reason === undefined && !isDisposed

const step = fc.oneof(
  fc.record({ do: fc.constant('child' as const), of: fc.nat(9), deadlineMs: fc.option(fc.nat(40), { nil: undefined }) }),
  fc.record({ do: fc.constant('cancel' as const), of: fc.nat(9) }),
  fc.record({ do: fc.constant('dispose' as const), of: fc.nat(9) }),
  fc.record({ do: fc.constant('advance' as const), ms: fc.nat(15) }),
  fc.record({ do: fc.constant('outer' as const) }),
)

test('CancelScope: cancellations and deadlines reach exactly those below, each keeps its first reason, nothing is left behind', () =>
  fc.assert(
    fc.asyncProperty(
      fc.option(fc.nat(60), { nil: undefined }),
      fc.array(step, { maxLength: 25, size: 'max' }),
      async (deadlineMs, steps) => {
        const clock = new ManualClock()
        const outer = new AbortController()
        const scopes = [new CancelScope({ signal: outer.signal, deadlineMs, clock })]
        const models: Model[] = [
          { parent: undefined, at: deadlineMs ?? Infinity, isTimed: deadlineMs !== undefined, reason: undefined, isDisposed: false },
        ]

        const cancel = (i: number, reason: unknown) => {
          const model = models[i] as Model
          model.reason ??= reason
          for (const [j, below] of models.entries()) if (below.parent === i && isLive(below)) cancel(j, reason)
        }
        const check = () => {
          for (const [i, { signal, leftMs }] of scopes.entries()) {
            const { at, reason } = models[i] as Model
            expect(leftMs).toBe(Math.max(0, at - clock.now()))
            expect(signal.aborted).toBe(reason !== undefined)
            if (reason === 'deadline') expect(signal.reason).toMatchObject({ name: 'TimeoutError' })
            else expect(signal.reason).toBe(reason)
            expect(listenerCount(signal)).toBe(models.some((model) => model.parent === i && isLive(model)) ? 1 : 0)
          }
          expect(clock.timers).toBe(models.filter((model) => model.isTimed && isLive(model)).length)
          expect(listenerCount(outer.signal)).toBe(isLive(models[0] as Model) ? 1 : 0)
        }
        for (const step of steps) {
          const i = 'of' in step ? step.of % scopes.length : 0
          const scope = scopes[i] as CancelScope
          const model = models[i] as Model
          if (step.do === 'child') {
            scopes.push(scope.child({ deadlineMs: step.deadlineMs }))
            const ownAt = clock.now() + (step.deadlineMs ?? Infinity)
            models.push({ parent: i, at: Math.min(model.at, ownAt), isTimed: ownAt < model.at, reason: model.reason, isDisposed: false })
          } else if (step.do === 'cancel') {
            scope.cancel(`cancelled ${i}`)
            if (model.reason === undefined) cancel(i, `cancelled ${i}`)
          } else if (step.do === 'dispose') {
            scope[Symbol.dispose]()
            model.isDisposed = true
          } else if (step.do === 'outer') {
            outer.abort('outer')
            if (isLive(models[0] as Model)) cancel(0, 'outer')
          } else {
            await clock.advance(step.ms)
            for (const [j, model] of models.entries()) if (model.isTimed && model.at <= clock.now() && isLive(model)) cancel(j, 'deadline')
          }
          check()
        }
        for (const [i, scope] of scopes.entries()) {
          scope[Symbol.dispose]()
          ;(models[i] as Model).isDisposed = true
        }
        check()
      },
    ),
  ))

test('CancelScope: a parent holds nothing of the children that it has had', () => {
  const parent = new CancelScope()
  for (let i = 0; i < 1_000; i++) {
    using _child = parent.child({ deadlineMs: 60_000 })
    expect(listenerCount(parent.signal)).toBe(1)
  }
  expect(listenerCount(parent.signal)).toBe(0)
})

test('shield: clean-up is not reached by a cancellation, and is cut when it takes too long', async () => {
  const clock = new ManualClock()
  const scope = new CancelScope({ clock })
  const cleanUp = (ms: number) => shield((signal) => sleep(ms, { signal, clock }).then(() => 'clean'), { graceMs: 10, clock })
  const work = async (ms: number) => {
    try {
      await sleep(100, { signal: scope.signal, clock })
    } finally {
      await cleanUp(ms)
    }
  }
  const inTime = expect(work(9)).rejects.toBe('stop')
  const late = expect(work(11)).rejects.toMatchObject({ name: 'TimeoutError' })
  scope.cancel('stop')
  await clock.advance(20)
  await Promise.all([inTime, late])
  const heedless = expect(shield(() => new Promise<never>(() => {}), { graceMs: 10, clock })).rejects.toMatchObject({
    name: 'TimeoutError',
  })
  await clock.advance(10)
  await heedless
  expect(await shield(async () => 7, { graceMs: 10, clock })).toBe(7)
  await expect(shield(() => Promise.reject(new Error('no')), { graceMs: 10, clock })).rejects.toThrow('no')
  expect(clock.timers).toBe(0)
})
