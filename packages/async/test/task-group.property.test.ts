/*
 * Seeded mutants, each of which one of these tests has killed:
 * - join waits for the first end only
 * - a failure does not abort the siblings
 * - the last failure wins
 * - a cancelled task counts as failed
 * - tasks spawned by tasks are not awaited
 * - a task is started although the group is aborted
 * - the outer signal is not passed on
 */
import { TaskGroup } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listenerCount } from './turn.ts'

type Plan = { readonly end: 'return' | 'fail' | 'stubborn'; readonly steps: number; readonly children: readonly Plan[] }

const { plan } = fc.letrec<{ plan: Plan }>((tie) => ({
  plan: fc.record({
    end: fc.constantFrom('return', 'return', 'fail', 'stubborn'),
    steps: fc.integer({ min: 0, max: 3 }),
    children: fc.oneof({ maxDepth: 2 }, fc.constant([]), fc.array(tie('plan'), { maxLength: 2, size: 'max' })),
  }),
}))

test('TaskGroup: after join nothing runs, the first failure is thrown, and nobody starts after it', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(plan, { maxLength: 5, size: 'max' }), fc.boolean(), async (s, plans, cancel) => {
      const outer = new AbortController()
      const group = new TaskGroup({ signal: outer.signal })
      let running = 0
      let cancelled = false
      let started = 0
      let startedAborted = false
      const failures: Error[] = []
      const spawn = ({ end, steps, children }: Plan) =>
        group.spawn(async (signal) => {
          startedAborted ||= signal.aborted
          started++
          running++
          try {
            for (let i = 0; i < steps; i++) {
              await s.schedule(Promise.resolve('work'))
              expect(signal.aborted || !outer.signal.aborted).toBe(true)
              if (end !== 'stubborn') signal.throwIfAborted()
            }
            if (signal.aborted && children.length > 0) cancelled = true
            for (const child of children) spawn(child)
            if (end !== 'fail') return
            const error = new Error(`task ${started}`)
            failures.push(error)
            throw error
          } catch (error) {
            cancelled ||= signal.aborted && error === signal.reason
            throw error
          } finally {
            running--
          }
        })
      for (const each of plans) {
        if (group.signal.aborted) cancelled = true
        spawn(each)
      }
      if (cancel) void s.schedule(Promise.resolve('cancel')).then(() => outer.abort('outer'))
      const outcome = await s.waitFor(
        group.join().then(
          () => 'joined',
          (error) => error,
        ),
      )
      expect(running).toBe(0)
      expect(startedAborted).toBe(false)
      expect(listenerCount(outer.signal)).toBe(0)
      if (failures.length === 1) expect(outcome).toBe(failures[0])
      else if (failures.length > 1) {
        expect(outcome).toBeInstanceOf(AggregateError)
        expect(outcome.errors).toEqual(failures)
        expect(outcome.cause).toBe(failures[0])
      } else if (cancelled) expect(outcome).toBe('outer')
      else expect(outcome).toBe('joined')
      if (failures.length > 0) expect(group.signal.aborted).toBe(true)
    }),
  ))
