/*
 * Mutants that these tests kill:
 * - children.ts: a failure does not abort the siblings
 *     `this.#controller.abort(error) // the first one wins, later calls do nothing` => ``
 * - children.ts: join waits for the first end only
 *     `if (--this.#running === 0 && this.#ended !== undefined)` => `if (--this.#running >= 0 && this.#ended !== undefined)`
 * - children.ts: a cancelled task counts as failed
 *     `if (this.signal.aborted && error === this.signal.reason) this.#isCancelled = true` => `if (false) this.#isCancelled = true`
 * - children.ts: a task is started although the group is aborted
 *     `return !this.signal.aborted` => `return true`
 * - children.ts: the outer signal is not passed on
 *     `this.#link = onAbort(outer, (reason) => this.#controller.abort(reason))` => `this.#link = onAbort(undefined, () => {})`
 * - children.ts: the listener on the outer signal stays
 *     `this.#link[Symbol.dispose]()` => ``
 * - children.ts: only the last failure is told
 *     `if (this.#failures.length > 0) throw oneError(this.#failures, 'tasks')` => `if (this.#failures.length > 0) throw this.#failures.at(-1)`
 * - children.ts: a group that is cancelled from outside ends well
 *     `if (this.#isCancelled && !this.#isStopped) throw this.signal.reason` => ``
 * - children.ts: a group that stops itself ends badly
 *     `this.#isStopped = true` => ``
 * - task-group.ts: a task that throws before its first promise is lost
 *     `      this.#fail(error)` => `      void error`
 * - task-group.ts: tasks of tasks cannot be spawned while the group is joined
 *     `if (this.#children.isOver) throw` => `if (this.#joined) throw`
 */
import { TaskGroup } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listenerCount } from './turn.ts'

type Plan = { readonly end: 'return' | 'fail' | 'throw' | 'stubborn'; readonly steps: number; readonly children: readonly Plan[] }

const { plan } = fc.letrec<{ plan: Plan }>((tie) => ({
  plan: fc.record({
    end: fc.constantFrom('return', 'return', 'fail', 'throw', 'stubborn'),
    steps: fc.integer({ min: 0, max: 3 }),
    children: fc.oneof({ maxDepth: 2 }, fc.constant([]), fc.array(tie('plan'), { maxLength: 2, size: 'max' })),
  }),
}))

test('TaskGroup: after join nothing runs, the first failure is thrown, and nobody starts after it', () =>
  fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(plan, { maxLength: 5, size: 'max' }),
      fc.constantFrom('nobody', 'outer', 'itself'),
      async (s, plans, stoppedBy) => {
        const outer = new AbortController()
        const group = new TaskGroup({ signal: outer.signal })
        let running = 0
        let isCancelled = false
        let isStartedLate = false
        let isThrown = false
        const failures: Error[] = []
        const fail = () => {
          const error = new Error(`failure ${failures.length}`)
          failures.push(error)
          return error
        }
        const work = async ({ end, steps, children }: Plan, signal: AbortSignal) => {
          running++
          try {
            for (let i = 0; i < steps; i++) {
              await s.schedule(Promise.resolve('work'))
              expect(signal.aborted || !outer.signal.aborted).toBe(true)
              if (end !== 'stubborn') signal.throwIfAborted()
            }
            for (const child of children) spawn(child)
            if (end === 'fail') throw fail()
          } catch (error) {
            isCancelled ||= signal.aborted && error === signal.reason
            throw error
          } finally {
            running--
          }
        }
        const spawn = (plan: Plan) => {
          if (group.signal.aborted) isCancelled = true
          group.spawn((signal) => {
            isStartedLate ||= signal.aborted
            if (plan.end !== 'throw') return work(plan, signal)
            isThrown = true
            throw fail()
          })
        }
        for (const each of plans) spawn(each)
        if (stoppedBy === 'outer') void s.schedule(Promise.resolve('cancel')).then(() => outer.abort('outer'))
        let isStopped = false
        if (stoppedBy === 'itself')
          void s.schedule(Promise.resolve('cancel')).then(() => {
            isStopped = true
            group.cancel()
          })
        const outcome = await s.waitFor(
          group.join().then(
            () => 'joined',
            (error) => error,
          ),
        )
        expect(running).toBe(0)
        expect(isStartedLate).toBe(false)
        expect(listenerCount(outer.signal)).toBe(0)
        if (failures.length === 1) expect(outcome).toBe(failures[0])
        else if (failures.length > 1) {
          expect(outcome).toBeInstanceOf(AggregateError)
          // a task that throws at once is heard before one whose promise rejects in the same turn
          expect(outcome.errors).toEqual(isThrown ? expect.arrayContaining(failures) : failures)
          expect(outcome.errors).toHaveLength(failures.length)
          expect(outcome.cause).toBe(outcome.errors[0])
        } else if (isCancelled && !isStopped) expect(outcome).toBe('outer')
        else expect(outcome).toBe('joined')
        if (failures.length > 0) expect(group.signal.aborted).toBe(true)
      },
    ),
  ))
