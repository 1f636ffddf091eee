import { bare, type Case, type Guarantee, inOrder, mix } from '../case.ts'

const GUARANTEES: readonly Guarantee[] = ['nothing lost', 'cancel', 'bounded']

const ready: Case = {
  name: 'select: two channels, one has a value',
  operation: 'a send to one of two channels in turn, then a select on both',
  guarantees: GUARANTEES,
  operations: 50_000,
  expected: inOrder,
  entrants: [
    {
      library: 'ours',
      lacks: [],
      load: async () => {
        const { channel, select } = await import('@warren/async')
        return async (n) => {
          const [odd, even] = [channel<number>(8), channel<number>(8)]
          let checksum = 0
          for (let i = 1; i <= n; i++) {
            await (i % 2 === 1 ? odd : even).sender.send(i)
            const { value } = await select({ odd: odd.receiver, even: even.receiver })
            checksum = mix(checksum, value ?? 0)
          }
          return checksum
        }
      },
    },
    {
      library: 'effect',
      how: 'raceFirst',
      lacks: [],
      load: async () => {
        const [Effect, Queue] = [await import('effect/Effect'), await import('effect/Queue')]
        return (n) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const [odd, even] = [yield* Queue.bounded<number>(8), yield* Queue.bounded<number>(8)]
              const either = Effect.raceFirst(Queue.take(odd), Queue.take(even))
              let checksum = 0
              for (let i = 1; i <= n; i++) {
                yield* Queue.offer(i % 2 === 1 ? odd : even, i)
                checksum = mix(checksum, yield* either)
              }
              return checksum
            }),
          )
      },
    },
  ],
}

const waiting: Case = {
  name: 'select: two channels, both empty',
  operation: 'a select that waits, then a send to one of its two channels in turn',
  guarantees: GUARANTEES,
  operations: 50_000,
  expected: inOrder,
  entrants: [
    {
      library: 'ours',
      lacks: [],
      load: async () => {
        const { channel, select } = await import('@warren/async')
        return async (n) => {
          const [odd, even] = [channel<number>(8), channel<number>(8)]
          let checksum = 0
          for (let i = 1; i <= n; i++) {
            const picked = select({ odd: odd.receiver, even: even.receiver })
            await (i % 2 === 1 ? odd : even).sender.send(i)
            checksum = mix(checksum, (await picked).value ?? 0)
          }
          return checksum
        }
      },
    },
    {
      library: 'effect',
      how: 'raceFirst',
      lacks: [],
      load: async () => {
        const [Effect, Fiber, Queue] = [await import('effect/Effect'), await import('effect/Fiber'), await import('effect/Queue')]
        return (n) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const [odd, even] = [yield* Queue.bounded<number>(8), yield* Queue.bounded<number>(8)]
              const loop = Effect.gen(function* () {
                let checksum = 0
                for (let i = 1; i <= n; i++) checksum = mix(checksum, yield* Effect.raceFirst(Queue.take(odd), Queue.take(even)))
                return checksum
              })
              const reader = yield* Effect.forkChild(loop)
              for (let i = 1; i <= n; i++) {
                yield* Queue.offer(i % 2 === 1 ? odd : even, i)
                yield* Effect.yieldNow
              }
              return yield* Fiber.join(reader)
            }),
          )
      },
    },
    bare('Promise.race', GUARANTEES, async () => async (n) => {
      let checksum = 0
      for (let i = 1; i <= n; i++) {
        const [odd, even] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()]
        const picked = Promise.race([odd.promise, even.promise])
        ;(i % 2 === 1 ? odd : even).resolve(i)
        checksum = mix(checksum, await picked)
      }
      return checksum
    }),
  ],
}

export const selectCases: readonly Case[] = [ready, waiting]
