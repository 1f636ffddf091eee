/*
 * Mutants that these tests kill:
 * - select.ts: branches that were not picked stay in their queues
 *     `for (const place of this.#places) place[Symbol.dispose]()` => ``
 * - select.ts: a place is not noted
 *     `if (place !== undefined) this.#places.push(place)` => `if (place === null) this.#places.push(place)`
 * - select.ts: it looks on after a branch was ready
 *     `if (!race.decided) race.look(name, branch)` => `race.look(name, branch)`
 * - select.ts: a signal among the branches keeps its listener
 *     `this.#places.push(onAbort(branch, (reason) => this.pick(name, reason)))` => `onAbort(branch, (reason) => this.pick(name, reason))`
 * - select.ts: the select's own signal keeps its listener
 *     `this.#places.push(onAbort(signal, (reason) => this.fail(reason)))` => `onAbort(signal, (reason) => this.fail(reason))`
 * - select.ts: a second branch takes part after the pick
 *     `if (this.decided) return false` => ``
 * - select.ts: a factory's late value is not given back
 *     `if (!this.pick(name, value)) giveBack?.(value)` => `this.pick(name, value)`
 * - select.ts: what was picked is given back as well
 *     `if (!this.pick(name, value)) giveBack?.(value)` => `this.pick(name, value), giveBack?.(value)`
 * - select.ts: losers are not awaited
 *     `await Promise.all(this.#running)` => ``
 * - select.ts: losers are not aborted
 *     `losers.abort(PICKED)` => ``
 * - select.ts: fair begins with the first branch
 *     `Math.floor(random() * entries.length)` => `0`
 * - select.ts: fair never begins with the last branch
 *     `Math.floor(random() * entries.length)` => `Math.floor(random() * (entries.length - 1))`
 * - select.ts: written order is not kept
 *     `if (fair) entries` => `entries`
 * - broadcast.ts: a select that has nothing ready takes no place at a broadcast
 *     `return this.#calls.push(undefined, settle)` => `return undefined`
 * - watch.ts: a select does not note the news that it found
 *     `this.seen = this.#cell.version` => ``
 */
import { type Branch, broadcast, channel, oneshot, type Permit, Semaphore, select, watch } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listenerCount } from './turn.ts'

/** Values that go one by one into a receiver, and what came of a select over it. */
interface Source {
  readonly branch: Branch<unknown>
  send(value: number): unknown
  close(): void
  /** What a pick brought; undefined at the end. */
  readonly read?: (picked: unknown) => unknown
  readonly check: (came: readonly unknown[], sent: readonly number[]) => void
}

const sources: Record<string, () => Source> = {
  channel: () => {
    const { sender, receiver } = channel<number>(1)
    const check: Source['check'] = (came, sent) => expect(came).toEqual(sent)
    return { branch: receiver, send: (value) => sender.send(value), close: () => sender.close(), check }
  },
  oneshot: () => {
    const { sender, receiver } = oneshot<number>()
    const check: Source['check'] = (came, sent) => expect(came).toEqual(sent.slice(0, 1))
    return { branch: receiver, send: (value) => sender.send(value), close: () => sender.close(), check }
  },
  broadcast: () => {
    const sender = broadcast<number>(8)
    const check: Source['check'] = (came, sent) => expect(came).toEqual(sent.map((value) => ({ state: 'ok', value })))
    return { branch: sender.subscribe(), send: (value) => sender.send(value), close: () => sender.close(), check }
  },
  watch: () => {
    const { sender, receiver } = watch(-1)
    const check: Source['check'] = (came, sent) => {
      expect(came.at(-1)).toBe(sent.at(-1))
      expect(came.length).toBeLessThanOrEqual(sent.length)
      expect(came).toEqual((came as number[]).toSorted((a, b) => a - b))
    }
    const read = (changed: unknown) => (changed === true ? receiver.value : undefined)
    return { branch: receiver, send: (value) => sender.send(value), close: () => sender.close(), read, check }
  },
}

test('select: no source loses a value, no factory loses one, no signal keeps a listener, whatever is picked or cancelled', () =>
  fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.tuple(fc.constantFrom(...Object.keys(sources)), fc.nat(5)), { minLength: 1, maxLength: 4, size: 'max' }),
      fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 20, size: 'max' }),
      fc.boolean(),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      async (s, kinds, rounds, fair, randoms) => {
        const all = kinds.map(([kind, count]) => ({
          source: (sources[kind] as () => Source)(),
          sent: Array.from({ length: count }, (_, n) => n),
          came: [] as unknown[],
        }))
        const producers = all.map(async ({ source, sent }) => {
          for (const value of sent) {
            await s.schedule(Promise.resolve('send'))
            await source.send(value)
          }
          await s.schedule(Promise.resolve('close'))
          source.close()
        })
        const stop = new AbortController()
        const made: number[] = []
        const kept: number[] = []
        const ticket = {
          start: async () => {
            await s.schedule(Promise.resolve('ticket'))
            return made.push(made.length) - 1
          },
          giveBack: (ticket: number) => void kept.push(ticket),
        }
        const consumer = (async () => {
          const open = new Map(all.map((entry, i) => [`source ${i}`, entry]))
          for (let round = 0; open.size > 0; round++) {
            const [cancel = false, tickets = false] = rounds[round] ?? []
            const controller = new AbortController()
            if (cancel) void s.schedule(Promise.resolve('cancel')).then(() => controller.abort('cancelled'))
            const branches: Record<string, Branch<unknown>> = { stop: stop.signal }
            for (const [name, { source }] of open) branches[name] = source.branch
            if (tickets) branches['ticket'] = ticket as Branch<unknown>
            try {
              const { branch, value } = await select(branches, {
                signal: controller.signal,
                fair,
                random: () => randoms.next().value as number,
              })
              const picked = open.get(branch)
              const read = picked?.source.read?.(value) ?? (picked?.source.read === undefined ? value : undefined)
              if (branch === 'ticket') kept.push(value as number)
              else if (read === undefined) open.delete(branch)
              else picked?.came.push(read)
            } catch (error) {
              expect(error).toBe('cancelled')
            }
            expect([listenerCount(stop.signal), listenerCount(controller.signal)]).toEqual([0, 0])
            await s.schedule(Promise.resolve('next'))
          }
        })()
        await s.waitFor(Promise.all([...producers, consumer]))
        for (const { source, came, sent } of all) source.check(came, sent)
        expect(kept.sort((a, b) => a - b)).toEqual(made)
      },
    ),
    { numRuns: 300 },
  ))

test('select: factories that were not picked are aborted and awaited, and what they made comes back', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 2, max: 6 }), async (s, permits, users) => {
      const semaphore = new Semaphore(permits)
      let running = 0
      const user = async (i: number) => {
        await s.schedule(Promise.resolve(`start ${i}`))
        let timerEnded = false
        let loserAborted = false
        const picked = await select({
          permit: {
            start: async (signal) => {
              const permit = await semaphore.acquire({ signal })
              await s.schedule(Promise.resolve('late')) // pays no heed to the signal any more
              return permit
            },
            giveBack: (permit: Permit) => permit[Symbol.dispose](),
          },
          timer: async (signal) => {
            running++
            await s.schedule(Promise.resolve('timer'))
            loserAborted = signal.aborted
            timerEnded = true
            running--
          },
        })
        expect(timerEnded).toBe(true) // picked or not, nothing of a select outlives it
        if (picked.branch === 'permit') {
          expect(loserAborted).toBe(true)
          await s.schedule(Promise.resolve('work'))
          picked.value[Symbol.dispose]()
        }
      }
      await s.waitFor(Promise.all(Array.from({ length: users }, (_, i) => user(i))))
      expect(running).toBe(0)
      expect(semaphore.available).toBe(permits)
    }),
  ))

/** Uniform in [0, 1), the same for the same seed. Source: the generator known as mulberry32. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test('select: of branches that are always ready the first written is picked, or, when fair, each at its share', () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.array(fc.constantFrom('channel', 'signal', 'watch', 'never'), { minLength: 1, maxLength: 5 }),
      async (seed, kinds) => {
        fc.pre(kinds.some((kind) => kind !== 'never'))
        const CALLS = 400
        const branches = Object.fromEntries(
          kinds.map((kind, i): [string, Branch<unknown>] => {
            if (kind === 'signal') return [`${i}`, AbortSignal.abort()]
            const { sender, receiver } = channel<number>(CALLS)
            for (let n = 1; n <= CALLS && kind === 'channel'; n++) sender.trySend(n)
            if (kind !== 'watch') return [`${i}`, receiver]
            const ended = watch(0)
            ended.sender.close()
            return [`${i}`, ended.receiver]
          }),
        )
        const ready = [...kinds.keys()].filter((i) => kinds[i] !== 'never')
        expect((await select(branches)).branch).toBe(`${ready[0]}`)
        const counts = kinds.map(() => 0)
        const random = seeded(seed)
        for (let call = 1; call < CALLS; call++) {
          const { branch } = await select(branches, { fair: true, random })
          counts[Number(branch)] = (counts[Number(branch)] as number) + 1
        }
        // The mean is at least CALLS / n: at n = 5 a quarter of it is 7.5 standard deviations away.
        for (const [i, count] of counts.entries())
          if (ready.includes(i)) expect(count).toBeGreaterThan(CALLS / kinds.length / 4)
          else expect(count).toBe(0)
      },
    ),
  ))
