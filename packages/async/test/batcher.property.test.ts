/*
 * Mutants that these tests kill:
 * - batcher.ts: a flush is larger than maxCount
 *     `while (items.length < this.#options.maxCount && this.#waiting.head !== undefined)` => `while (this.#waiting.head !== undefined)`
 * - batcher.ts: more flushes than the concurrency at once
 *     `while (this.#flushes.size < this.#concurrency && this.#waiting.head !== undefined)` => `while (this.#waiting.head !== undefined)`
 * - batcher.ts: the age counts from when a flush has ended
 *     `const due = this.#waiting.head.want.since + this.#options.maxAgeMs` => `const due = this.#clock.now() + this.#options.maxAgeMs`
 * - batcher.ts: nobody looks at the first item's age
 *     `if (size === 1 || size >= this.#options.maxCount) this.#serve()` => `if (size >= this.#options.maxCount) this.#serve()`
 * - batcher.ts: a full batch waits for its age
 *     `if (size === 1 || size >= this.#options.maxCount) this.#serve()` => `if (size === 1) this.#serve()`
 * - batcher.ts: the end of a flush does not start the next one
 *     `        this.#serve()` => ``
 * - batcher.ts: disposing does not flush what waits
 *     `    this.#closed = true` => ``
 * - batcher.ts: disposing waits for no flush
 *     `while (this.#flushes.size > 0) await Promise.all(this.#flushes)` => ``
 * - batcher.ts: disposing waits for the first round of flushes
 *     `while (this.#flushes.size > 0) await Promise.all(this.#flushes)` => `await Promise.all(this.#flushes)`
 * - batcher.ts: a withdrawn item leaves its alarm
 *     `signal, this.#serve)` => `signal)`
 * - batcher.ts: results are handed out in reverse
 *     `settle.resolve(results[i] as R)` => `settle.resolve(results[results.length - 1 - i] as R)`
 */
import { Batcher, ManualClock, sleep } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const arrival = fc.record({ pauseMs: fc.nat(40), withdraw: fc.boolean() })

test('Batcher: every item is flushed once and in order, in time, within the limits, or withdrawn before', () =>
  fc.assert(
    fc.asyncProperty(
      fc.record({
        maxCount: fc.integer({ min: 1, max: 4 }),
        maxAgeMs: fc.nat(50),
        concurrency: fc.integer({ min: 1, max: 3 }),
        flushMs: fc.nat(60),
      }),
      fc.array(arrival, { maxLength: 25, size: 'max' }),
      fc.nat(5),
      async ({ maxCount, maxAgeMs, concurrency, flushMs }, arrivals, failEvery) => {
        const clock = new ManualClock()
        const flushed: number[] = []
        const addedAt: number[] = []
        const withdrawn = new Set<number>()
        const busySince: number[] = [] // when all flushes were last taken: nothing can start then
        let running = 0
        let saturatedUntil = 0
        let batches = 0
        const batcher = new Batcher<number, string>({
          maxCount,
          maxAgeMs,
          concurrency,
          clock,
          flush: async (items) => {
            const batch = ++batches
            expect(items.length).toBeLessThanOrEqual(maxCount)
            expect(++running).toBeLessThanOrEqual(concurrency)
            const oldest = addedAt[items[0] as number] as number
            expect(clock.now()).toBeLessThanOrEqual(Math.max(oldest + maxAgeMs, saturatedUntil))
            if (running === concurrency) busySince.push(clock.now())
            flushed.push(...items)
            await sleep(flushMs, { clock })
            if (running-- === concurrency) saturatedUntil = clock.now()
            if (failEvery > 0 && batch % failEvery === 0) throw new Error(`batch ${batch}`)
            return items.map((item) => `result ${item}`)
          },
        })
        const outcomes: Promise<unknown>[] = []
        for (const [item, { pauseMs, withdraw }] of arrivals.entries()) {
          const controller = new AbortController()
          addedAt.push(clock.now())
          outcomes.push(batcher.add(item, { signal: controller.signal }).catch((error) => error))
          await clock.advance(withdraw ? Math.floor(pauseMs / 2) : pauseMs)
          if (withdraw) {
            if (!flushed.includes(item)) withdrawn.add(item)
            controller.abort('withdrawn')
            await clock.advance(Math.ceil(pauseMs / 2))
          }
          const waiting = addedAt.length - flushed.length - withdrawn.size
          if (running < concurrency) expect(waiting).toBeLessThan(maxCount) // a full batch goes at once
          expect(clock.timers).toBe(running + (waiting > 0 && running < concurrency ? 1 : 0))
        }
        let disposed = false
        const disposing = batcher[Symbol.asyncDispose]().then(() => {
          disposed = true
          expect(running).toBe(0)
        })
        await clock.advance(0)
        if (running > 0) expect(disposed).toBe(false)
        if (running < concurrency) expect(flushed.length).toBe(arrivals.length - withdrawn.size)
        await clock.advance((arrivals.length + 1) * (flushMs + 1))
        await disposing
        expect(flushed).toEqual([...arrivals.keys()].filter((item) => !withdrawn.has(item)))
        for (const [item, outcome] of (await Promise.all(outcomes)).entries()) {
          if (withdrawn.has(item)) expect(outcome).toBe('withdrawn')
          else if (outcome instanceof Error) expect(outcome.message).toMatch(/^batch \d+$/)
          else expect(outcome).toBe(`result ${item}`)
        }
        expect(clock.timers).toBe(0)
      },
    ),
  ))
