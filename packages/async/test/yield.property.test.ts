/*
 * Mutants that these tests kill:
 * - yield.ts: an array is filled however long that takes
 *     `while (chunk.length < size && !input.isExhausted && !turn.isOver)` => `while (chunk.length < size && !input.isExhausted)`
 * - yield.ts: chunked never yields
 *     `if (turn.isOver) await turn.wait(signal)` => ``
 * - yield.ts: chunked yields after each array
 *     `if (turn.isOver) await turn.wait(signal)` => `await macrotask()`
 * - yield.ts: all who wait share the next turn
 *     `this.#waiting.head.resolve()` => `this.#waiting.resolveAll()`
 * - yield.ts: a turn that is given to somebody is not counted
 *     `    this.#start(performance.now())` => ``
 * - yield.ts: a turn has no end
 *     `return now - (this.#startedAt ?? this.#start(now)) >= TURN_MS` => `return now - (this.#startedAt ?? this.#start(now)) >= 10 * TURN_MS`
 * - yield.ts: every loop has a turn of its own
 *     `  turn ??= new Turn()` => `  turn = new Turn()`
 * - yield.ts: yielding is a microtask
 *     `  await macrotask()` => `  await null`
 * - yield.ts: chunked leaves its source open
 *     `    input.leave()` => ``
 */
import { chunked, yieldIfDue, yieldNow } from '@warren/async'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { WatchedSource } from './sources.ts'
import { listenerCount, turn } from './turn.ts'

const TURN_MS = 5

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** A processor whose time is what the test says: `use` is work that holds up the event loop. */
class Processor {
  ms = 0
  /** When this round of the event loop began, or the one before. */
  roundAt = 0
  #isWatching = true
  /** How long each round of the event loop was held up. */
  readonly rounds: number[] = []

  constructor() {
    vi.spyOn(performance, 'now').mockImplementation(() => this.ms)
    const watch = () => {
      this.rounds.push(this.ms - this.roundAt)
      this.roundAt = this.ms
      if (this.#isWatching) setImmediate(watch)
    }
    setImmediate(watch)
  }

  use(ms: number): void {
    this.ms += ms
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await turn()
    this.#isWatching = false
    await turn()
    await turn()
    vi.restoreAllMocks()
  }
}

const cost = fc.integer({ min: 0, max: 40 }).map((tenths) => tenths / 10)

test('chunked: all items in order, arrays as full as the turn allows, and the event loop is held 5 ms and one step at most', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(cost, { maxLength: 60, size: 'max' }),
      cost,
      fc.integer({ min: 1, max: 20 }),
      fc.boolean(),
      async (pulls, workMs, size, isAsync) => {
        await turn()
        await using processor = new Processor()
        function* items() {
          for (const [i, ms] of pulls.entries()) {
            processor.use(ms)
            yield i
          }
        }
        async function* itemsLater() {
          yield* items()
        }
        const seen: number[] = []
        for await (const chunk of chunked(isAsync ? itemsLater() : items(), size)) {
          expect(chunk.length).toBeLessThanOrEqual(size)
          const isCut = chunk.length < size && chunk.at(-1) !== pulls.length - 1
          if (isCut) expect(processor.ms - processor.roundAt).toBeGreaterThanOrEqual(TURN_MS - 1e-6)
          seen.push(...chunk)
          processor.use(workMs)
        }
        expect(seen).toEqual(pulls.map((_, i) => i))
        await turn()
        const longestPull = Math.max(0, ...pulls)
        expect(Math.max(0, ...processor.rounds)).toBeLessThanOrEqual(TURN_MS + longestPull + workMs + 1e-6)
        const totalMs = pulls.reduce((sum, ms) => sum + ms, 0) + Math.ceil(pulls.length / size) * workMs
        if (totalMs < TURN_MS) expect(processor.rounds.filter((ms) => ms > 0).length).toBeLessThanOrEqual(1)
      },
    ),
  ))

test('yieldIfDue: loops share one turn, take turns in order, and hold up the event loop no longer than one of them', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.array(cost, { maxLength: 30 }), { minLength: 1, maxLength: 6, size: 'max' }), async (loops) => {
      await turn()
      await using processor = new Processor()
      const resumed: number[] = []
      const run = async (steps: readonly number[], i: number) => {
        for (const ms of steps) {
          processor.use(ms)
          const due = yieldIfDue()
          if (due === undefined) continue
          await due
          resumed.push(i)
        }
      }
      await Promise.all(loops.map(run))
      await turn()
      const [first = 0, ...others] = processor.rounds.filter((ms) => ms > 0)
      const longest = Math.max(0, ...loops.flat())
      expect(first).toBeLessThanOrEqual(TURN_MS + (1 + loops.length) * longest + 1e-6) // all start in it, one before it was asked
      expect(Math.max(0, ...others)).toBeLessThanOrEqual(TURN_MS + longest + 1e-6)
      // Whoever comes back has let all others that wait go first.
      for (const [at, i] of resumed.entries()) {
        const again = resumed.indexOf(i, at + 1)
        if (again === -1) continue
        const between = resumed.slice(at + 1, again)
        for (const j of new Set(resumed.slice(again))) if (j !== i && resumed.indexOf(j) < again) expect(between).toContain(j)
      }
    }),
  ))

test('chunked: a slow source is cut, and timers run in between', async () => {
  let timers = 0
  const timer = setInterval(() => timers++, 1)
  function* slow() {
    for (let i = 0; i < 30; i++) {
      for (const start = performance.now(); performance.now() - start < 1; );
      yield i
    }
  }
  let longest = 0
  const items: number[] = []
  for await (const chunk of chunked(slow(), 1_000)) {
    longest = Math.max(longest, chunk.length)
    items.push(...chunk)
  }
  clearInterval(timer)
  expect(items).toEqual(Array.from({ length: 30 }, (_, i) => i))
  expect(longest).toBeLessThanOrEqual(TURN_MS) // each takes at least 1 ms
  expect(timers).toBeGreaterThanOrEqual(2)
})

test('chunked: leaving, failing or cancelling closes the source, also one that does not answer', async () => {
  const source = new WatchedSource(3, 2)
  for await (const _ of chunked(source.items(), 1)) break
  expect([source.opened, source.closed]).toEqual([1, 1])
  await expect(Array.fromAsync(chunked(source.items(), 1))).rejects.toThrow('source')
  expect([source.opened, source.closed]).toEqual([2, 2])
  const controller = new AbortController()
  const seen: number[] = []
  const loop = async () => {
    for await (const [item] of chunked(source.itemsLater({ schedule: turn }), 1, { signal: controller.signal })) {
      seen.push(item as number)
      controller.abort('stop')
    }
  }
  await expect(loop()).rejects.toBe('stop')
  expect([seen, source.opened, source.closed]).toEqual([[0], 3, 3])
  const waiting = new AbortController()
  const silent = new ReadableStream<number>()
  const next = chunked(silent, 1, { signal: waiting.signal }).next()
  await turn()
  waiting.abort('stop')
  await expect(next).rejects.toBe('stop')
  expect(listenerCount(waiting.signal)).toBe(0)
})

test('chunked: a source that fails to close is heard, unless something else has failed first', async () => {
  const source = (fails: boolean) => ({
    [Symbol.iterator]: () => ({
      next: () => ({ done: false as const, value: 1 }),
      return: (): IteratorResult<number> => {
        throw new Error('close')
      },
    }),
    fails,
  })
  const leave = async () => {
    for await (const _ of chunked(source(false), 1)) break
  }
  await expect(leave()).rejects.toThrow('close')
  const controller = new AbortController()
  const cut = async () => {
    for await (const _ of chunked(source(false), 1, { signal: controller.signal })) controller.abort('stop')
  }
  await expect(cut()).rejects.toBe('stop')
})

test('yieldNow: timers and I/O run meanwhile, and an abort that comes then is noticed', async () => {
  let ran = false
  setImmediate(() => {
    ran = true
  })
  await yieldNow()
  expect(ran).toBe(true)
  const controller = new AbortController()
  setImmediate(() => controller.abort('stop'))
  await expect(yieldNow({ signal: controller.signal })).rejects.toBe('stop')
})

test('yieldIfDue: looks at its signal first, due or not, and whoever is cancelled while it waits takes no turn', async () => {
  await turn()
  const now = vi.spyOn(performance, 'now').mockReturnValue(0)
  await expect(yieldIfDue({ signal: AbortSignal.abort('stop') })).rejects.toBe('stop')
  expect(yieldIfDue()).toBe(undefined)
  now.mockReturnValue(TURN_MS)
  const controller = new AbortController()
  const first = yieldIfDue({ signal: controller.signal })
  let isNext = false
  const second = yieldIfDue()?.then(() => {
    isNext = true
  })
  controller.abort('stop')
  await expect(first).rejects.toBe('stop')
  expect([isNext, listenerCount(controller.signal)]).toEqual([false, 0])
  await turn()
  await second
})

test('yieldNow, chunked: work without setImmediate, as in a browser, and while a test fakes timers', async () => {
  vi.useFakeTimers()
  await yieldNow()
  vi.useRealTimers()
  vi.stubGlobal('setImmediate', undefined)
  vi.resetModules()
  const browser = await import('@warren/async')
  expect(browser.yieldNow).not.toBe(yieldNow)
  const order: string[] = []
  const yielding = browser.yieldNow().then(() => order.push('macrotask'))
  await Promise.resolve().then(() => order.push('microtask'))
  await yielding
  expect(order).toEqual(['microtask', 'macrotask'])
  expect(await Array.fromAsync(browser.chunked([1, 2, 3], 2))).toEqual([[1, 2], [3]])
})
