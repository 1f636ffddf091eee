/*
 * Mutants that these tests kill:
 * - resource-scope.ts: releases run in the order of arrival
 *     `this.releases.reverse()` => `this.releases`
 * - resource-scope.ts: releases are not awaited
 *     `        await release()` => `        void release()`
 * - resource-scope.ts: disposing does not wait for what is still opening
 *     `await Promise.all(this.#opening)` => `await null`
 * - resource-scope.ts: disposing does not cancel what is still opening
 *     `this.#end.abort(new DOMException('The scope is disposed', 'AbortError'))` => ``
 * - resource-scope.ts: a resource that comes too late stays open
 *     `if (cut.signal.aborted) return () => release(value)` => `if (cut.signal.aborted) return () => {}`
 * - resource-scope.ts: a resource that comes too late is kept until the scope is disposed
 *     `if (cut.signal.aborted) return () => release(value)` => ``
 * - resource-scope.ts: a late release that fails is not told
 *     `.catch((error) => void this.#failures.push(error))` => `.catch(() => {})`
 * - resource-scope.ts: the listener on the caller's signal stays
 *     `for (const link of links) link[Symbol.dispose]()` => ``
 * - resource-scope.ts: a move loses what it should pass on
 *     `moved.#holding = this.#held()` => `moved.#holding = new Holding()`
 * - resource-scope.ts: what a failed build has opened stays open
 *     `await dispose().catch((error) => failures.push(error))` => ``
 */
import { ResourceScope, scoped } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listenerCount, turn } from './turn.ts'

interface Plan {
  readonly by: 'use' | 'adopt' | 'defer' | 'acquire' | 'move'
  readonly openSteps: number
  readonly end: 'opens' | 'fails' | 'heeds'
  readonly isCut: boolean
  readonly releaseFails: boolean
}

const plans: fc.Arbitrary<Plan[]> = fc.array(
  fc.record({
    by: fc.constantFrom('use', 'adopt', 'defer', 'acquire', 'acquire', 'acquire', 'move'),
    openSteps: fc.nat(3),
    end: fc.constantFrom('opens', 'opens', 'fails', 'heeds'),
    isCut: fc.boolean(),
    releaseFails: fc.boolean(),
  }),
  { maxLength: 8, size: 'max' },
)

test('ResourceScope: what it owns is released once, in reverse order, each awaited; what comes too late at once', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), plans, async (s, plans) => {
      let scope = new ResourceScope()
      const opened: number[] = []
      const owned: number[] = []
      const late: number[] = []
      const released: number[] = []
      const failures: Error[] = []
      const signals: AbortSignal[] = []
      const calls: Promise<void>[] = []
      let releasing = 0
      let isDisposing = false

      const release =
        (id: number, { releaseFails }: Plan) =>
        async () => {
          if (late.includes(id))
            expect(opened.at(-1)).toBe(id) // in the turn in which it came
          else {
            expect(isDisposing).toBe(true)
            expect(++releasing).toBe(1)
          }
          await s.schedule(Promise.resolve('release'))
          if (!late.includes(id)) releasing--
          released.push(id)
          if (!releaseFails) return
          const failure = new Error(`release of ${id}`)
          failures.push(failure)
          throw failure
        }
      const acquire = async (id: number, plan: Plan) => {
        const cut = new AbortController()
        signals.push(cut.signal)
        let isOpening = true
        const open = async (signal: AbortSignal) => {
          try {
            for (let i = 0; i < plan.openSteps; i++) {
              await s.schedule(Promise.resolve('open'))
              if (plan.end === 'heeds') signal.throwIfAborted()
            }
            if (plan.end === 'fails') throw new Error(`open of ${id}`)
            opened.push(id)
            ;(signal.aborted ? late : owned).push(id)
            return id
          } finally {
            isOpening = false
          }
        }
        if (plan.isCut)
          void s.schedule(Promise.resolve('cut')).then(async () => {
            const wasOpening = isOpening
            cut.abort('cut')
            await turn()
            if (wasOpening) expect(['cut', 'disposed']).toContain(outcome)
          })
        let outcome: string | undefined
        try {
          await scope.acquire(open, { signal: cut.signal, release: release(id, plan) })
          outcome = 'open'
          expect(owned).toContain(id)
        } catch (error) {
          outcome = error === 'cut' ? 'cut' : (error as Error).name === 'AbortError' ? 'disposed' : 'failed'
          expect(owned).not.toContain(id)
          if (outcome === 'failed') expect(plan.end).toBe('fails')
        }
      }
      const actions = async () => {
        for (const [id, plan] of plans.entries()) {
          await s.schedule(Promise.resolve('next'))
          const end = release(id, plan)
          if (plan.by === 'acquire') calls.push(acquire(id, plan))
          else if (plan.by === 'move') {
            const from = scope
            scope = from.move()
            expect(() => from.defer(() => {})).toThrow(TypeError)
            await from[Symbol.asyncDispose]()
          } else {
            opened.push(id)
            owned.push(id)
            if (plan.by === 'use') scope.use({ [Symbol.asyncDispose]: end })
            else if (plan.by === 'adopt') expect(scope.adopt(id, end)).toBe(id)
            else scope.defer(end)
          }
        }
        await s.schedule(Promise.resolve('dispose'))
        isDisposing = true
        const wasDue = owned.toReversed()
        await scope[Symbol.asyncDispose]()
          .catch((error) => {
            if (failures.length === 1) expect(error).toBe(failures[0])
            else expect(error).toMatchObject({ name: 'AggregateError', errors: failures, cause: failures[0] })
            return 'told'
          })
          .then((told) => expect(told === 'told').toBe(failures.length > 0))
        expect(released.filter((id) => !late.includes(id))).toEqual(wasDue)
        expect(released.toSorted()).toEqual(opened.toSorted())
        await scope[Symbol.asyncDispose]() // silent
      }
      await s.waitFor(actions())
      await Promise.all(calls)
      for (const signal of signals) expect(listenerCount(signal)).toBe(0)
    }),
  ))

test('ResourceScope: acquire looks at its signal first, and opens nothing in a scope that is disposed', async () => {
  const scope = new ResourceScope()
  let opened = 0
  const open = async () => {
    opened++
    return { [Symbol.dispose]: () => {} }
  }
  await expect(scope.acquire(open, { signal: AbortSignal.abort('stop') })).rejects.toBe('stop')
  await scope[Symbol.asyncDispose]()
  await expect(scope.acquire(open)).rejects.toThrow(TypeError)
  expect(opened).toBe(0)
})

test('ResourceScope: by itself a resource is released asynchronously if it can be', async () => {
  const calls: string[] = []
  const sync = { [Symbol.dispose]: () => void calls.push('sync') }
  const both = {
    [Symbol.dispose]: () => void calls.push('never'),
    [Symbol.asyncDispose]: async () => {
      await turn()
      calls.push('async')
    },
  }
  {
    await using scope = new ResourceScope()
    expect(scope.use(sync)).toBe(sync)
    expect(await scope.acquire(async () => both)).toBe(both)
  }
  expect(calls).toEqual(['async', 'sync'])
})

test('scoped: a build that fails leaves nothing open, one that succeeds gives everything to its value', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(4), fc.nat(6), fc.uniqueArray(fc.nat(3)), async (count, failsAt, releaseFails) => {
      const open: number[] = []
      const build = async (scope: ResourceScope) => {
        for (let i = 0; i < count; i++) {
          if (i === failsAt) throw 'build'
          await scope.acquire(
            async () => {
              open.push(i)
              return i
            },
            {
              release: async () => {
                expect(open.pop()).toBe(i)
                if (releaseFails.includes(i)) throw i
              },
            },
          )
        }
        return { count }
      }
      const told = (error: unknown): unknown[] => (error instanceof AggregateError ? error.errors.flatMap(told) : [error])
      const failing = Array.from({ length: Math.min(count, failsAt) }, (_, i) => i)
        .filter((i) => releaseFails.includes(i))
        .reverse()
      const value = await scoped(build).catch((error) => {
        expect(told(error)).toEqual(['build', ...failing])
        return undefined
      })
      if (value !== undefined) {
        expect(value.count).toBe(count)
        expect(open.length).toBe(count)
        const error = await value[Symbol.asyncDispose]().then(
          () => 'none',
          (error) => error,
        )
        expect(error === 'none' ? [] : told(error)).toEqual(failing)
      } else expect(failsAt).toBeLessThan(count)
      expect(open).toEqual([])
      await expect(scoped(build, { signal: AbortSignal.abort('stop') })).rejects.toBe('stop')
    }),
  ))
