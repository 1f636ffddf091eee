import { bare, type Case, type Guarantee, sumTo } from '../case.ts'

const GUARANTEES: readonly Guarantee[] = ['cancel', 'jitter']
/** Calls under way at once: waits overlap, so that CPU time is measured and no timer. */
const SIDE_BY_SIDE = 100

/** Fails until the try with this number. */
const succeedsAt = (good: number) => {
  const error = new Error('not yet')
  return async (item: number, attempt: number): Promise<number> => {
    if (attempt < good) throw error
    return item
  }
}

const sideBySide = async (n: number, call: (item: number) => Promise<number>): Promise<number> => {
  let [sum, next] = [0, 1]
  const loop = async () => {
    while (next <= n) {
      const result = await call(next++) // not `sum += await`: that reads the sum before the wait
      sum += result
    }
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, loop))
  return sum
}

const retried = (good: number, name: string, operations: number): Case => {
  const task = succeedsAt(good)
  const waits: readonly Guarantee[] = good === 1 ? [] : ['lets others run']
  return {
    name: `retry: ${name}`,
    operation: good === 1 ? 'a call' : `a call with ${good} tries, without waits between them`,
    guarantees: [...GUARANTEES, ...waits],
    pays: 'a wait between tries, a turn of the event loop at least, so that tries without end cannot hold it',
    operations,
    expected: sumTo,
    entrants: [
      {
        library: 'ours',
        lacks: [],
        load: async () => {
          const { retry } = await import('@warren/async')
          const options = { attempts: 5, baseMs: 0, maxMs: 0, signal: new AbortController().signal }
          return (n) => sideBySide(n, (item) => retry((_, attempt) => task(item, attempt), options))
        },
      },
      {
        library: 'effect',
        how: 'tryPromise',
        lacks: [],
        load: async () => {
          const Effect = await import('effect/Effect')
          return async (n) => {
            let [sum, next] = [0, 1]
            const call = (item: number) => {
              let attempt = 0
              return Effect.retry(
                Effect.tryPromise(() => task(item, ++attempt)),
                { times: 4 },
              )
            }
            const loop = Effect.gen(function* () {
              while (next <= n) {
                const result = yield* call(next++)
                sum += result
              }
            })
            const loops = Array.from({ length: SIDE_BY_SIDE }, () => loop)
            await Effect.runPromise(Effect.forEach(loops, (each) => each, { concurrency: 'unbounded', discard: true }))
            return sum
          }
        },
      },
      {
        library: 'p-retry',
        lacks: waits,
        load: async () => {
          const { default: pRetry } = await import('p-retry')
          const options = { retries: 4, minTimeout: 0, randomize: true, signal: new AbortController().signal }
          return (n) => sideBySide(n, (item) => pRetry((attempt) => task(item, attempt), options))
        },
      },
      bare('loop', [...GUARANTEES, ...waits], async () => {
        return (n) =>
          sideBySide(n, async (item) => {
            for (let attempt = 1; ; attempt++)
              try {
                return await task(item, attempt)
              } catch (error) {
                if (attempt >= 5) throw error
              }
          })
      }),
    ],
  }
}

export const retryCases: readonly Case[] = [retried(1, 'success at the first try', 200_000), retried(3, 'success at the third try', 50_000)]
