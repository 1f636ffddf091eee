/*
 * Mutants that these tests kill:
 * - worker-pool.ts: one more runs at once than allowed
 *     `while (this.#queued > 0 && this.#running < this.#concurrency) void this.#work()` => `while (this.#queued > 0 && this.#running <= this.#concurrency) void this.#work()`
 * - worker-pool.ts: a worker goes on although fewer may run now
 *     `} while (this.#queued > 0 && this.#running < this.#concurrency)` => `} while (this.#queued > 0)`
 * - worker-pool.ts: an item that comes from a run that just starts passes those in the queue
 *     `this.#queued + this.#outside === 0)` => `this.#outside === 0)`
 * - worker-pool.ts: an item runs at once although others have been let in and are not there yet
 *     `this.#queued + this.#outside === 0)` => `this.#queued === 0)`
 * - worker-pool.ts: a higher concurrency is noticed at the next end only
 *     `set concurrency(concurrency: number) {` => `set concurrency(concurrency: number) { this.#concurrency = concurrency; if (concurrency >= 0) return`
 * - worker-pool.ts: the levels are served strictly, so that low ones starve
 *     `(first === undefined || head.want.key < first.want.key)` => `first === undefined`
 * - worker-pool.ts: of equal claims the lower level comes first
 *     `head.want.key < first.want.key` => `head.want.key <= first.want.key`
 * - worker-pool.ts: every level has the head start of one level
 *     `this.#arrivals++ - priority * this.#headStart` => `this.#arrivals++ - Math.min(1, priority) * this.#headStart`
 * - worker-pool.ts: an item that ends lets no other start
 *     `  #end(): void {` => `  #end(): void { if (this.#running > 1) { this.#running--; return }`
 * - worker-pool.ts: a withdrawn item keeps its room
 *     `            permit[Symbol.dispose]()` => ``
 * - worker-pool.ts: an item that starts keeps its room
 *     `const { item, signal, permit } = first.want` => `const { item, signal, permit } = { ...first.want, permit: undefined }`
 * - worker-pool.ts: a withdrawn item still counts
 *     `readonly #onWithdrawal = (): void => {` => `readonly #onWithdrawal = (): void => { this.#queued++`
 * - worker-pool.ts: who comes passes those who have been let in but are not there yet
 *     `this.#outside === 0 ? this.#room.tryAcquire() : undefined` => `this.#room.tryAcquire()`
 * - worker-pool.ts: an item let in at a free place waits for the next end
 *     `this.#startNext() // places` => `// places`
 * - worker-pool.ts: an item whose signal aborts while it runs is not told
 *     `onAbort(signal, (reason) => controller.abort(reason))` => `onAbort(undefined, (reason) => controller.abort(reason))`
 * - worker-pool.ts: a cancelled item is given up while it runs
 *     `return await this.#run(item, controller.signal)` => `return await Promise.race([this.#run(item, controller.signal), new Promise<never>((_, reject) => { signal.onabort = () => reject(signal.reason) })])`
 * - worker-pool.ts: an item with a signal of its own is not told of the pool's abort
 *     `for (const controller of this.#linked) controller.abort(reason)` => ``
 * - worker-pool.ts: a run leaves its listener behind
 *     `      link[Symbol.dispose]()` => ``
 * - worker-pool.ts: abort leaves those who wait for room
 *     `this.#room?.resize(Number.MAX_SAFE_INTEGER)` => ``
 * - worker-pool.ts: abort leaves what is queued
 *     `for (const level of this.#levels) level.rejectAll(reason)` => ``
 * - worker-pool.ts: it is called idle while some wait for room
 *     `this.#running + this.#queued + this.#outside === 0` => `this.#running + this.#queued === 0`
 * - worker-pool.ts: idle is not told when the last waiting item is withdrawn
 *     `readonly #onWithdrawal = (): void => {` => `readonly #onWithdrawal = (): void => { if (this.#queued > 0) return void this.#queued--`
 * - worker-pool.ts: idle is not told when the last item ends
 *     `  #end(): void {` => `  #end(): void { if (this.#running + this.#queued === 1) return void this.#running--`
 * - worker-pool.ts: the pool's own signal is ignored
 *     `onAbort(signal, (reason) => void this.abort(reason))` => `onAbort(undefined, (reason) => void this.abort(reason))`
 * - worker-pool.ts: a closed pool takes more
 *     `if (this.#isClosed) return` => `if (this.#isClosed && this.#isIdle) return`
 * - worker-pool.ts: an exception that a run throws at once is not the item's
 *     `      return Promise.reject(error)` => `      throw error`
 */
import { ChannelClosedError, WorkerPool } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listenerCount, turn } from './turn.ts'

interface Item {
  readonly id: number
  readonly level: number
  readonly controller: AbortController | undefined
  readonly done: PromiseWithResolvers<string>
  signal: AbortSignal | undefined
}

const makeItem = (id: number, level = 0, hasSignal = false): Item => ({
  id,
  level,
  controller: hasSignal ? new AbortController() : undefined,
  done: Promise.withResolvers(),
  signal: undefined,
})

/** The pool as its law says it. `outside` holds those that wait for room: items, and the ids of calls of `ready`. */
class Model {
  readonly starts: number[] = []
  readonly outcomes = new Map<number, unknown>()
  readonly running: Item[] = []
  queue: { readonly item: Item; readonly key: number }[] = []
  outside: (Item | number)[] = []
  idle: number[] = []
  concurrency: number
  readonly #maxQueued: number
  readonly #headStart: number
  #arrivals = 0

  constructor(concurrency: number, maxQueued: number | undefined, headStart: number) {
    this.concurrency = concurrency
    this.#maxQueued = maxQueued ?? Number.POSITIVE_INFINITY
    this.#headStart = headStart
  }

  get items(): Item[] {
    return [...this.running, ...this.queue.map(({ item }) => item), ...this.outside.filter((item) => typeof item === 'object')]
  }

  add(item: Item): void {
    this.outside.push(item)
    this.serve()
  }

  serve(): void {
    for (;;) {
      const first = this.queue.toSorted((a, b) => a.key - b.key || b.item.level - a.item.level)[0]
      const outside = this.outside[0]
      if (first !== undefined && this.running.length < this.concurrency) {
        this.queue.splice(this.queue.indexOf(first), 1)
        this.running.push(first.item)
        this.starts.push(first.item.id)
      } else if (outside !== undefined && this.queue.length < this.#maxQueued) {
        this.outside.shift()
        if (typeof outside === 'number') this.outcomes.set(outside, 'ready')
        else this.queue.push({ item: outside, key: this.#arrivals++ - outside.level * this.#headStart })
      } else break
    }
    if (this.items.length === 0) for (const id of this.idle.splice(0)) this.outcomes.set(id, 'idle')
  }

  cancel(item: Item, reason: unknown): void {
    if (this.running.includes(item)) return
    this.outcomes.set(item.id, reason)
    this.queue = this.queue.filter((queued) => queued.item !== item)
    this.outside = this.outside.filter((outside) => outside !== item)
    this.serve()
  }

  abort(reason: unknown): void {
    for (const { item } of this.queue.splice(0)) this.outcomes.set(item.id, reason)
    for (const outside of this.outside.splice(0)) {
      if (typeof outside === 'number') this.outcomes.set(outside, 'ready')
      else this.outcomes.set(outside.id, reason)
    }
    this.serve()
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('add' as const), n: fc.nat(2), hasSignal: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom('succeed', 'succeed', 'fail'), n: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('cancel' as const), n: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('concurrency' as const), n: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('idle', 'ready'), n: fc.constant(0) }) },
)

test('WorkerPool equals its model: so many run, the least arrival - level x headStart first, those without room in their order', () =>
  fc.assert(
    fc.asyncProperty(
      fc.nat(3),
      fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      fc.nat(3),
      fc.array(step, { maxLength: 50, size: 'max' }),
      fc.constantFrom('drain', 'abort'),
      async (concurrency, maxQueued, headStart, steps, end) => {
        const starts: number[] = []
        const outcomes = new Map<number, unknown>()
        const model = new Model(concurrency, maxQueued, headStart)
        const run = (item: Item, signal: AbortSignal) => {
          starts.push(item.id)
          item.signal = signal
          return item.done.promise
        }
        const pool = new WorkerPool<Item, string>({ concurrency, maxQueued, priorities: 3, headStart, run })
        const tell = (id: number, call: Promise<unknown>, value?: string) =>
          call.then(
            (result) => outcomes.set(id, value ?? result),
            (error) => outcomes.set(id, error),
          )
        const check = async () => {
          await turn()
          expect(starts).toEqual(model.starts)
          expect(outcomes).toEqual(model.outcomes)
          expect([pool.running, pool.queued, pool.size]).toEqual([
            model.running.length,
            model.queue.length,
            model.running.length + model.queue.length,
          ])
        }
        const settle = async (item: Item, isFailure: boolean) => {
          model.running.splice(model.running.indexOf(item), 1)
          const outcome = isFailure ? new Error(`failure of ${item.id}`) : `result of ${item.id}`
          if (isFailure) item.done.reject(outcome)
          else item.done.resolve(outcome as string)
          model.outcomes.set(item.id, outcome)
          model.serve()
          await check()
        }

        const items: Item[] = []
        const cancelled = new Set<Item>()
        for (const [id, step] of steps.entries()) {
          const { op, n } = step
          if (op === 'add') {
            const item = makeItem(id, n, step.hasSignal)
            items.push(item)
            tell(id, pool.add(item, { signal: item.controller?.signal, priority: n }))
            model.add(item)
          } else if (op === 'succeed' || op === 'fail') {
            const item = model.running[n % model.running.length]
            if (item !== undefined) await settle(item, op === 'fail')
          } else if (op === 'cancel') {
            const item = model.items[n % model.items.length]
            if (item?.controller === undefined) continue
            const wasRunning = model.running.includes(item)
            item.controller.abort(`cancelled ${item.id}`)
            if (!cancelled.has(item)) model.cancel(item, `cancelled ${item.id}`)
            cancelled.add(item)
            if (wasRunning) expect(item.signal?.reason).toBe(`cancelled ${item.id}`)
          } else if (op === 'concurrency') {
            pool.concurrency = n
            expect(pool.concurrency).toBe(n)
            model.concurrency = n
            model.serve()
          } else if (op === 'idle') {
            tell(id, pool.idle(), 'idle')
            model.idle.push(id)
            model.serve()
          } else {
            tell(id, pool.ready(), 'ready')
            model.outside.push(id)
            model.serve()
          }
          await check()
          for (const item of model.running) expect(item.signal?.aborted).toBe(cancelled.has(item))
        }

        let isOver = false
        const over = end === 'abort' ? pool.abort('stop') : pool[Symbol.asyncDispose]()
        over.then(() => {
          isOver = true
        })
        const late = makeItem(steps.length)
        const refused = await pool.add(late).catch((error: unknown) => error)
        if (end === 'abort') {
          expect(refused).toBe('stop')
          model.abort('stop')
          for (const item of model.running) expect(item.signal?.reason).toBe(cancelled.has(item) ? `cancelled ${item.id}` : 'stop')
        } else {
          expect(refused).toBeInstanceOf(ChannelClosedError)
          expect(refused).toMatchObject({ value: late })
          model.concurrency = Math.max(1, model.concurrency)
          pool.concurrency = model.concurrency
          model.serve()
        }
        await check()
        while (model.running[0] !== undefined) {
          expect(isOver).toBe(false)
          await settle(model.running[0], false)
        }
        await turn()
        expect(isOver).toBe(true)
        for (const { controller } of items) if (controller !== undefined) expect(listenerCount(controller.signal)).toBe(0)
      },
    ),
    { numRuns: 400 },
  ))

test('WorkerPool: under any load an item is overtaken by those of a higher level among the next headStart x levels that come, by no other', () =>
  fc.assert(
    fc.asyncProperty(
      fc.nat(4),
      fc.array(fc.nat(2), { minLength: 1, maxLength: 60, size: 'max' }),
      fc.array(fc.boolean(), { maxLength: 60, size: 'max' }),
      async (headStart, levels, ends) => {
        const order: number[] = []
        const dones: (() => void)[] = []
        const run = (id: number) => {
          order.push(id)
          return new Promise<void>((resolve) => dones.push(resolve))
        }
        const pool = new WorkerPool({ concurrency: 1, priorities: 3, headStart, run })
        for (const [id, priority] of levels.entries()) {
          pool.add(id, { priority })
          if (!ends[id]) continue
          dones.shift()?.()
          await turn()
        }
        for (let done = dones.shift(); done !== undefined; done = dones.shift()) {
          done()
          await turn()
        }
        expect(order.length).toBe(levels.length)
        for (const [position, id] of order.entries()) {
          const level = levels[id] as number
          const overtakers = order.slice(0, position).filter((other) => other > id)
          for (const other of overtakers) {
            const ahead = (levels[other] as number) - level
            expect(other - id).toBeLessThanOrEqual(headStart * ahead)
          }
          for (const ahead of [1, 2])
            expect(overtakers.filter((other) => levels[other] === level + ahead).length).toBeLessThanOrEqual(headStart * ahead)
        }
      },
    ),
  ))

test('WorkerPool: the bound is met: while more urgent items come without end, an item waits for headStart of them per level', async () => {
  for (const level of [1, 2]) {
    const order: number[] = []
    const pool = new WorkerPool({ concurrency: 0, priorities: 3, headStart: 5, run: async (id: number) => order.push(id) })
    const adds = [pool.add(0, { priority: 0 })]
    for (let id = 1; id <= 50; id++) adds.push(pool.add(id, { priority: level }))
    pool.concurrency = 1
    await Promise.all(adds)
    expect(order.indexOf(0)).toBe(5 * level)
  }
})

test('WorkerPool: never more than its concurrency at once, each item once, whatever the order of arrivals and ends', () =>
  fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 12 }),
      async (s, concurrency, maxQueued, count) => {
        let running = 0
        const run = async (id: number) => {
          expect(++running).toBeLessThanOrEqual(concurrency)
          await s.schedule(Promise.resolve('work'))
          running--
          return id
        }
        const pool = new WorkerPool({ concurrency, maxQueued, run })
        const job = async (_: unknown, id: number) => {
          await s.schedule(Promise.resolve('arrive'))
          const result = await pool.add(id)
          expect(pool.queued).toBeLessThanOrEqual(maxQueued)
          return result
        }
        const results = await s.waitFor(Promise.all(Array.from({ length: count }, job)))
        expect(results).toEqual(Array.from({ length: count }, (_, id) => id))
        await pool.idle()
        expect(pool.size).toBe(0)
      },
    ),
  ))

/** Items are names; each runs until `endAll` or until its own `done` is called. */
function namedPool(concurrency: number, maxQueued: number, onStart = (_name: string): void => {}) {
  const order: string[] = []
  const dones = new Map<string, () => void>()
  const run = (name: string): Promise<void> => {
    order.push(name)
    onStart(name)
    return new Promise((resolve) => dones.set(name, resolve))
  }
  return { pool: new WorkerPool({ concurrency, maxQueued, run }), order, dones }
}

test('WorkerPool: who comes does not pass those who have found room in the same turn', async () => {
  for (const concurrency of [2, 4]) {
    const { pool, order, dones } = namedPool(0, 2)
    for (const name of ['a', 'b', 'waits for room']) pool.add(name)
    await turn()
    pool.concurrency = concurrency // there is room for two
    pool.add('comes')
    await turn()
    for (const done of dones.values()) done()
    await turn()
    expect(order).toEqual(['a', 'b', 'waits for room', 'comes'])
  }
})

test('WorkerPool: what a run adds when it starts waits behind those who wait', async () => {
  const { pool, order } = namedPool(0, 9, (name) => {
    if (name === 'a') pool.add('added by a')
  })
  for (const name of ['a', 'b', 'c']) pool.add(name)
  pool.concurrency = 4
  expect(order).toEqual(['a', 'b', 'c', 'added by a'])
})

test('WorkerPool: it is not idle while somebody is on the way in', async () => {
  const { pool, dones } = namedPool(1, 1)
  const controller = new AbortController()
  const adds = Promise.allSettled([pool.add('a'), pool.add('withdrawn', { signal: controller.signal }), pool.add('waits for room')])
  let isIdle = false
  const idle = pool.idle().then(() => {
    isIdle = true
  })
  await turn()
  dones.get('a')?.()
  controller.abort('withdrawn')
  await turn()
  expect(isIdle).toBe(false)
  dones.get('waits for room')?.()
  await idle
  expect((await adds).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})

test('WorkerPool: it is idle when the last item that waited is withdrawn', async () => {
  const { pool } = namedPool(0, 1)
  const controller = new AbortController()
  const withdrawn = Promise.allSettled(['a', 'b'].map((name) => pool.add(name, { signal: controller.signal })))
  const idle = pool.idle()
  controller.abort()
  await idle
  await withdrawn
})

test('WorkerPool: what an item gets wrong is its own, also when it throws at once', async () => {
  const run = (n: number): Promise<number> => {
    if (n < 0) throw new Error('negative')
    return Promise.resolve(n)
  }
  await using pool = new WorkerPool({ concurrency: 1, run })
  const results = await Promise.allSettled([-1, 1, -2, 2].map((n) => pool.add(n)))
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled'])
  await expect(pool.add(1, { priority: 1 })).rejects.toThrow('Cannot use priority: 1 is not an integer from 0 to 0')
})

test('WorkerPool: its signal aborts it', async () => {
  const controller = new AbortController()
  const run = (_: number, signal: AbortSignal) =>
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  const pool = new WorkerPool<number, never>({ concurrency: 1, run, signal: controller.signal })
  const adds = [pool.add(1), pool.add(2)]
  controller.abort('stop')
  expect((await Promise.allSettled(adds)).map((result) => result.status === 'rejected' && result.reason)).toEqual(['stop', 'stop'])
  await pool[Symbol.asyncDispose]()
  expect(listenerCount(controller.signal)).toBe(0)
})
