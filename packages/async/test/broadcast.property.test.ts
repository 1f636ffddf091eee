/*
 * Mutants that these tests kill:
 * - broadcast.ts: a receiver that is as far behind as the capacity loses one
 *     `const lostCount = this.#hub.oldest - this.#next` => `const lostCount = this.#hub.oldest + 1 - this.#next`
 * - broadcast.ts: a receiver that lagged is told again
 *     `this.#next += lostCount` => `this.#next += lostCount - 1`
 * - broadcast.ts: a receiver that lagged is not told
 *     `if (lostCount > 0) {` => `if (lostCount > 0 && (this.#next += lostCount) < 0) {`
 * - broadcast.ts: a value given to one who waited is seen again
 *     `this.#next++ // seen` => `// seen`
 * - broadcast.ts: the first receiver that does not wait any more keeps the others from being told
 *     `else this.#waiting.delete(receiver)` => `else break`
 * - broadcast.ts: a receiver that waits counts as one that has not seen the value, which is kept
 *     `if (receiver.tell(received)) unseenBy--` => `if (receiver.tell(received)) unseenBy += 0`
 * - broadcast.ts: a value is let go of before the last has seen it
 *     `if (--slot.unseenBy === 0)` => `if (--slot.unseenBy <= 1)`
 * - broadcast.ts: a value that all have seen is kept
 *     `if (--slot.unseenBy === 0)` => `if (--slot.unseenBy < 0)`
 * - broadcast.ts: a receiver that is disposed leaves behind what it has not seen
 *     `unseen < this.sentCount; unseen++` => `unseen < this.oldest; unseen++`
 * - broadcast.ts: a receiver that is disposed is still counted
 *     `this.#receiverCount--` => ``
 * - broadcast.ts: a receiver that is disposed goes on receiving
 *     `if (this.#disposed || this.#hub.aborted !== undefined)` => `if (this.#hub.aborted !== undefined)`
 * - broadcast.ts: dispose leaves its calls waiting
 *     `this.#hub.leave(this, this.#next)` => `this.#hub.leave(this, this.#next); return`
 * - broadcast.ts: a receiver sees what was sent before it subscribed
 *     `this.#next = hub.sentCount` => `this.#next = hub.oldest`
 * - broadcast.ts: close leaves calls waiting
 *     `for (const receiver of this.#waiting) receiver.end()` => ``
 * - broadcast.ts: after a close what was not seen is dropped
 *     `if (received !== undefined) return Promise.resolve(received)` => `if (received !== undefined && !this.#closed) return Promise.resolve(received)`
 * - broadcast.ts: what was not seen outlives an abort
 *     `if (this.#disposed || this.#hub.aborted !== undefined)` => `if (this.#disposed)`
 */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type BroadcastReceiver, broadcast, type Received } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { turn } from './turn.ts'

/** Walks over what was sent: every value in its order, none twice, and what is missing was counted exactly. */
class Follower {
  readonly #sent: readonly number[]
  next: number

  constructor(sent: readonly number[]) {
    this.#sent = sent
    this.next = sent.length
  }

  see(received: Received<number>): void {
    if (received.state === 'lagged') {
      expect(received.lostCount).toBeGreaterThan(0)
      this.next += received.lostCount
    } else expect(received.value).toBe(this.#sent[this.next++])
  }
}

test('Broadcast: what a receiver sees and what it is told it lost is what was sent, in order, whatever is cancelled', () =>
  fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 8, size: 'max' }),
      fc.array(fc.array(fc.constantFrom('stay', 'cancel', 'leave'), { maxLength: 10 }), { minLength: 1, maxLength: 4, size: 'max' }),
      async (s, capacity, bursts, receivers) => {
        const sender = broadcast<number>(capacity)
        const sent: number[] = []
        const producer = (async () => {
          for (const burst of bursts) {
            await s.schedule(Promise.resolve('send'))
            for (let i = 0; i < burst; i++) {
              sender.send(sent.length + 1)
              sent.push(sent.length + 1)
            }
          }
          sender.close()
        })()
        const later = (word: string, act: () => void) => void s.schedule(Promise.resolve(word)).then(act)
        const consumers = receivers.map(async (fates, i) => {
          if (i > 0) await s.schedule(Promise.resolve('subscribe'))
          using receiver = sender.subscribe()
          const follower = new Follower(sent)
          const see = (received: Received<number> | undefined) => received && follower.see(received)
          for (const fate of fates) {
            await s.schedule(Promise.resolve('recv'))
            if (fate === 'leave') {
              const loop = receiver[Symbol.asyncIterator]()
              later('leave', () => void loop.return?.())
              see((await loop.next()).value)
            } else {
              const controller = new AbortController()
              if (fate === 'cancel') later('cancel', () => controller.abort('cancelled'))
              see(await receiver.recv({ signal: controller.signal }).catch((error) => void expect(error).toBe('cancelled')))
            }
          }
          for await (const received of receiver) {
            follower.see(received)
            await s.schedule(Promise.resolve('loop'))
          }
          expect(follower.next).toBe(sent.length)
        })
        await s.waitFor(Promise.all([producer, ...consumers]))
      },
    ),
  ))

const step = fc.record({
  op: fc.constantFrom('subscribe', 'send', 'send', 'send', 'recv', 'recv', 'loop', 'tryRecv', 'cancel', 'dispose', 'close', 'abort'),
  n: fc.nat(30),
})

test('Broadcast equals its model: for each receiver a queue that drops and counts its oldest', () =>
  fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 60, size: 'max' }), async (capacity, steps) => {
      const sender = broadcast<number>(capacity)
      const readers: { receiver: BroadcastReceiver<number>; queue: number[]; lostCount: number; calls: number[]; left: boolean }[] = []
      let state: 'open' | 'closed' | 'aborted' = 'open'
      const seen = new Map<number, unknown>()
      const expected = new Map<number, unknown>()
      const cancelOf = new Map<number, () => void>()
      const take = (reader: (typeof readers)[number]): Received<number> | undefined => {
        const { lostCount } = reader
        reader.lostCount = 0
        if (lostCount > 0) return { state: 'lagged', lostCount }
        const value = reader.queue.shift()
        return value === undefined ? undefined : { state: 'ok', value }
      }
      for (const [index, { op, n }] of steps.entries()) {
        const id = index + 1
        const reader = readers[n % readers.length]
        if (op === 'subscribe') readers.push({ receiver: sender.subscribe(), queue: [], lostCount: 0, calls: [], left: false })
        else if (op === 'send') {
          const listening = state === 'open' ? readers.filter(({ left }) => !left) : []
          expect(sender.send(id)).toBe(listening.length)
          for (const { queue } of listening) queue.push(id)
        } else if (op === 'close' && n % 6 === 0) {
          sender.close()
          if (state === 'open') state = 'closed'
        } else if (op === 'abort' && n % 6 === 0) {
          if (state === 'aborted') sender.abort('late')
          else sender.abort('reason')
          state = 'aborted'
        } else if (reader === undefined) continue
        else if (op === 'recv' || op === 'loop') {
          const controller = new AbortController()
          const loop = reader.receiver[Symbol.asyncIterator]()
          const call = op === 'recv' ? reader.receiver.recv({ signal: controller.signal }) : loop.next().then(({ value }) => value)
          cancelOf.set(id, () => (op === 'recv' ? controller.abort('cancelled') : void loop.return?.()))
          void call.then(
            (value) => seen.set(id, value ?? 'end'),
            (error) => seen.set(id, error),
          )
          reader.calls.push(id)
        } else if (op === 'tryRecv' && reader.calls.length === 0) {
          const over = reader.left || state !== 'open'
          expect(reader.receiver.tryRecv()).toEqual(
            (state === 'aborted' || reader.left ? undefined : take(reader)) ?? { state: over ? 'closed' : 'empty' },
          )
        } else if (op === 'cancel' && reader.calls.length > 0) {
          const [cancelled] = reader.calls.splice(n % reader.calls.length, 1) as [number]
          cancelOf.get(cancelled)?.()
          expected.set(cancelled, steps[cancelled - 1]?.op === 'loop' ? 'end' : 'cancelled')
        } else if (op === 'dispose') {
          reader.receiver[Symbol.dispose]()
          reader.left = true
        }
        for (const reader of readers)
          while (reader.calls.length > 0) {
            const received = reader.left || state === 'aborted' ? undefined : take(reader)
            if (received === undefined && !reader.left && state === 'open') break
            expected.set(reader.calls.shift() as number, received ?? (state === 'aborted' && !reader.left ? 'reason' : 'end'))
          }
        for (const reader of readers)
          while (reader.queue.length > capacity) {
            reader.queue.shift()
            reader.lostCount++
          }
        await turn()
        expect(seen).toEqual(expected)
      }
    }),
  ))

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

test('Broadcast: a value is let go of when every receiver has seen it, has gone, or has lost it', () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.constantFrom('read', 'wait', 'dispose', 'keep', 'lag'), { minLength: 1, maxLength: 4 }),
      async (capacity, fates) => {
        const sender = broadcast<object>(capacity)
        const receivers = fates.map((fate) => ({ fate, receiver: sender.subscribe() }))
        const calls = receivers.filter(({ fate }) => fate === 'wait').map(({ receiver }) => receiver.recv())
        const weak = (() => {
          const value = {}
          sender.send(value)
          return new WeakRef(value)
        })()
        await Promise.all(calls)
        calls.length = 0
        for (const { fate, receiver } of receivers) {
          if (fate === 'read') await receiver.recv()
          if (fate === 'dispose') receiver[Symbol.dispose]()
        }
        const lag = fates.includes('lag')
        if (lag) for (let i = 0; i < capacity; i++) sender.send({})
        await turn()
        collect()
        expect(weak.deref() !== undefined).toBe(fates.includes('keep') && !lag)
        expect(receivers).toHaveLength(fates.length) // alive until here
      },
    ),
    { numRuns: 40 },
  ))
