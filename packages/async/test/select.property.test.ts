/*
 * Seeded mutants, each of which one of these tests has killed:
 * - branches that were not picked stay in their channel's queue
 * - a factory's late value is not given back
 * - losers are not awaited
 * - losers are not aborted
 * - a second branch overwrites the pick
 */
import { channel, type Permit, Semaphore, select } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'

test('select: every value of every channel arrives once and in order, whatever is picked or cancelled', () =>
  fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 2, maxLength: 3 }),
      fc.array(fc.boolean(), { maxLength: 20, size: 'max' }),
      fc.boolean(),
      async (s, counts, cancels, fair) => {
        const channels = counts.map(() => channel<string>(1))
        const sent = counts.map((count, i) => Array.from({ length: count }, (_, n) => `${i}.${n}`))
        const received = counts.map((): string[] => [])
        const producers = channels.map(async ({ sender }, i) => {
          for (const value of sent[i] ?? []) {
            await s.schedule(Promise.resolve('send'))
            await sender.send(value)
          }
          sender.close()
        })
        const consumer = (async () => {
          const open = new Map(channels.map(({ receiver }, i) => [String(i), receiver]))
          for (let round = 0; open.size > 0; round++) {
            const controller = new AbortController()
            if (cancels[round] === true) void s.schedule(Promise.resolve('cancel')).then(() => controller.abort())
            try {
              const { branch, value } = await select(Object.fromEntries([...open].map(([i, receiver]) => [`c${i}`, receiver])), {
                signal: controller.signal,
                fair,
              })
              if (value === undefined) open.delete(branch.slice(1))
              else received[Number(branch.slice(1))]?.push(value)
            } catch (error) {
              expect(error).toBe(controller.signal.reason)
            }
            await s.schedule(Promise.resolve('next'))
          }
        })()
        await s.waitFor(Promise.all([...producers, consumer]))
        expect(received).toEqual(sent)
      },
    ),
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
