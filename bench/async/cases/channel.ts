import { bare, type Case, type Entrant, inOrder, mix } from '../case.ts'

const GUARANTEES = ['bounded', 'fifo', 'cancel', 'ends'] as const

/** A ring and the promises of those who wait: one sender, one receiver, no cancellation, no end. */
class Bare<T> {
  readonly #ring: (T | undefined)[]
  #first = 0
  #size = 0
  #receiver: ((value: T) => void) | undefined
  #sender: { readonly value: T; readonly resolve: () => void } | undefined

  constructor(capacity: number) {
    this.#ring = new Array(capacity).fill(undefined)
  }

  send(value: T): Promise<void> {
    const receiver = this.#receiver
    if (receiver !== undefined) {
      this.#receiver = undefined
      receiver(value)
      return DONE
    }
    if (this.#size === this.#ring.length)
      return new Promise((resolve) => {
        this.#sender = { value, resolve }
      })
    this.#ring[(this.#first + this.#size++) % this.#ring.length] = value
    return DONE
  }

  recv(): Promise<T> {
    if (this.#size === 0)
      return new Promise((resolve) => {
        this.#receiver = resolve
      })
    const value = this.#ring[this.#first] as T
    const sender = this.#sender
    this.#sender = undefined
    this.#ring[this.#first] = sender?.value
    this.#first = (this.#first + 1) % this.#ring.length
    if (sender === undefined) this.#size--
    else sender.resolve()
    return Promise.resolve(value)
  }
}

const DONE = Promise.resolve()

const stream = (capacity: number) =>
  new TransformStream<number, number>(undefined, new CountQueuingStrategy({ highWaterMark: capacity }), { highWaterMark: 0 })

const alternating: Case = {
  name: 'channel: send and receive in turn',
  operation: 'a send, then its receive; nobody waits',
  guarantees: GUARANTEES,
  operations: 200_000,
  expected: inOrder,
  entrants: [
    {
      library: 'ours',
      lacks: [],
      load: async () => {
        const { channel } = await import('@warren/async')
        return async (n) => {
          const { sender, receiver } = channel<number>(64)
          let checksum = 0
          for (let i = 1; i <= n; i++) {
            await sender.send(i)
            checksum = mix(checksum, (await receiver.recv()) ?? 0)
          }
          return checksum
        }
      },
    },
    {
      library: 'effect',
      lacks: [],
      load: async () => {
        const [Effect, Queue] = [await import('effect/Effect'), await import('effect/Queue')]
        return (n) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const queue = yield* Queue.bounded<number>(64)
              let checksum = 0
              for (let i = 1; i <= n; i++) {
                yield* Queue.offer(queue, i)
                checksum = mix(checksum, yield* Queue.take(queue))
              }
              return checksum
            }),
          )
      },
    },
    {
      library: 'node',
      how: 'TransformStream',
      lacks: ['cancel'],
      load: async () => async (n) => {
        const { readable, writable } = stream(64)
        const [writer, reader] = [writable.getWriter(), readable.getReader()]
        let checksum = 0
        for (let i = 1; i <= n; i++) {
          await writer.ready
          void writer.write(i)
          checksum = mix(checksum, (await reader.read()).value ?? 0)
        }
        return checksum
      },
    },
    bare('ring', GUARANTEES, async () => async (n) => {
      const channel = new Bare<number>(64)
      let checksum = 0
      for (let i = 1; i <= n; i++) {
        await channel.send(i)
        checksum = mix(checksum, await channel.recv())
      }
      return checksum
    }),
  ],
}

const handOver = (capacity: number): Case => ({
  name: `channel: producer and consumer, capacity ${capacity}`,
  operation: 'a value from the producer to the consumer, which run side by side',
  guarantees: GUARANTEES,
  operations: capacity === 1 ? 100_000 : 200_000,
  expected: inOrder,
  entrants: [
    {
      library: 'ours',
      lacks: [],
      load: async () => {
        const { channel } = await import('@warren/async')
        return async (n) => {
          const { sender, receiver } = channel<number>(capacity)
          const produce = async () => {
            for (let i = 1; i <= n; i++) await sender.send(i)
          }
          const produced = produce()
          let checksum = 0
          for (let i = 1; i <= n; i++) checksum = mix(checksum, (await receiver.recv()) ?? 0)
          await produced
          return checksum
        }
      },
    },
    {
      library: 'effect',
      lacks: [],
      load: async () => {
        const [Effect, Fiber, Queue] = [await import('effect/Effect'), await import('effect/Fiber'), await import('effect/Queue')]
        return (n) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const queue = yield* Queue.bounded<number>(capacity)
              const producer = yield* Effect.forkChild(
                Effect.gen(function* () {
                  for (let i = 1; i <= n; i++) yield* Queue.offer(queue, i)
                }),
              )
              let checksum = 0
              for (let i = 1; i <= n; i++) checksum = mix(checksum, yield* Queue.take(queue))
              yield* Fiber.join(producer)
              return checksum
            }),
          )
      },
    },
    {
      library: 'effect',
      how: 'takeAll',
      lacks: [],
      load: async () => {
        const [Effect, Queue] = [await import('effect/Effect'), await import('effect/Queue')]
        return (n) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const queue = yield* Queue.bounded<number>(capacity)
              yield* Effect.forkChild(
                Effect.gen(function* () {
                  for (let i = 1; i <= n; i++) yield* Queue.offer(queue, i)
                }),
              )
              let checksum = 0
              for (let taken = 0; taken < n; ) {
                const values = yield* Queue.takeAll(queue)
                taken += values.length
                checksum = values.reduce(mix, checksum)
              }
              return checksum
            }),
          )
      },
    },
    {
      library: 'node',
      how: 'TransformStream',
      lacks: ['cancel'],
      load: async () => async (n) => {
        const { readable, writable } = stream(capacity)
        const [writer, reader] = [writable.getWriter(), readable.getReader()]
        const produce = async () => {
          for (let i = 1; i <= n; i++) {
            await writer.ready
            void writer.write(i)
          }
        }
        const produced = produce()
        let checksum = 0
        for (let i = 1; i <= n; i++) checksum = mix(checksum, (await reader.read()).value ?? 0)
        await produced
        return checksum
      },
    },
    bare('ring', GUARANTEES, async () => async (n) => {
      const channel = new Bare<number>(capacity)
      const produce = async () => {
        for (let i = 1; i <= n; i++) await channel.send(i)
      }
      const produced = produce()
      let checksum = 0
      for (let i = 1; i <= n; i++) checksum = mix(checksum, await channel.recv())
      await produced
      return checksum
    }),
  ],
})

const effectStream: Entrant = {
  library: 'effect',
  how: 'Stream.fromQueue',
  lacks: [],
  load: async () => {
    const [Effect, Queue, Stream] = [await import('effect/Effect'), await import('effect/Queue'), await import('effect/Stream')]
    return (n) =>
      Effect.runPromise(
        Effect.gen(function* () {
          const queue = yield* Queue.bounded<number>(64)
          yield* Effect.forkChild(
            Effect.gen(function* () {
              for (let i = 1; i <= n; i++) yield* Queue.offer(queue, i)
              yield* Queue.end(queue)
            }),
          )
          return yield* Stream.runFold(Stream.fromQueue(queue), () => 0, mix)
        }),
      )
  },
}

const iterated: Case = {
  name: 'channel: for await, capacity 64',
  operation: 'a value from the producer to the loop, which ends with the channel',
  guarantees: GUARANTEES,
  operations: 200_000,
  expected: inOrder,
  entrants: [
    {
      library: 'ours',
      lacks: [],
      load: async () => {
        const { channel } = await import('@warren/async')
        return async (n) => {
          const { sender, receiver } = channel<number>(64)
          const produce = async () => {
            for (let i = 1; i <= n; i++) await sender.send(i)
            sender.close()
          }
          const produced = produce()
          let checksum = 0
          for await (const value of receiver) checksum = mix(checksum, value)
          await produced
          return checksum
        }
      },
    },
    effectStream,
    {
      library: 'node',
      how: 'TransformStream',
      lacks: ['cancel'],
      load: async () => async (n) => {
        const { readable, writable } = stream(64)
        const produce = async () => {
          const writer = writable.getWriter()
          for (let i = 1; i <= n; i++) {
            await writer.ready
            void writer.write(i)
          }
          await writer.close()
        }
        const produced = produce()
        let checksum = 0
        for await (const value of readable) checksum = mix(checksum, value)
        await produced
        return checksum
      },
    },
    bare('async generator, no hand-over', GUARANTEES, async () => async (n) => {
      async function* produce() {
        for (let i = 1; i <= n; i++) yield i
      }
      let checksum = 0
      for await (const value of produce()) checksum = mix(checksum, value)
      return checksum
    }),
  ],
}

export const channelCases: readonly Case[] = [alternating, handOver(64), handOver(1), iterated]
