/*
 * Mutants that these tests kill:
 * - task-tracker.ts: disposing waits for the first end only
 *     `if (--this.#size === 0) this.#waiting.resolveAll(undefined)` => `if (--this.#size >= 0) this.#waiting.resolveAll(undefined)`
 * - task-tracker.ts: only one of those who wait is told
 *     `this.#waiting.resolveAll(undefined)` => `this.#waiting.head?.resolve(undefined)`
 * - task-tracker.ts: a failure is not told
 *     `      this.#onError(error)` => `      void error`
 * - task-tracker.ts: what has failed never ends
 *     `      this.#end()` => `      void error`
 * - task-tracker.ts: it takes work that nobody will wait for
 *     `if (this.#isClosing && this.#size === 0) throw new TypeError('Cannot track: the tracker is disposed')` => ``
 * - task-tracker.ts: it takes nothing while it is disposed, also from the work itself
 *     `if (this.#isClosing && this.#size === 0) throw` => `if (this.#isClosing) throw`
 */
import { TaskTracker } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'

interface Plan {
  readonly by: 'promise' | 'function' | 'release' | 'throws'
  readonly steps: number
  readonly fails: boolean
  readonly more: readonly Plan[]
}

const { plan } = fc.letrec<{ plan: Plan }>((tie) => ({
  plan: fc.record({
    by: fc.constantFrom('promise', 'function', 'release', 'throws'),
    steps: fc.nat(3),
    fails: fc.boolean(),
    more: fc.oneof({ maxDepth: 2 }, fc.constant([]), fc.array(tie('plan'), { maxLength: 2, size: 'max' })),
  }),
}))

test('TaskTracker: disposing waits for all, also for what the work itself brings, and every failure is told', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(plan, { maxLength: 6, size: 'max' }), fc.nat(6), async (s, plans, waiters) => {
      const told: unknown[] = []
      const failures: Error[] = []
      const tracker = new TaskTracker({ onError: (error) => told.push(error) })
      let running = 0
      const fail = () => {
        const failure = new Error(`failure ${failures.length}`)
        failures.push(failure)
        return failure
      }
      const work = async ({ steps, fails, more }: Plan) => {
        running++
        for (let i = 0; i < steps; i++) await s.schedule(Promise.resolve('step'))
        for (const each of more) start(each)
        running--
        if (fails) throw fail()
      }
      const start = (plan: Plan) => {
        if (plan.by === 'promise') tracker.track(work(plan))
        else if (plan.by === 'function') tracker.track(() => work(plan))
        else if (plan.by === 'release') tracker.release({ [Symbol.asyncDispose]: () => work(plan) })
        else
          tracker.track(() => {
            throw fail()
          })
      }
      const waiting: Promise<void>[] = []
      const see = async (ended: Promise<void>) => {
        await ended
        expect([running, tracker.size]).toEqual([0, 0])
      }
      const body = async () => {
        for (const [i, plan] of plans.entries()) {
          await s.schedule(Promise.resolve('next'))
          start(plan)
          if (i < waiters) waiting.push(see(tracker.idle()))
        }
        await s.schedule(Promise.resolve('dispose'))
        await Promise.all([...waiting, see(tracker[Symbol.asyncDispose]())])
      }
      await s.waitFor(body())
      expect(told).toHaveLength(failures.length)
      expect(told).toEqual(expect.arrayContaining(failures))
      expect(() => tracker.track(async () => {})).toThrow(TypeError)
    }),
  ))

test('TaskTracker: releases in the background, and goes on when nobody waits any more', async () => {
  await using tracker = new TaskTracker({ onError: () => {} })
  const controller = new AbortController()
  const gate = Promise.withResolvers<void>()
  let released = false
  tracker.release({
    [Symbol.asyncDispose]: async () => {
      await gate.promise
      released = true
    },
  })
  const idle = tracker.idle({ signal: controller.signal })
  controller.abort('enough')
  await expect(idle).rejects.toBe('enough')
  expect([tracker.size, released]).toEqual([1, false])
  gate.resolve()
  await tracker.idle()
  expect([tracker.size, released]).toEqual([0, true])
})
