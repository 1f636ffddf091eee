/*
 * Mutants that these tests kill:
 * - wait-queue.ts: a cancelled recv stays in the queue and swallows a value, a cancelled send leaves its value behind
 *     `this.reject(reason)` => `this.#settle.reject(reason)`
 * - wait-queue.ts: leaving from the middle of the queue loses those behind
 *     `else waiter.previous.next = waiter.next` => `else waiter.previous.next = undefined`
 * - channel.ts: taking a value does not let a waiting sender in (lost wake-up)
 *     `if (sender !== undefined) {` => `if (sender === null) {`
 * - channel.ts: a sender that is let in finds its value dropped
 *     `this.#buffer.push(sender.want)` => ``
 * - channel.ts: a value goes to the buffer although somebody waits for it
 *     `if (receiver !== undefined) receiver.resolve(value)` => `if (receiver === null) receiver.resolve(value)`
 * - channel.ts: the buffer takes one value more than its capacity
 *     `this.#buffer.size < this.#capacity` => `this.#buffer.size <= this.#capacity`
 * - channel.ts: close drops the buffer
 *     `this.#receivers.resolveAll(undefined)` => `this.#receivers.resolveAll(undefined), this.#buffer.drain()`
 * - channel.ts: close leaves waiting receivers waiting
 *     `this.#receivers.resolveAll(undefined)` => ``
 * - channel.ts: abort leaves waiting receivers waiting
 *     `this.#receivers.rejectAll(reason)` => ``
 * - channel.ts: abort leaves the buffer to later receivers
 *     `return this.#buffer.drain()` => `return []`
 * - channel.ts: after an abort it ends as after a close
 *     `return this.#aborted === undefined ? Promise.resolve(undefined)` => `return this.#closed ? Promise.resolve(undefined)`
 * - loop.ts: leaving a loop leaves its place behind, which swallows the next value
 *     `this.#waiting?.place[Symbol.dispose]()` => ``
 * - loop.ts: leaving a loop leaves its next() waiting
 *     `this.#waiting?.result.resolve({ done: true, value: undefined })` => ``
 * - loop.ts: a second next() overwrites the first
 *     `if (this.#waiting !== undefined) {` => `if (this.#left) {`
 * - fifo.ts: the ring is full one item late
 *     `if (this.#size === this.#ring.length)` => `if (this.#size > this.#ring.length)`
 * - fifo.ts: the head runs out of the ring
 *     `this.#head = (this.#head + 1) & (this.#ring.length - 1)` => `this.#head++`
 * - fifo.ts: a ring that grows loses what has wrapped around
 *     `Math.max(0, end - this.#ring.length)` => `0`
 */
import { ChannelClosedError, channel } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { turn } from './turn.ts'

test("Channel: every value that was sent is received once, and in its sender's order, whatever is cancelled", () =>
  fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.array(fc.boolean(), { maxLength: 8, size: 'max' }), { minLength: 1, maxLength: 3, size: 'max' }),
      fc.array(fc.array(fc.constantFrom('stay', 'cancel', 'leave'), { maxLength: 8, size: 'max' }), {
        minLength: 1,
        maxLength: 3,
        size: 'max',
      }),
      async (s, capacity, senders, receivers) => {
        const { sender, receiver } = channel<{ readonly from: number; readonly n: number }>(capacity)
        const later = (word: string, act: () => void) => void s.schedule(Promise.resolve(word)).then(act)
        const sent: string[] = []
        const received = receivers.map((): { readonly from: number; readonly n: number }[] => [])
        const producers = senders.map(async (cancels, from) => {
          for (const [n, cancel] of cancels.entries()) {
            await s.schedule(Promise.resolve('send'))
            const controller = new AbortController()
            if (cancel) later('cancel', () => controller.abort('cancelled'))
            await sender.send({ from, n }, { signal: controller.signal }).then(
              () => sent.push(`${from}.${n}`),
              (error) => expect(error).toBe('cancelled'),
            )
          }
        })
        const consumers = receivers.map(async (fates, i) => {
          const take = (value: { readonly from: number; readonly n: number } | undefined) => value && received[i]?.push(value)
          for (const fate of fates) {
            await s.schedule(Promise.resolve('recv'))
            if (fate === 'leave') {
              const loop = receiver[Symbol.asyncIterator]()
              later('leave', () => void loop.return?.())
              take((await loop.next()).value)
            } else {
              const controller = new AbortController()
              if (fate === 'cancel') later('cancel', () => controller.abort('cancelled'))
              take(await receiver.recv({ signal: controller.signal }).catch((error) => void expect(error).toBe('cancelled')))
            }
          }
          for await (const value of receiver) take(value)
        })
        const producing = Promise.all(producers).then(() => sender.close())
        await s.waitFor(Promise.all([producing, ...consumers]))
        expect(received.flatMap((values) => values.map(({ from, n }) => `${from}.${n}`)).sort()).toEqual(sent.sort())
        for (const values of received)
          for (const from of senders.keys()) {
            const order = values.filter((value) => value.from === from).map(({ n }) => n)
            expect(order).toEqual(order.toSorted((a, b) => a - b))
          }
      },
    ),
  ))

const step = fc.record({
  op: fc.constantFrom('send', 'send', 'recv', 'recv', 'loop', 'trySend', 'tryRecv', 'cancelSend', 'cancelRecv', 'close', 'abort'),
  n: fc.nat(20),
})

test('Channel equals its model: a bounded buffer between two FIFO queues', () =>
  fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 40, size: 'max' }), async (capacity, steps) => {
      const { sender, receiver } = channel<number>(capacity)
      const model = {
        buffer: [] as number[],
        senders: [] as number[],
        receivers: [] as number[],
        state: 'open' as 'open' | 'closed' | 'aborted',
      }
      const seen = new Map<number, unknown>() // call -> how it ended
      const expected = new Map<number, unknown>()
      const cancelOf = new Map<number, () => void>()
      const note = (id: number, call: Promise<unknown>) =>
        call.then(
          (value) => seen.set(id, value ?? 'end'),
          (error) => seen.set(id, error instanceof ChannelClosedError ? `refused ${error.value}` : error),
        )
      const accept = () => {
        for (;;) {
          if (model.receivers.length > 0 && model.buffer.length > 0) expected.set(model.receivers.shift() as number, model.buffer.shift())
          else if (model.senders.length > 0 && model.buffer.length < capacity) {
            const id = model.senders.shift() as number
            model.buffer.push(id)
            expected.set(id, 'end')
          } else return
        }
      }
      const end = (state: 'closed' | 'aborted') => {
        for (const id of model.senders.splice(0)) expected.set(id, `refused ${id}`)
        for (const id of model.receivers.splice(0)) expected.set(id, state === 'closed' ? 'end' : 'reason')
        model.state = state
      }
      for (const [index, { op, n }] of steps.entries()) {
        const id = index + 1
        const controller = new AbortController()
        const { signal } = controller
        if (op === 'send') {
          cancelOf.set(id, () => controller.abort('cancelled'))
          note(id, sender.send(id, { signal }))
          if (model.state === 'open') model.senders.push(id)
          else expected.set(id, `refused ${id}`)
        } else if (op === 'recv' || op === 'loop') {
          if (op === 'recv') {
            cancelOf.set(id, () => controller.abort('cancelled'))
            note(id, receiver.recv({ signal }))
          } else {
            const loop = receiver[Symbol.asyncIterator]()
            cancelOf.set(id, () => void loop.return?.())
            note(
              id,
              loop.next().then(({ value }) => value),
            )
          }
          if (model.buffer.length > 0) expected.set(id, model.buffer.shift())
          else if (model.state === 'open') model.receivers.push(id)
          else expected.set(id, model.state === 'closed' ? 'end' : 'reason')
        } else if (op === 'trySend') {
          const state = model.state !== 'open' ? 'closed' : model.receivers.length > 0 || model.buffer.length < capacity ? 'ok' : 'full'
          expect(sender.trySend(id)).toEqual({ state })
          if (state === 'ok') model.buffer.push(id)
        } else if (op === 'tryRecv') {
          const value = model.buffer.shift()
          const state = value !== undefined ? { state: 'ok', value } : { state: model.state === 'open' ? 'empty' : 'closed' }
          expect(receiver.tryRecv()).toEqual(state)
        } else if (op === 'cancelSend' && model.senders.length > 0) {
          const [cancelled] = model.senders.splice(n % model.senders.length, 1) as [number]
          cancelOf.get(cancelled)?.()
          expected.set(cancelled, 'cancelled')
        } else if (op === 'cancelRecv' && model.receivers.length > 0) {
          const [cancelled] = model.receivers.splice(n % model.receivers.length, 1) as [number]
          cancelOf.get(cancelled)?.()
          expected.set(cancelled, steps[cancelled - 1]?.op === 'loop' ? 'end' : 'cancelled')
        } else if (op === 'close' && n % 4 === 0) {
          sender.close()
          if (model.state === 'open') end('closed')
        } else if (op === 'abort' && n % 4 === 0) {
          const dropped = receiver.abort('reason')
          expect(dropped).toEqual(model.state === 'aborted' ? [] : model.buffer)
          if (model.state !== 'aborted') end('aborted')
          model.buffer = []
        }
        accept()
        await turn()
        expect(seen).toEqual(expected)
      }
    }),
  ))

test('Channel: the buffer equals an array, however it grows, wraps around and runs empty', () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2_500 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 60 })), { maxLength: 30, size: 'max' }),
      fc.integer({ min: 0, max: 3_000 }),
      (capacity, rounds, burst) => {
        const { sender, receiver } = channel<number>(capacity)
        const model: number[] = []
        let next = 0
        const send = (count: number) => {
          for (let i = 0; i < count; i++) {
            const fits = model.length < capacity
            expect(sender.trySend(next).state).toBe(fits ? 'ok' : 'full')
            if (fits) model.push(next)
            next++
          }
        }
        const recv = (count: number) => {
          for (let i = 0; i < count; i++) {
            const value = model.shift()
            expect(receiver.tryRecv()).toEqual(value === undefined ? { state: 'empty' } : { state: 'ok', value })
          }
        }
        for (const [sends, recvs] of rounds) {
          send(sends)
          recv(recvs)
        }
        send(burst)
        recv(burst - 5)
        send(3)
        expect(receiver.abort()).toEqual(model)
      },
    ),
    { numRuns: 50 },
  ))

test('Channel: calls of next() that overlap answer in their order; leaving ends them all and takes nothing', () =>
  fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.nat(5), async (calls, values) => {
      const { sender, receiver } = channel<number>(10)
      const loop = receiver[Symbol.asyncIterator]()
      const ended: unknown[] = []
      for (let i = 0; i < calls; i++) void loop.next().then(({ value }) => ended.push(value ?? 'end'))
      for (let value = 1; value <= values; value++) {
        await turn()
        sender.trySend(value)
      }
      await turn()
      const sent = Array.from({ length: values }, (_, i) => i + 1)
      expect(ended).toEqual(sent.slice(0, calls))
      await loop.return?.()
      expect(sender.trySend(99)).toEqual({ state: 'ok' })
      await turn()
      expect(ended).toEqual([...sent, 'end', 'end', 'end', 'end', 'end'].slice(0, calls))
      expect(await loop.next()).toEqual({ done: true, value: undefined })
      expect(receiver.abort()).toEqual([...sent.slice(calls), 99])
    }),
  ))
