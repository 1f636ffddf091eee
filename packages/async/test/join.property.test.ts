/*
 * Mutants that these tests kill:
 * - join.ts: join takes a cancellation for a failure
 *     `if (shared.aborted && error === shared.reason) isCancelled = true` => ``
 * - join.ts: join does not give the caller's signal to the tasks
 *     `const shared = signal ?? new AbortController().signal` => `const shared = new AbortController().signal`
 * - join.ts: tryJoin takes a failure for an end
 *     `      children.fail(error)` => `      children.end()`
 * - join.ts: tryJoin returns the values as they come
 *     `values[i] = await task(children.signal)` => `values.push(await task(children.signal)) === 1 && values.splice(0, tasks.length)`
 * - join.ts: tryJoin forgets the failures
 *     `children.check()` => ``
 * - join.ts: the last one wins the race
 *     `first ??= end` => `first = end`
 * - join.ts: the losers of a race are not stopped
 *     `children.stop()` => ``
 */
import { join, race, tryJoin } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listenerCount } from './turn.ts'

type Plan = { readonly steps: number; readonly fails: boolean; readonly heeds: boolean }

const plans = fc.array(fc.record({ steps: fc.nat(3), fails: fc.boolean(), heeds: fc.boolean() }), { maxLength: 5, size: 'max' })

/** Runs tasks by `plans`, cancelled at a random time if `isCut`. */
class Stage {
  readonly outer = new AbortController()
  running = 0
  /** How the tasks ended, in the order of their ends. */
  readonly ends: { readonly i: number; readonly value?: string; readonly error?: unknown; readonly wasStopped: boolean }[] = []
  readonly tasks: ((signal: AbortSignal) => Promise<string>)[]

  constructor(s: fc.Scheduler, plans: readonly Plan[], isCut: boolean) {
    this.tasks = plans.map((plan, i) => (signal) => this.#run(s, plan, i, signal))
    if (isCut) void s.schedule(Promise.resolve('cut')).then(() => this.outer.abort('cut'))
  }

  /** The reason counts as a failure of those whom it has cut. */
  get failures(): unknown[] {
    return this.ends.flatMap((end) => ('error' in end ? [end.error] : []))
  }

  async #run(s: fc.Scheduler, { steps, fails, heeds }: Plan, i: number, signal: AbortSignal): Promise<string> {
    this.running++
    try {
      for (let step = 0; step < steps; step++) {
        await s.schedule(Promise.resolve('step'))
        expect(signal.aborted || !this.outer.signal.aborted).toBe(true)
        if (heeds) signal.throwIfAborted()
      }
      if (fails) throw new Error(`failure of ${i}`)
      this.ends.push({ i, value: `value of ${i}`, wasStopped: signal.aborted })
      return `value of ${i}`
    } catch (error) {
      this.ends.push({ i, error, wasStopped: signal.aborted })
      throw error
    } finally {
      this.running--
    }
  }
}

const outcomeOf = (call: Promise<unknown>) =>
  call.then(
    (value) => ({ value }),
    (error) => ({ error }),
  )

test('join: every task runs to its end and is told in its place, and only the caller cancels', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), plans, fc.boolean(), async (s, plans, isCut) => {
      const stage = new Stage(s, plans, isCut)
      const outcome = await s.waitFor(outcomeOf(join(stage.tasks, { signal: stage.outer.signal })))
      expect(stage.running).toBe(0)
      expect(stage.ends.length).toBe(plans.length)
      expect(listenerCount(stage.outer.signal)).toBe(0)
      for (const { wasStopped } of stage.ends) if (wasStopped) expect(stage.outer.signal.aborted).toBe(true)
      if (stage.failures.includes('cut')) expect(outcome).toEqual({ error: 'cut' })
      else {
        const results = stage.ends.sort((a, b) => a.i - b.i)
        expect(outcome).toEqual({
          value: results.map((end) => ('error' in end ? { ok: false, error: end.error } : { ok: true, value: end.value })),
        })
      }
    }),
  ))

test('tryJoin: the values in order, or the failures of all after the first one stopped the others', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), plans, fc.boolean(), async (s, plans, isCut) => {
      const stage = new Stage(s, plans, isCut)
      const outcome = await s.waitFor(outcomeOf(tryJoin(stage.tasks, { signal: stage.outer.signal })))
      expect(stage.running).toBe(0)
      expect(stage.ends.length).toBe(plans.length)
      expect(listenerCount(stage.outer.signal)).toBe(0)
      const failures = stage.failures.filter((error) => error !== 'cut') as Error[]
      const others = failures.filter((error) => error !== failures[0]) // who heeds the signal rejects with the first failure itself
      if (others.length > 0) expect(outcome).toMatchObject({ error: { errors: [failures[0], ...others], cause: failures[0] } })
      else if (failures.length > 0) expect(outcome).toEqual({ error: failures[0] })
      else if (stage.failures.length > 0) expect(outcome).toEqual({ error: 'cut' })
      else expect(outcome).toEqual({ value: plans.map((_, i) => `value of ${i}`) })
      const afterFirst = stage.ends.slice(stage.ends.findIndex((end) => 'error' in end && end.error !== 'cut') + 1)
      if (failures.length > 0) for (const { i, wasStopped } of afterFirst) if (plans[i]?.steps !== 0) expect(wasStopped).toBe(true)
    }),
  ))

test('race: the first end is the outcome, the others are stopped and awaited', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), plans, fc.boolean(), async (s, plans, isCut) => {
      const stage = new Stage(s, plans, isCut)
      const outcome = await s.waitFor(outcomeOf(race(stage.tasks, { signal: stage.outer.signal })))
      expect(stage.running).toBe(0)
      expect(stage.ends.length).toBe(plans.length)
      expect(listenerCount(stage.outer.signal)).toBe(0)
      const [first, ...losers] = stage.ends
      if (first === undefined) expect(outcome).toMatchObject({ error: { name: 'RangeError' } })
      else if ('error' in first) expect(outcome).toEqual({ error: first.error })
      else expect(outcome).toEqual({ value: first.value })
      for (const { i, wasStopped } of losers) if (plans[i]?.steps !== 0) expect(wasStopped).toBe(true)
    }),
  ))

test('join, tryJoin and race: a task that throws at once has failed, and one that cuts its own call keeps others from starting', async () => {
  const throwing = (): Promise<never> => {
    throw new Error('at once')
  }
  const result = await join([throwing, async () => 1])
  expect(result).toEqual([
    { ok: false, error: new Error('at once') },
    { ok: true, value: 1 },
  ])
  await expect(tryJoin([throwing, async () => 1])).rejects.toThrow('at once')
  await expect(race([throwing, async () => 1])).rejects.toThrow('at once')
  for (const call of [join, tryJoin, race] as const) {
    const outer = new AbortController()
    let started = 0
    const tasks = [
      async (signal: AbortSignal) => {
        outer.abort('stop')
        signal.throwIfAborted()
      },
      async () => {
        started++
      },
    ]
    await expect((call as typeof race)(tasks, { signal: outer.signal })).rejects.toBe('stop')
    expect(started).toBe(0)
  }
})
