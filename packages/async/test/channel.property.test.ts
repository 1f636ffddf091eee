/*
 * Seeded mutants, each of which one of these tests has killed:
 * - a cancelled recv stays in the queue and swallows a value
 * - a cancelled send leaves its value behind
 * - tryRecv does not let a waiting sender in (lost wake-up)
 * - trySend prefers the buffer to a waiting receiver
 * - the buffer takes one value more than its capacity
 * - close drops the buffer
 * - close leaves waiting receivers waiting
 * - abort leaves the buffer to later receivers
 * - leaving a loop leaves its recv behind, which swallows the next value
 */
import { ChannelClosedError, channel } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { turn } from './turn.ts'

test('Channel: every value that was sent is received once, in order, whatever is cancelled', () =>
  fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 15, size: 'max' }),
      fc.array(fc.boolean(), { maxLength: 15, size: 'max' }),
      async (s, capacity, sends, recvs) => {
        const { sender, receiver } = channel<number>(capacity)
        const received: number[] = []
        const cancelLater = (cancel: boolean) => {
          const controller = new AbortController()
          if (cancel) void s.schedule(Promise.resolve('cancel')).then(() => controller.abort())
          return controller.signal
        }
        const outcomes: boolean[] = []
        const producer = (async () => {
          for (const [value, cancel] of sends.entries()) {
            await s.schedule(Promise.resolve('send'))
            outcomes.push(
              await sender.send(value, { signal: cancelLater(cancel) }).then(
                () => true,
                () => false,
              ),
            )
          }
          sender.close()
        })()
        const consumer = (async () => {
          for (const cancel of recvs) {
            await s.schedule(Promise.resolve('recv'))
            const value = await receiver.recv({ signal: cancelLater(cancel) }).catch(() => undefined)
            if (value !== undefined) received.push(value)
          }
          for await (const value of receiver) received.push(value)
        })()
        await s.waitFor(Promise.all([producer, consumer]))
        expect(received).toEqual([...outcomes.keys()].filter((value) => outcomes[value]))
      },
    ),
  ))

const step = fc.record({
  op: fc.constantFrom('send', 'send', 'recv', 'recv', 'trySend', 'tryRecv', 'cancelSend', 'cancelRecv', 'leaveLoop', 'close', 'abort'),
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
        while (model.receivers.length > 0 && model.buffer.length > 0) expected.set(model.receivers.shift() as number, model.buffer.shift())
        while (model.senders.length > 0 && model.buffer.length < capacity) {
          const id = model.senders.shift() as number
          model.buffer.push(id)
          expected.set(id, 'end')
          while (model.receivers.length > 0 && model.buffer.length > 0)
            expected.set(model.receivers.shift() as number, model.buffer.shift())
        }
      }
      const end = (state: 'closed' | 'aborted') => {
        for (const id of model.senders.splice(0)) expected.set(id, `refused ${id}`)
        for (const id of model.receivers.splice(0)) expected.set(id, state === 'closed' ? 'end' : 'reason')
        model.state = state
      }
      for (const [index, { op, n }] of steps.entries()) {
        const id = index + 1
        if (op === 'send') {
          const controller = new AbortController()
          cancelOf.set(id, () => controller.abort('cancelled'))
          note(id, sender.send(id, { signal: controller.signal }))
          if (model.state === 'open') model.senders.push(id)
          else expected.set(id, `refused ${id}`)
        } else if (op === 'recv' || (op === 'leaveLoop' && n % 2 === 0)) {
          if (op === 'recv') {
            const controller = new AbortController()
            cancelOf.set(id, () => controller.abort('cancelled'))
            note(id, receiver.recv({ signal: controller.signal }))
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
          expected.set(cancelled, steps[cancelled - 1]?.op === 'leaveLoop' ? 'end' : 'cancelled')
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
