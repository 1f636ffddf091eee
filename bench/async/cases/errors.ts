import { err, ok, type Result } from '@warren/async'
import { bare, type Case } from '../case.ts'

/** Of a hundred calls. */
type Failures = 0 | 1 | 50

const expected = (failures: Failures) => (n: number) => {
  let sum = 0
  for (let i = 0; i < n; i++) if (i % 100 >= failures) sum += i + 2
  return sum
}

/** Three async functions deep: the lowest fails, the two above pass the failure on. */
const propagation = (failures: Failures): Case => ({
  name: `errors: passed on by two functions, ${failures} % fail`,
  operation: 'a call three async functions deep',
  guarantees: [],
  operations: 300_000,
  expected: expected(failures),
  entrants: [
    {
      library: 'ours',
      how: 'if (!x.ok) return x',
      lacks: [],
      load: async () => {
        const low = async (i: number): Promise<Result<number, 'no'>> => (i % 100 < failures ? err('no') : ok(i))
        const middle = async (i: number) => {
          const x = await low(i)
          if (!x.ok) return x
          return ok(x.value + 1)
        }
        const high = async (i: number) => {
          const x = await middle(i)
          if (!x.ok) return x
          return ok(x.value + 1)
        }
        return async (n) => {
          let sum = 0
          for (let i = 0; i < n; i++) {
            const x = await high(i)
            if (x.ok) sum += x.value
          }
          return sum
        }
      },
    },
    {
      library: 'node',
      how: 'throw',
      lacks: [],
      load: async () => {
        const low = async (i: number): Promise<number> => {
          if (i % 100 < failures) throw new Error('no')
          return i
        }
        const middle = async (i: number) => (await low(i)) + 1
        const high = async (i: number) => (await middle(i)) + 1
        return async (n) => {
          let sum = 0
          for (let i = 0; i < n; i++) {
            try {
              const value = await high(i)
              sum += value
            } catch {} // counted by its absence
          }
          return sum
        }
      },
    },
    {
      library: 'effect',
      how: 'gen',
      lacks: [],
      load: async () => {
        const Effect = await import('effect/Effect')
        const low = (i: number) => (i % 100 < failures ? Effect.fail('no' as const) : Effect.succeed(i))
        const middle = (i: number) =>
          Effect.gen(function* () {
            return (yield* low(i)) + 1
          })
        const high = (i: number) =>
          Effect.gen(function* () {
            return (yield* middle(i)) + 1
          })
        return (n) =>
          Effect.runPromise(
            Effect.gen(function* () {
              let sum = 0
              for (let i = 0; i < n; i++) {
                const value = yield* Effect.orElseSucceed(high(i), () => 0)
                sum += value
              }
              return sum
            }),
          )
      },
    },
    bare('yield* in async generators', [], async () => {
      const low = async (i: number): Promise<Result<number, 'no'>> => (i % 100 < failures ? err('no') : ok(i))
      function* passOn<T, E>(x: Result<T, E>): Generator<Result<never, E>, T, undefined> {
        if (x.ok) return x.value
        yield x
        throw new TypeError('never resumed')
      }
      const run = async (body: AsyncGenerator<Result<never, 'no'>, number, undefined>): Promise<Result<number, 'no'>> => {
        const next = await body.next()
        if (next.done === true) return ok(next.value)
        await body.return(0)
        return next.value
      }
      const middle = (i: number) =>
        run(
          (async function* () {
            return (yield* passOn(await low(i))) + 1
          })(),
        )
      const high = (i: number) =>
        run(
          (async function* () {
            return (yield* passOn(await middle(i))) + 1
          })(),
        )
      return async (n) => {
        let sum = 0
        for (let i = 0; i < n; i++) {
          const x = await high(i)
          if (x.ok) sum += x.value
        }
        return sum
      }
    }),
  ],
})

export const errorCases: readonly Case[] = ([0, 1, 50] as const).map(propagation)
