import { bare, type Case, inOrder, mix, sumTo } from '../case.ts'

const LIMIT = 16

/** The task that does nothing, but in a promise. */
const noop = async (item: number): Promise<number> => item

function* upTo(n: number): Generator<number> {
  for (let i = 1; i <= n; i++) yield i
}

const checksum = (values: readonly number[]): number => values.reduce(mix, 0)

/** As many loops as the limit, all on one iterator: what it costs without a library. */
async function loops(items: Iterator<number>, each: (item: number) => Promise<void>): Promise<void> {
  const loop = async () => {
    for (let next = items.next(); next.done !== true; next = items.next()) await each(next.value)
  }
  await Promise.all(Array.from({ length: LIMIT }, loop))
}

const COLLECTED = ['promise tasks', 'lazy', 'order', 'cancel', 'siblings', 'joins'] as const

const collected: Case = {
  name: `map: a million no-op tasks, ${LIMIT} at once, all results`,
  operation: 'a task and its place in the array of results',
  guarantees: COLLECTED,
  operations: 1_000_000,
  expected: inOrder,
  entrants: [
    {
      library: 'ours',
      how: 'mapAll',
      lacks: [],
      load: async () => {
        const { mapAll } = await import('@warren/async')
        return async (n) => checksum(await mapAll(upTo(n), LIMIT, noop))
      },
    },
    {
      library: 'effect',
      how: 'forEach',
      lacks: ['lazy'],
      load: async () => {
        const Effect = await import('effect/Effect')
        return async (n) =>
          checksum(await Effect.runPromise(Effect.forEach(upTo(n), (item) => Effect.promise(() => noop(item)), { concurrency: LIMIT })))
      },
    },
    {
      library: 'effect',
      how: 'forEach, synchronous tasks',
      lacks: ['lazy', 'promise tasks'],
      load: async () => {
        const Effect = await import('effect/Effect')
        return async (n) =>
          checksum(await Effect.runPromise(Effect.forEach(upTo(n), (item) => Effect.sync(() => item), { concurrency: LIMIT })))
      },
    },
    {
      library: 'p-map',
      lacks: ['siblings', 'joins'],
      load: async () => {
        const { default: pMap } = await import('p-map')
        return async (n) => checksum(await pMap(upTo(n), noop, { concurrency: LIMIT }))
      },
    },
    {
      library: 'p-limit',
      how: 'map',
      lacks: ['lazy', 'cancel', 'siblings', 'joins'],
      load: async () => {
        const { default: pLimit } = await import('p-limit')
        return async (n) => checksum(await pLimit(LIMIT).map(upTo(n), noop))
      },
    },
    {
      library: 'fastq',
      lacks: ['lazy', 'cancel', 'siblings', 'joins'],
      load: async () => {
        const { default: fastq } = await import('fastq')
        return async (n) => {
          const queue = fastq.promise(noop, LIMIT)
          return checksum(await Promise.all(Array.from(upTo(n), (item) => queue.push(item))))
        }
      },
    },
    bare('loops', ['cancel', 'siblings', 'joins'], async () => async (n) => {
      const results: number[] = []
      await loops(upTo(n), async (item) => {
        results[item - 1] = await noop(item)
      })
      return checksum(results)
    }),
  ],
}

const STREAMED = ['promise tasks', 'lazy', 'bounded', 'cancel', 'siblings', 'joins'] as const

const streamed: Case = {
  name: `map: a million no-op tasks, ${LIMIT} at once, results as they come`,
  operation: 'a task and its result in a loop',
  guarantees: STREAMED,
  operations: 1_000_000,
  expected: sumTo,
  entrants: [
    {
      library: 'ours',
      how: 'mapConcurrent',
      lacks: [],
      load: async () => {
        const { mapConcurrent } = await import('@warren/async')
        return async (n) => {
          let sum = 0
          for await (const result of mapConcurrent(upTo(n), LIMIT, noop)) sum += result
          return sum
        }
      },
    },
    {
      library: 'ours',
      how: 'mapConcurrentOrdered',
      lacks: [],
      load: async () => {
        const { mapConcurrentOrdered } = await import('@warren/async')
        return async (n) => {
          let sum = 0
          for await (const result of mapConcurrentOrdered(upTo(n), LIMIT, noop)) sum += result
          return sum
        }
      },
    },
    {
      library: 'effect',
      how: 'Stream.mapEffect',
      lacks: [],
      load: async () => {
        const [Effect, Stream] = [await import('effect/Effect'), await import('effect/Stream')]
        return (n) => {
          const task = (item: number) => Effect.promise(() => noop(item))
          const results = Stream.mapEffect(Stream.fromIterable(upTo(n)), task, { concurrency: LIMIT }) // in order: without, it is slower
          return Effect.runPromise(
            Stream.runFold(
              results,
              () => 0,
              (sum, result) => sum + result,
            ),
          )
        }
      },
    },
    {
      library: 'p-map',
      how: 'pMapIterable',
      lacks: ['cancel', 'siblings', 'joins'],
      load: async () => {
        const { pMapIterable } = await import('p-map')
        return async (n) => {
          let sum = 0
          for await (const result of pMapIterable(upTo(n), noop, { concurrency: LIMIT, preserveOrder: false })) sum += result
          return sum
        }
      },
    },
    {
      library: 'node',
      how: 'Readable.map',
      lacks: ['joins'],
      load: async () => {
        const { Readable } = await import('node:stream')
        return async (n) => {
          let sum = 0
          for await (const result of Readable.from(upTo(n)).map(noop, { concurrency: LIMIT })) sum += result
          return sum
        }
      },
    },
    bare('loops', ['bounded', 'cancel', 'siblings', 'joins'], async () => async (n) => {
      let sum = 0
      await loops(upTo(n), async (item) => {
        const result = await noop(item) // not `sum += await`: that reads the sum before the wait
        sum += result
      })
      return sum
    }),
  ],
}

export const mapCases: readonly Case[] = [collected, streamed]
