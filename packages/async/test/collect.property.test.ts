/*
 * Mutants that these tests kill:
 * - collect.ts: results in the order of their ends
 *     `      results[i] = result` => `      results[results.indexOf(undefined as R)] = result`
 * - collect.ts: a cancellation between two items is taken for the end
 *     `if (!crew.input.isExhausted) throw crew.children.signal.reason` => ``
 * - collect.ts: a single failure is thrown without its AggregateError
 *     `if (failures.length === 0) return values` => `if (failures.length === 0) return values; if (failures.length === 1) throw failures[0]`
 * - collect.ts: only the first failure is told
 *     `new AggregateError(failures,` => `new AggregateError(failures.slice(0, 1),`
 * - crew.ts: a cancellation is collected as the failure of an item
 *     `if (this.#sink.fail === undefined || (signal.aborted && error === signal.reason)) throw error` => `if (this.#sink.fail === undefined) throw error`
 * - crew.ts: the first failure stops also those who collect them
 *     `if (this.#sink.fail === undefined ||` => `if (this.#sink.fail !== null ||`
 * - crew.ts: an item that has failed still takes up room
 *     `          this.#open--` => ``
 * - crew.ts: one item more than the limit
 *     `this.#open < this.#limit &&` => `this.#open <= this.#limit &&`
 * - crew.ts: one item at a time
 *     `        this.hire()` => ``
 * - crew.ts: items start after the abort
 *     `if (next.done === true || signal.aborted) break` => `if (next.done === true) break`
 * - input.ts: a source that is left is not closed
 *     `this.#closed = new Promise((resolve) => resolve(this.#iterator.return?.()))` => `this.#closed = Promise.resolve()`
 */
import { mapAll, mapAllOrAggregate, mapAllSettled, type Result } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WatchedSource } from './sources.ts'
import { listenerCount, turn } from './turn.ts'

const plan: fc.Arbitrary<Plan> = fc.record({
  count: fc.nat(10),
  limit: fc.integer({ min: 1, max: 4 }),
  isAsync: fc.boolean(),
  fails: fc.uniqueArray(fc.nat(9), { maxLength: 4 }),
  sourceFailsAt: fc.option(fc.nat(10), { nil: undefined }),
  isCut: fc.boolean(),
})

type Collect = (
  source: Iterable<number> | AsyncIterable<number>,
  limit: number,
  fn: (item: number, signal: AbortSignal) => Promise<string>,
  options: { signal: AbortSignal },
) => Promise<(string | Result<string, unknown>)[]>

interface Plan {
  readonly count: number
  readonly limit: number
  readonly isAsync: boolean
  readonly fails: readonly number[]
  readonly sourceFailsAt: number | undefined
  readonly isCut: boolean
}

/** Runs one of the three, and sees to what is true of all of them. Items that are even heed their signal. */
async function run(collect: Collect, s: fc.Scheduler, { count, limit, isAsync, fails, sourceFailsAt, isCut }: Plan) {
  const source = new WatchedSource(count, sourceFailsAt)
  const controller = new AbortController()
  if (isCut) void s.schedule(Promise.resolve('cut')).then(() => controller.abort('cut'))
  const started: number[] = []
  const failures: Error[] = []
  let running = 0
  let isStartedLate = false
  let isCutSeen = false
  const fn = async (item: number, signal: AbortSignal) => {
    isStartedLate ||= signal.aborted
    started.push(item)
    expect(++running).toBeLessThanOrEqual(limit)
    try {
      await s.schedule(Promise.resolve('work'))
      const left = count - (started.length - running)
      if (!isAsync && !signal.aborted && failures.length === 0 && !source.fails) expect(running).toBe(Math.min(limit, left))
      if (signal.aborted && item % 2 === 0) {
        isCutSeen ||= signal.reason === 'cut'
        throw signal.reason
      }
      if (!fails.includes(item)) return `value ${item}`
      const failure = new Error(`failure ${item}`)
      failures.push(failure)
      throw failure
    } finally {
      running--
    }
  }
  const outcome: { values?: readonly unknown[]; error?: unknown } = await s.waitFor(
    collect(isAsync ? source.itemsLater(s) : source.items(), limit, fn, { signal: controller.signal }).then(
      (values) => ({ values }),
      (error) => ({ error }),
    ),
  )
  expect(running).toBe(0)
  expect(isStartedLate).toBe(false)
  const { failure } = source // before those who nobody waits for
  await s.waitIdle()
  await turn()
  expect(source.closed).toBe(source.opened)
  expect(listenerCount(controller.signal)).toBe(0)
  expect(started).toEqual(started.map((_, i) => i))
  const isWhole = started.length === count && failure === undefined && !isCutSeen
  return { outcome, failures, sourceFailure: failure, isWhole, isCut: controller.signal.aborted }
}

test('mapAll: all values in order, or the failures after the first one stopped everything', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), plan, async (s, plan) => {
      const { outcome, failures, sourceFailure, isWhole, isCut } = await run(mapAll, s, plan)
      if (outcome.values !== undefined) {
        expect(outcome.values).toEqual(Array.from({ length: plan.count }, (_, i) => `value ${i}`))
        expect([isWhole, failures]).toEqual([true, []])
        return
      }
      const told = outcome.error instanceof AggregateError ? outcome.error.errors : [outcome.error]
      if (failures.length === 0 && sourceFailure === undefined) expect([told, isCut]).toEqual([['cut'], true])
      else {
        expect(told).toEqual(expect.arrayContaining(failures))
        expect(told.every((error) => error === sourceFailure || failures.includes(error))).toBe(true)
        expect(told.length - failures.length).toBeLessThanOrEqual(1)
      }
    }),
  ))

test('mapAllSettled: everything runs and is told in its place, but no cancellation and no failure of the source', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), plan, async (s, plan) => {
      const { outcome, failures, sourceFailure, isWhole, isCut } = await run(mapAllSettled, s, plan)
      if (outcome.values === undefined) {
        expect([sourceFailure, ...(isCut ? ['cut'] : [])]).toContain(outcome.error)
        return
      }
      expect(isWhole).toBe(true)
      expect(outcome.values).toEqual(
        Array.from({ length: plan.count }, (_, i) => {
          const error = failures.find(({ message }) => message === `failure ${i}`)
          return error === undefined ? { ok: true, value: `value ${i}` } : { ok: false, error }
        }),
      )
    }),
  ))

test('mapAllOrAggregate: everything runs, then all values or one error with every failure in order of the items', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), plan, async (s, plan) => {
      const { outcome, failures, sourceFailure, isWhole, isCut } = await run(mapAllOrAggregate, s, plan)
      if (!(outcome.error instanceof AggregateError) && outcome.values === undefined) {
        expect([sourceFailure, ...(isCut ? ['cut'] : [])]).toContain(outcome.error)
        return
      }
      expect(isWhole).toBe(true)
      if (failures.length === 0) expect(outcome.values).toEqual(Array.from({ length: plan.count }, (_, i) => `value ${i}`))
      else {
        const inOrder = failures.toSorted((a, b) => Number(a.message.slice(8)) - Number(b.message.slice(8)))
        expect(outcome.error).toMatchObject({ message: `${failures.length} of ${plan.count} items failed`, cause: inOrder[0] })
        expect(outcome.error).toMatchObject({ errors: inOrder })
      }
    }),
  ))

test('mapAll, mapAllSettled and mapAllOrAggregate: limit items run at once, also of an asynchronous source', async () => {
  for (const collect of [mapAll, mapAllSettled, mapAllOrAggregate] as Collect[]) {
    const controller = new AbortController()
    let running = 0
    const s = { schedule: () => turn() }
    const source = new WatchedSource(6, undefined)
    const untilAborted = (_: number, signal: AbortSignal) => {
      running++
      return new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    const call = collect(source.itemsLater(s), 3, untilAborted, { signal: controller.signal })
    for (let i = 0; i < 10; i++) await turn()
    expect(running).toBe(3)
    controller.abort('stop')
    await expect(call).rejects.toBe('stop')
    expect(source.closed).toBe(1)
  }
})

test('mapAll: a cancellation that cuts nothing takes no results away', async () => {
  const controller = new AbortController()
  const heedless = async (n: number) => {
    await turn()
    controller.abort('stop')
    return n
  }
  expect(await mapAll([1, 2], 3, heedless, { signal: controller.signal })).toEqual([1, 2])
})

test('mapAll: a source that cancels the call starts nothing more', async () => {
  const controller = new AbortController()
  const started: number[] = []
  function* source() {
    yield 1
    controller.abort('stop')
    yield 2
  }
  const fn = async (item: number) => {
    started.push(item)
  }
  await expect(mapAll(source(), 2, fn, { signal: controller.signal })).rejects.toBe('stop')
  expect(started).toEqual([1])
})

test('mapAll: nothing to do is done at once, and a function that throws at once has failed', async () => {
  expect(await mapAll([], 3, async () => {})).toEqual([])
  const throwing = (n: number): Promise<number> => {
    throw new Error(`at once ${n}`)
  }
  await expect(mapAll([1, 2, 3], 2, throwing)).rejects.toThrow('at once 1')
  const results = await mapAllSettled(Array(10_000).fill(7), 2, throwing)
  expect(results.length).toBe(10_000)
  expect(results.at(-1)).toEqual({ ok: false, error: new Error('at once 7') })
})
