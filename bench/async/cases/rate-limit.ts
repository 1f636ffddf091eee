import { bare, type Case, type Guarantee } from '../case.ts'

const GUARANTEES: readonly Guarantee[] = ['fifo', 'cancel', 'bursts', 'no timer each', 'forgets']
const KEYS = 10_000
const keys = Array.from({ length: KEYS }, (_, i) => `https://host-${i}.example`)

const BURST = 10

/** Takes a token of every key side by side, round by round. */
const takeInRounds = async (n: number, take: (key: string) => Promise<unknown>): Promise<number> => {
  let taken = 0
  for (let round = 0; round < n / KEYS; round++) taken += (await Promise.all(keys.map(take))).length
  return taken
}

const free: Case = {
  name: 'rate limit: 10 000 keys, tokens there',
  operation: `a take that need not wait, of all keys side by side, ${BURST} times`,
  guarantees: GUARANTEES,
  operations: KEYS * BURST,
  expected: (n) => n,
  entrants: [
    {
      library: 'ours',
      how: 'KeyedRateLimiter',
      lacks: [],
      load: async () => {
        const { KeyedRateLimiter } = await import('@warren/async')
        return (n) => {
          const limiter = new KeyedRateLimiter<string>({ ratePerSecond: 1, burst: BURST })
          return takeInRounds(n, (key) => limiter.take(key))
        }
      },
    },
    {
      library: 'effect',
      how: 'RateLimiter',
      lacks: ['cancel', 'no timer each', 'forgets'],
      load: async () => {
        const [Effect, RateLimiter] = [await import('effect/Effect'), await import('effect/persistence/RateLimiter')]
        return (n) => {
          const takes = Effect.flatMap(RateLimiter.make, (limiter) =>
            Effect.gen(function* () {
              for (let i = 0; i < n; i++)
                yield* RateLimiter.sleep(limiter, {
                  key: keys[i % KEYS] as string,
                  limit: BURST,
                  window: BURST * 1_000,
                  algorithm: 'token-bucket',
                })
              return n
            }),
          )
          return Effect.runPromise(Effect.provide(takes, RateLimiter.layerStoreMemory))
        }
      },
    },
    {
      library: 'bottleneck',
      how: 'Group',
      lacks: ['cancel', 'no timer each'],
      load: async () => {
        const { default: Bottleneck } = await import('bottleneck')
        return async (n) => {
          const group = new Bottleneck.Group({ reservoir: BURST })
          const work = async () => {}
          const taken = await takeInRounds(n, (key) => group.key(key).schedule(work))
          await group.disconnect()
          return taken
        }
      },
    },
    {
      library: 'limiter',
      how: 'a Map of RateLimiter',
      lacks: ['cancel', 'no timer each', 'forgets'],
      load: async () => {
        const { RateLimiter } = await import('limiter')
        return (n) => {
          const limiters = new Map<string, InstanceType<typeof RateLimiter>>()
          return takeInRounds(n, (key) => {
            let limiter = limiters.get(key)
            if (limiter === undefined) {
              limiter = new RateLimiter({ tokensPerInterval: BURST, interval: BURST * 1_000 })
              limiters.set(key, limiter)
            }
            return limiter.removeTokens(1)
          })
        }
      },
    },
    bare('a Map of times', ['cancel', 'no timer each', 'forgets'], async () => (n) => {
      const fullAt = new Map<string, number>()
      return takeInRounds(n, (key) => {
        const now = performance.now()
        const at = Math.max(fullAt.get(key) ?? 0, now)
        if (at - now > (BURST - 1) * 1_000) throw new Error('no token')
        fullAt.set(key, at + 1_000)
        return Promise.resolve()
      })
    }),
  ],
}

const WAIT_MS = 500
/** The clocks of timers and of performance.now() differ by that much. */
const TICK_MS = 1.5

interface Served {
  readonly served: number
  readonly early: number
}

/** Empties the bucket of every key, then waits for the next token of all of them at once. */
async function waitForAll(
  take: (key: string) => Promise<unknown>,
  note: (name: string, value: number) => void,
  count: number,
): Promise<Served> {
  const startedAt: number[] = []
  const start = (key: string) => {
    startedAt.push(performance.now())
    return take(key)
  }
  await Promise.all(keys.slice(0, count).map(start))
  const late: number[] = []
  const waits = keys.slice(0, count).map(async (key, i) => {
    await take(key)
    late.push(performance.now() - (startedAt[i] ?? 0) - WAIT_MS)
  })
  note('timers', process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length)
  await Promise.all(waits)
  note('ms late at most', Math.max(...late))
  return { served: late.length, early: late.filter((ms) => ms < -TICK_MS).length }
}

const waiting: Case = {
  name: 'rate limit: 10 000 keys, all waiting at once',
  operation: `a take that is free and one that waits ${WAIT_MS} ms, of each of ${KEYS} keys at once`,
  guarantees: GUARANTEES,
  operations: KEYS,
  expected: (n): Served => ({ served: n, early: 0 }),
  entrants: [
    {
      library: 'ours',
      how: 'KeyedRateLimiter',
      lacks: [],
      load: async () => {
        const { KeyedRateLimiter } = await import('@warren/async')
        return (n, note) => {
          const limiter = new KeyedRateLimiter<string>({ ratePerSecond: 1_000 / WAIT_MS, burst: 1 })
          return waitForAll((key) => limiter.take(key), note, n)
        }
      },
    },
    {
      library: 'effect',
      how: 'RateLimiter',
      lacks: ['cancel', 'no timer each', 'forgets'],
      load: async () => {
        const [Effect, RateLimiter] = [await import('effect/Effect'), await import('effect/persistence/RateLimiter')]
        return async (n, note) => {
          const limiter = await Effect.runPromise(Effect.provide(RateLimiter.make, RateLimiter.layerStoreMemory))
          const options = { limit: 1, window: WAIT_MS, algorithm: 'token-bucket' } as const
          return waitForAll((key) => Effect.runPromise(RateLimiter.sleep(limiter, { key, ...options })), note, n)
        }
      },
    },
    {
      library: 'bottleneck',
      how: 'Group',
      lacks: ['cancel', 'no timer each'],
      load: async () => {
        const { default: Bottleneck } = await import('bottleneck')
        return async (n, note) => {
          const group = new Bottleneck.Group({ minTime: WAIT_MS })
          const work = async () => {}
          const served = await waitForAll((key) => group.key(key).schedule(work), note, n)
          await group.disconnect()
          return served
        }
      },
    },
    {
      library: 'limiter',
      how: 'a Map of RateLimiter',
      lacks: ['cancel', 'no timer each', 'forgets'],
      load: async () => {
        const { RateLimiter } = await import('limiter')
        return (n, note) => {
          const limiters = new Map(keys.map((key) => [key, new RateLimiter({ tokensPerInterval: 1, interval: WAIT_MS })]))
          return waitForAll(async (key) => limiters.get(key)?.removeTokens(1), note, n)
        }
      },
    },
    bare('a Map of times, setTimeout', ['cancel', 'no timer each', 'forgets'], async () => (n, note) => {
      const nextAt = new Map<string, number>()
      const take = (key: string): Promise<void> => {
        const now = performance.now()
        const at = Math.max(nextAt.get(key) ?? 0, now)
        nextAt.set(key, at + WAIT_MS)
        return at === now ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, Math.ceil(at - now)))
      }
      return waitForAll(take, note, n)
    }),
  ],
}

export const rateLimitCases: readonly Case[] = [free, waiting]
