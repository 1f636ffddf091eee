import { bare, type Case, type Guarantee, sumTo } from '../case.ts'

const CONCURRENCY = 8
const JOBS = 100_000

/** The job that does nothing, but in a promise. */
const noop = async (item: number): Promise<number> => item

const items = Array.from({ length: JOBS }, (_, i) => i + 1)

/** Adds all jobs at once; the sum of their results. */
const addAll = async (n: number, add: (item: number) => Promise<number>): Promise<number> => {
  const results = await Promise.all(items.slice(0, n).map(add))
  return results.reduce((sum, result) => sum + result, 0)
}

const GUARANTEES: readonly Guarantee[] = ['fifo', 'cancel', 'joins', 'resize']

const unbounded: Case = {
  name: `worker pool: 100 000 jobs at once, ${CONCURRENCY} workers`,
  operation: 'a job that is queued, its run and its result',
  guarantees: GUARANTEES,
  operations: JOBS,
  expected: sumTo,
  entrants: [
    {
      library: 'ours',
      how: 'WorkerPool',
      lacks: [],
      load: async () => {
        const { WorkerPool } = await import('@warren/async')
        return async (n) => {
          await using pool = new WorkerPool({ concurrency: CONCURRENCY, run: noop })
          return await addAll(n, (item) => pool.add(item))
        }
      },
    },
    {
      library: 'effect',
      how: 'Queue, Deferred and fibers', // Semaphore looks at all waiters at each release: 100 000 of them take a minute and more
      lacks: ['resize'],
      load: async () => {
        const [Deferred, Effect, Queue] = [await import('effect/Deferred'), await import('effect/Effect'), await import('effect/Queue')]
        interface Job {
          readonly item: number
          readonly result: import('effect/Deferred').Deferred<number>
        }
        return (n) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const queue = yield* Queue.unbounded<Job>()
              const worker = Effect.gen(function* () {
                for (;;) {
                  const { item, result } = yield* Queue.take(queue)
                  yield* Deferred.succeed(result, yield* Effect.promise(() => noop(item)))
                }
              })
              for (let i = 0; i < CONCURRENCY; i++) yield* Effect.forkChild(worker)
              const results: Job['result'][] = []
              for (const item of items.slice(0, n)) {
                const result = yield* Deferred.make<number>()
                results.push(result)
                yield* Queue.offer(queue, { item, result })
              }
              let sum = 0
              for (const result of results) sum += yield* Deferred.await(result)
              return sum
            }),
          )
      },
    },
    {
      library: 'p-queue',
      lacks: ['joins'],
      load: async () => {
        const { default: PQueue } = await import('p-queue')
        return (n) => {
          const queue = new PQueue({ concurrency: CONCURRENCY })
          return addAll(n, (item) => queue.add(() => noop(item)))
        }
      },
    },
    {
      library: 'fastq',
      how: 'promise',
      lacks: ['cancel'],
      load: async () => {
        const { default: fastq } = await import('fastq')
        return (n) => {
          const queue = fastq.promise(noop, CONCURRENCY)
          return addAll(n, (item) => queue.push(item))
        }
      },
    },
    {
      library: 'p-limit',
      lacks: ['cancel'],
      load: async () => {
        const { default: pLimit } = await import('p-limit')
        return (n) => {
          const limit = pLimit(CONCURRENCY)
          return addAll(n, (item) => limit(() => noop(item)))
        }
      },
    },
    bare('array and loops', ['cancel', 'joins', 'resize'], async () => async (n) => {
      const queue: { readonly item: number; readonly resolve: (value: number) => void }[] = []
      const results = addAll(n, (item) => new Promise((resolve) => queue.push({ item, resolve })))
      let head = 0
      const work = async () => {
        for (let job = queue[head++]; job !== undefined; job = queue[head++]) job.resolve(await noop(job.item))
      }
      for (let i = 0; i < CONCURRENCY; i++) void work()
      return results
    }),
  ],
}

const QUEUED = 64

const bounded: Case = {
  name: `worker pool: 100 000 jobs, at most ${QUEUED} queued`,
  operation: 'a wait for room in the queue, a job and its run',
  guarantees: ['bounded', ...GUARANTEES],
  operations: JOBS,
  expected: sumTo,
  entrants: [
    {
      library: 'ours',
      how: 'WorkerPool',
      lacks: [],
      load: async () => {
        const { WorkerPool } = await import('@warren/async')
        return async (n) => {
          let sum = 0
          const run = async (item: number) => {
            sum += item
          }
          await using pool = new WorkerPool({ concurrency: CONCURRENCY, maxQueued: QUEUED, run })
          for (let i = 1; i <= n; i++) {
            await pool.ready()
            void pool.add(i)
          }
          await pool.idle()
          return sum
        }
      },
    },
    {
      library: 'effect',
      how: 'Queue and fibers',
      lacks: ['resize'],
      load: async () => {
        const [Effect, Queue] = [await import('effect/Effect'), await import('effect/Queue')]
        return (n) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const queue = yield* Queue.bounded<number>(QUEUED)
              let [sum, taken] = [0, 0]
              const run = async (item: number) => {
                sum += item
              }
              const worker = Effect.gen(function* () {
                while (taken < n) {
                  taken++
                  const item = yield* Queue.take(queue)
                  yield* Effect.promise(() => run(item))
                }
              })
              yield* Effect.forkChild(
                Effect.gen(function* () {
                  for (let i = 1; i <= n; i++) yield* Queue.offer(queue, i)
                }),
              )
              const workers = Array.from({ length: CONCURRENCY }, () => worker)
              yield* Effect.forEach(workers, (each) => each, { concurrency: 'unbounded', discard: true })
              return sum
            }),
          )
      },
    },
    {
      library: 'p-queue',
      lacks: ['joins'],
      load: async () => {
        const { default: PQueue } = await import('p-queue')
        return async (n) => {
          let sum = 0
          const queue = new PQueue({ concurrency: CONCURRENCY })
          for (let i = 1; i <= n; i++) {
            await queue.onSizeLessThan(QUEUED)
            void queue.add(async () => {
              sum += i
            })
          }
          await queue.onIdle()
          return sum
        }
      },
    },
  ],
}

const LEVELS = 3

interface Order {
  readonly sum: number
  readonly urgentFirst: boolean
}

/** Adds jobs of all levels in turn, and looks at which place those of the most and of the least urgent level ran. */
const inLevels = async (
  n: number,
  add: (item: number, priority: number, job: () => Promise<number>) => Promise<number>,
): Promise<Order> => {
  const places: number[] = new Array(LEVELS).fill(0)
  let started = 0
  const sum = await addAll(n, (item) => {
    const priority = item % LEVELS
    return add(item, priority, () => {
      places[priority] = (places[priority] ?? 0) + started++
      return noop(item)
    })
  })
  return { sum, urgentFirst: (places[LEVELS - 1] ?? 0) < (places[0] ?? 0) }
}

const priorities: Case = {
  name: `worker pool: 100 000 jobs at once, ${LEVELS} priorities`,
  operation: 'a job with a priority that is queued, its run and its result',
  guarantees: ['no starvation', ...GUARANTEES],
  operations: JOBS,
  expected: (n): Order => ({ sum: sumTo(n), urgentFirst: true }),
  entrants: [
    {
      library: 'ours',
      how: 'WorkerPool',
      lacks: [],
      load: async () => {
        const { WorkerPool } = await import('@warren/async')
        return async (n) => {
          await using pool = new WorkerPool({ concurrency: CONCURRENCY, priorities: LEVELS, run: (job: () => Promise<number>) => job() })
          return await inLevels(n, (_, priority, job) => pool.add(job, { priority }))
        }
      },
    },
    {
      library: 'p-queue',
      lacks: ['no starvation', 'joins'],
      load: async () => {
        const { default: PQueue } = await import('p-queue')
        return (n) => {
          const queue = new PQueue({ concurrency: CONCURRENCY })
          return inLevels(n, (_, priority, job) => queue.add(job, { priority }))
        }
      },
    },
    bare('an array a level', ['no starvation', 'cancel', 'joins', 'resize'], async () => async (n) => {
      interface Job {
        readonly job: () => Promise<number>
        readonly resolve: (value: number) => void
      }
      const levels = Array.from({ length: LEVELS }, (): { readonly jobs: Job[]; head: number } => ({ jobs: [], head: 0 }))
      const order = inLevels(n, (_, priority, job) => new Promise((resolve) => levels[priority]?.jobs.push({ job, resolve })))
      const take = (): Job | undefined => {
        const level = levels.findLast(({ jobs, head }) => head < jobs.length)
        return level?.jobs[level.head++]
      }
      const work = async () => {
        for (let next = take(); next !== undefined; next = take()) next.resolve(await next.job())
      }
      for (let i = 0; i < CONCURRENCY; i++) void work()
      return order
    }),
  ],
}

export const poolCases: readonly Case[] = [unbounded, bounded, priorities]
