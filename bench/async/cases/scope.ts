import { bare, type Case, sumTo } from '../case.ts'

const CHILDREN = 1_000
const GROUP = ['joins', 'siblings', 'cancel'] as const

const group: Case = {
  name: `task group: ${CHILDREN} children`,
  operation: 'a child that awaits once, its start and its end',
  guarantees: GROUP,
  pays: 'a child is counted, its failure caught and passed on to the others, the signal looked at before it starts',
  operations: 100 * CHILDREN,
  expected: (n) => (n / CHILDREN) * sumTo(CHILDREN),
  entrants: [
    {
      library: 'ours',
      how: 'TaskGroup',
      lacks: [],
      load: async () => {
        const { TaskGroup } = await import('@warren/async')
        return async (n) => {
          let sum = 0
          for (let round = 0; round < n / CHILDREN; round++) {
            await using children = new TaskGroup()
            for (let i = 1; i <= CHILDREN; i++)
              children.spawn(async () => {
                await undefined
                sum += i
              })
          }
          return sum
        }
      },
    },
    {
      library: 'effect',
      how: 'forEach',
      lacks: [],
      load: async () => {
        const Effect = await import('effect/Effect')
        const items = Array.from({ length: CHILDREN }, (_, i) => i + 1)
        return async (n) => {
          let sum = 0
          const child = (i: number) =>
            Effect.promise(async () => {
              await undefined
              sum += i
            })
          for (let round = 0; round < n / CHILDREN; round++)
            await Effect.runPromise(Effect.forEach(items, child, { concurrency: 'unbounded', discard: true }))
          return sum
        }
      },
    },
    {
      library: 'node',
      how: 'Promise.all',
      lacks: GROUP,
      load: async () => async (n) => {
        let sum = 0
        for (let round = 0; round < n / CHILDREN; round++) {
          const children: Promise<void>[] = []
          const child = async (i: number) => {
            await undefined
            sum += i
          }
          for (let i = 1; i <= CHILDREN; i++) children.push(child(i))
          await Promise.all(children)
        }
        return sum
      },
    },
  ],
}

const TIMEOUT = ['stops the work', 'cancel'] as const
const LONG_MS = 60_000

const timeout: Case = {
  name: 'timeout: work that ends in time',
  operation: 'a call with a time limit that it does not reach',
  guarantees: TIMEOUT,
  operations: 50_000,
  expected: sumTo,
  entrants: [
    {
      library: 'ours',
      how: 'withTimeout',
      lacks: [],
      load: async () => {
        const { withTimeout } = await import('@warren/async')
        return async (n) => {
          let sum = 0
          for (let i = 1; i <= n; i++) sum += await withTimeout(LONG_MS, async () => i)
          return sum
        }
      },
    },
    {
      library: 'effect',
      how: 'timeout',
      lacks: [],
      load: async () => {
        const Effect = await import('effect/Effect')
        return (n) =>
          Effect.runPromise(
            Effect.gen(function* () {
              let sum = 0
              for (let i = 1; i <= n; i++)
                sum += yield* Effect.timeout(
                  Effect.promise(async () => i),
                  LONG_MS,
                )
              return sum
            }),
          )
      },
    },
    {
      library: 'node',
      how: 'AbortSignal.timeout and Promise.race',
      lacks: ['cancel'],
      load: async () => async (n) => {
        let sum = 0
        for (let i = 1; i <= n; i++) {
          const signal = AbortSignal.timeout(LONG_MS)
          const { promise, reject } = Promise.withResolvers<never>()
          signal.addEventListener('abort', () => reject(signal.reason), { once: true })
          const work = async (_: AbortSignal) => i
          sum += await Promise.race([work(signal), promise])
        }
        return sum
      },
    },
    {
      library: 'p-timeout',
      lacks: ['stops the work'],
      load: async () => {
        const { default: pTimeout } = await import('p-timeout')
        return async (n) => {
          let sum = 0
          const work = async (i: number) => i
          for (let i = 1; i <= n; i++) sum += await pTimeout(work(i), { milliseconds: LONG_MS })
          return sum
        }
      },
    },
    bare('setTimeout', TIMEOUT, async () => async (n) => {
      let sum = 0
      for (let i = 1; i <= n; i++) {
        const { promise, reject } = Promise.withResolvers<never>()
        const timer = setTimeout(reject, LONG_MS)
        const work = async () => i
        sum += await Promise.race([work(), promise])
        clearTimeout(timer)
      }
      return sum
    }),
  ],
}

export const scopeCases: readonly Case[] = [group, timeout]
