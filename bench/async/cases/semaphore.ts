import { bare, type Case, type Entrant, type Guarantee } from '../case.ts'

const GUARANTEES: readonly Guarantee[] = ['fifo', 'cancel', 'one permit, one return', 'resize']
const PAYS = 'an object for each permit, so that a second return does nothing, and one for each who waits, so that it can leave the queue'
const PERMITS = 8

/** Counts who is inside, and how many were at most. */
class Inside {
  most = 0
  done = 0
  #now = 0

  enter(): void {
    this.#now++
    if (this.#now > this.most) this.most = this.#now
  }

  leave(): void {
    this.#now--
    this.done++
  }

  get result(): { most: number; done: number } {
    return { most: this.most, done: this.done }
  }
}

/** A counter and the promises of those who wait. */
class Bare {
  readonly #waiting: (() => void)[] = []
  #head = 0
  #free: number

  constructor(permits: number) {
    this.#free = permits
  }

  acquire(): Promise<void> {
    if (this.#free === 0) return new Promise((resolve) => this.#waiting.push(resolve))
    this.#free--
    return Promise.resolve()
  }

  release(): void {
    if (this.#head === this.#waiting.length) this.#free++
    else this.#waiting[this.#head++]?.()
  }
}

const uncontended: Case = {
  name: 'semaphore: nobody waits',
  operation: 'an acquire and its release',
  guarantees: GUARANTEES,
  pays: PAYS,
  operations: 300_000,
  expected: (n) => ({ most: 1, done: n }),
  entrants: [
    {
      library: 'ours',
      lacks: [],
      load: async () => {
        const { Semaphore } = await import('@warren/async')
        return async (n) => {
          const [semaphore, inside] = [new Semaphore(PERMITS), new Inside()]
          for (let i = 0; i < n; i++) {
            const permit = await semaphore.acquire()
            inside.enter()
            inside.leave()
            permit[Symbol.dispose]()
          }
          return inside.result
        }
      },
    },
    {
      library: 'effect',
      lacks: [],
      load: async () => {
        const [Effect, Semaphore] = [await import('effect/Effect'), await import('effect/Semaphore')]
        return (n) => {
          const [semaphore, inside] = [Semaphore.makeUnsafe(PERMITS), new Inside()]
          const guarded = semaphore.withPermit(
            Effect.sync(() => {
              inside.enter()
              inside.leave()
            }),
          )
          return Effect.runPromise(
            Effect.gen(function* () {
              for (let i = 0; i < n; i++) yield* guarded
              return inside.result
            }),
          )
        }
      },
    },
    {
      library: 'p-queue',
      lacks: [],
      load: async () => {
        const { default: PQueue } = await import('p-queue')
        return async (n) => {
          const [queue, inside] = [new PQueue({ concurrency: PERMITS }), new Inside()]
          const work = () => {
            inside.enter()
            inside.leave()
          }
          for (let i = 0; i < n; i++) await queue.add(work)
          return inside.result
        }
      },
    },
    {
      library: 'async-mutex',
      lacks: ['cancel'],
      load: async () => {
        const { Semaphore } = await import('async-mutex')
        return async (n) => {
          const [semaphore, inside] = [new Semaphore(PERMITS), new Inside()]
          for (let i = 0; i < n; i++) {
            const [, release] = await semaphore.acquire()
            inside.enter()
            inside.leave()
            release()
          }
          return inside.result
        }
      },
    },
    {
      library: 'async-sema',
      lacks: ['cancel', 'one permit, one return', 'resize'],
      load: async () => {
        const { Sema } = await import('async-sema')
        return async (n) => {
          const [semaphore, inside] = [new Sema(PERMITS), new Inside()]
          for (let i = 0; i < n; i++) {
            await semaphore.acquire()
            inside.enter()
            inside.leave()
            semaphore.release()
          }
          return inside.result
        }
      },
    },
    {
      library: 'p-limit',
      lacks: ['cancel'],
      load: async () => {
        const { default: pLimit } = await import('p-limit')
        return async (n) => {
          const [limit, inside] = [pLimit(PERMITS), new Inside()]
          const work = () => {
            inside.enter()
            inside.leave()
          }
          for (let i = 0; i < n; i++) await limit(work)
          return inside.result
        }
      },
    },
    bare('counter', GUARANTEES, async () => async (n) => {
      const [semaphore, inside] = [new Bare(PERMITS), new Inside()]
      for (let i = 0; i < n; i++) {
        await semaphore.acquire()
        inside.enter()
        inside.leave()
        semaphore.release()
      }
      return inside.result
    }),
  ],
}

/** Every task takes its turns one after the other; a turn holds its permit over one turn of the microtask queue. */
const crowd = async (n: number, tasks: number, task: (turns: number) => Promise<void>): Promise<void> => {
  await Promise.all(Array.from({ length: tasks }, () => task(n / tasks)))
}

const effect = (tasks: number, how: string, hold: 'yieldNow' | 'promise'): Entrant => ({
  library: 'effect',
  how,
  lacks: [],
  load: async () => {
    const [Effect, Semaphore] = [await import('effect/Effect'), await import('effect/Semaphore')]
    const pause = hold === 'yieldNow' ? Effect.yieldNow : Effect.promise(() => Promise.resolve())
    return async (n) => {
      const [semaphore, inside] = [Semaphore.makeUnsafe(PERMITS), new Inside()]
      const turn = semaphore.withPermit(
        Effect.gen(function* () {
          inside.enter()
          yield* pause
          inside.leave()
        }),
      )
      const task = Effect.gen(function* () {
        for (let i = 0; i < n / tasks; i++) yield* turn
      })
      const all = Array.from({ length: tasks }, () => task)
      await Effect.runPromise(Effect.forEach(all, (each) => each, { concurrency: 'unbounded', discard: true }))
      return inside.result
    }
  },
})

const contended = (tasks: number, withSignal: boolean): Case => ({
  name: `semaphore: ${tasks} tasks, ${PERMITS} permits${withSignal ? ', all with one signal' : ''}`,
  operation: 'an acquire that waits, a turn of the microtask queue, a release',
  guarantees: GUARANTEES,
  pays: withSignal ? 'a listener on the signal for each who waits: the platform looks at all that it has to add one' : PAYS,
  operations: tasks * (tasks < 1_000 ? 3_000 : 4),
  expected: (n) => ({ most: PERMITS, done: n }),
  entrants: [
    {
      library: 'ours',
      lacks: [],
      load: async () => {
        const { Semaphore } = await import('@warren/async')
        const options = withSignal ? { signal: new AbortController().signal } : {}
        return async (n) => {
          const [semaphore, inside] = [new Semaphore(PERMITS), new Inside()]
          await crowd(n, tasks, async (turns) => {
            for (let i = 0; i < turns; i++) {
              const permit = await semaphore.acquire(options)
              inside.enter()
              await undefined
              inside.leave()
              permit[Symbol.dispose]()
            }
          })
          return inside.result
        }
      },
    },
    effect(tasks, 'yieldNow', 'yieldNow'),
    effect(tasks, 'promise', 'promise'),
    {
      library: 'p-queue',
      lacks: [],
      load: async () => {
        const { default: PQueue } = await import('p-queue')
        const options = withSignal ? { signal: new AbortController().signal } : {}
        return async (n) => {
          const [queue, inside] = [new PQueue({ concurrency: PERMITS }), new Inside()]
          const work = async () => {
            inside.enter()
            await undefined
            inside.leave()
          }
          await crowd(n, tasks, async (turns) => {
            for (let i = 0; i < turns; i++) await queue.add(work, options)
          })
          return inside.result
        }
      },
    },
    ...(withSignal ? [] : uncancellable(tasks)),
  ],
})

const uncancellable = (tasks: number): readonly Entrant[] => [
  {
    library: 'async-mutex',
    lacks: ['cancel'],
    load: async () => {
      const { Semaphore } = await import('async-mutex')
      return async (n) => {
        const [semaphore, inside] = [new Semaphore(PERMITS), new Inside()]
        await crowd(n, tasks, async (turns) => {
          for (let i = 0; i < turns; i++) {
            const [, release] = await semaphore.acquire()
            inside.enter()
            await undefined
            inside.leave()
            release()
          }
        })
        return inside.result
      }
    },
  },
  {
    library: 'async-sema',
    lacks: ['cancel', 'one permit, one return', 'resize'],
    load: async () => {
      const { Sema } = await import('async-sema')
      return async (n) => {
        const [semaphore, inside] = [new Sema(PERMITS, { capacity: tasks }), new Inside()]
        await crowd(n, tasks, async (turns) => {
          for (let i = 0; i < turns; i++) {
            await semaphore.acquire()
            inside.enter()
            await undefined
            inside.leave()
            semaphore.release()
          }
        })
        return inside.result
      }
    },
  },
  {
    library: 'p-limit',
    lacks: ['cancel'],
    load: async () => {
      const { default: pLimit } = await import('p-limit')
      return async (n) => {
        const [limit, inside] = [pLimit(PERMITS), new Inside()]
        const work = async () => {
          inside.enter()
          await undefined
          inside.leave()
        }
        await crowd(n, tasks, async (turns) => {
          for (let i = 0; i < turns; i++) await limit(work)
        })
        return inside.result
      }
    },
  },
  bare('counter', GUARANTEES, async () => async (n) => {
    const [semaphore, inside] = [new Bare(PERMITS), new Inside()]
    await crowd(n, tasks, async (turns) => {
      for (let i = 0; i < turns; i++) {
        await semaphore.acquire()
        inside.enter()
        await undefined
        inside.leave()
        semaphore.release()
      }
    })
    return inside.result
  }),
]

export const semaphoreCases: readonly Case[] = [uncontended, contended(64, false), contended(64, true), contended(6_000, true)]
