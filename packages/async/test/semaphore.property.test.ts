/*
 * Mutants that these tests kill:
 * - semaphore.ts: a permit can be given back twice
 *     `    this.#giveBack = undefined` => ``
 * - semaphore.ts: a permit is given back as weight 1
 *     `    giveBack?.(this.weight)` => `    giveBack?.(1)`
 * - semaphore.ts: a new caller is served before those who wait
 *     `return this.#waiting.head === undefined && this.#fits(weight)` => `return this.#fits(weight)`
 * - semaphore.ts: one waiter is served for a permit that would do for several
 *     `      head.resolve(this.#take(head.want))` => `      { head.resolve(this.#take(head.want)); break }`
 * - semaphore.ts: more is lent than there is
 *     `this.#lent + weight <= this.#size` => `this.#lent + weight <= this.#size + 1`
 * - semaphore.ts: a heavy head is served as soon as one permit is free
 *     `this.#fits(head.want)` => `this.#fits(1)`
 * - semaphore.ts: a cancelled head does not let the next one have what it waited for
 *     `signal, this.#serve)` => `signal)`
 * - semaphore.ts: permits given back serve nobody
 *     `    this.#lent -= weight` => `    this.#lent -= weight; if (weight > 0) return`
 * - semaphore.ts: a new size serves nobody
 *     `resize(permits: number): void {` => `resize(permits: number): void { this.#size = permits; if (permits >= 0) return`
 * - wait-queue.ts: a cancelled waiter stays in the queue
 *     `    this.reject(reason)` => `    this.#settle.reject(reason)`
 */
import { type Permit, Semaphore } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { turn } from './turn.ts'

test('Semaphore never lends more permits than it owns, whatever the order of arrivals and releases', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 12 }), async (s, permits, jobs) => {
      const semaphore = new Semaphore(permits)
      let running = 0
      let done = 0
      const job = async () => {
        await s.schedule(Promise.resolve('arrive'))
        using permit = await semaphore.acquire()
        expect(++running).toBeLessThanOrEqual(permits)
        await s.schedule(Promise.resolve('work'))
        running--
        done++
        permit[Symbol.dispose]()
      }
      await s.waitFor(Promise.all(Array.from({ length: jobs }, job)))
      expect(done).toBe(jobs)
      expect(semaphore.available).toBe(permits)
    }),
  ))

const weight = fc.integer({ min: 1, max: 4 })
const step = fc.oneof(
  fc.record({ op: fc.constant('acquire' as const), n: weight }),
  fc.record({ op: fc.constant('try' as const), n: weight }),
  fc.record({ op: fc.constant('cancel' as const), n: fc.nat(20) }),
  fc.record({ op: fc.constant('dispose' as const), n: fc.nat(20) }),
  fc.record({ op: fc.constant('resize' as const), n: fc.integer({ min: 0, max: 5 }) }),
)

test('Semaphore equals its model: a FIFO queue whose head is served as soon as it fits', () =>
  fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 5 }), fc.array(step, { maxLength: 40, size: 'max' }), async (permits, steps) => {
      const semaphore = new Semaphore(permits)
      const permitOf = new Map<number, Permit>()
      const cancelOf = new Map<number, AbortController>()
      const granted: number[] = []
      const model = { size: permits, lent: 0, queue: [] as { id: number; weight: number }[], held: [] as { id: number; weight: number }[] }
      const expected: number[] = []
      const serve = () => {
        for (let head = model.queue[0]; head !== undefined && model.lent + head.weight <= model.size; head = model.queue[0]) {
          model.queue.shift()
          model.lent += head.weight
          model.held.push(head)
          expected.push(head.id)
        }
      }
      for (const [id, { op, n }] of steps.entries()) {
        if (op === 'acquire' && n <= Math.max(1, model.size)) {
          const controller = new AbortController()
          cancelOf.set(id, controller)
          semaphore.acquire({ weight: n, signal: controller.signal }).then(
            (permit) => {
              granted.push(id)
              permitOf.set(id, permit)
            },
            () => {},
          )
          model.queue.push({ id, weight: n })
        } else if (op === 'try' && n <= Math.max(1, model.size)) {
          const permit = semaphore.tryAcquire(n)
          const free = model.queue.length === 0 && model.lent + n <= model.size
          expect(permit !== undefined).toBe(free)
          if (permit !== undefined) {
            permitOf.set(id, permit)
            model.lent += n
            model.held.push({ id, weight: n })
          }
        } else if (op === 'cancel' && model.queue.length > 0) {
          const [cancelled] = model.queue.splice(n % model.queue.length, 1)
          cancelOf.get(cancelled?.id ?? -1)?.abort()
        } else if (op === 'dispose' && model.held.length > 0) {
          const [returned] = model.held.splice(n % model.held.length, 1)
          model.lent -= returned?.weight ?? 0
          permitOf.get(returned?.id ?? -1)?.[Symbol.dispose]()
          permitOf.get(returned?.id ?? -1)?.[Symbol.dispose]()
        } else if (op === 'resize') {
          model.size = n
          semaphore.resize(n)
        }
        serve()
        await turn()
        expect(granted).toEqual(expected)
        expect(semaphore.available).toBe(Math.max(0, model.size - model.lent))
      }
    }),
    { numRuns: 300 },
  ))
