/*
 * Mutants that these tests kill:
 * - oneshot.ts: a value that was sent leaves the channel open, so that a later recv waits for ever
 *     `this.#channel.close() // the first value is the last` => ``
 * - oneshot.ts: a second send says that it has sent
 *     `if (this.#channel.trySend(value).state !== 'ok') return false` => `this.#channel.trySend(value)`
 * - oneshot.ts: close leaves a recv waiting
 *     `this.#channel.close() // what was sent stays` => ``
 * - oneshot.ts: abort forgets to give back what was sent
 *     `return value` => `return undefined`
 * - oneshot.ts: whoever asks late is not told that nobody wants the answer
 *     `if (this.#over !== undefined) this.#closed.abort(this.#over.reason)` => ``
 * - oneshot.ts: whoever asked early is not told that nobody wants the answer
 *     `this.#closed?.abort(this.#over.reason)` => ``
 * - oneshot.ts: a close after the value was sent tells the sender that nobody wanted it
 *     `if (this.#sent) return` => ``
 * - oneshot.ts: the reason of a later abort replaces the first
 *     `this.#over ??= { reason }` => `this.#over = { reason }`
 * - channel.ts: abort leaves a recv waiting
 *     `this.#receivers.rejectAll(reason)` => ``
 */
import { oneshot } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listenerCount, turn } from './turn.ts'

test('Oneshot: a value that was sent is received exactly once, by one who was not cancelled, or given back by an abort', () =>
  fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
      fc.constantFrom('none', 'close', 'abort'),
      async (s, sends, recvs, end) => {
        const { sender, receiver } = oneshot<number>()
        const sent: number[] = []
        const back: number[] = []
        const received: number[] = []
        const producers = Array.from({ length: sends }, async (_, value) => {
          await s.schedule(Promise.resolve('send'))
          if (sender.send(value)) sent.push(value)
        })
        const consumers = recvs.map(async (cancel) => {
          await s.schedule(Promise.resolve('recv'))
          const controller = new AbortController()
          if (cancel) void s.schedule(Promise.resolve('cancel')).then(() => controller.abort('cancelled'))
          try {
            const value = await receiver.recv({ signal: controller.signal })
            if (value !== undefined) received.push(value)
          } catch (error) {
            expect(['cancelled', 'aborted']).toContain(error)
          }
          expect(listenerCount(controller.signal)).toBe(0)
        })
        const ender = (async () => {
          await s.schedule(Promise.resolve('end'))
          if (end === 'close') receiver.close()
          if (end === 'abort') back.push(...[receiver.abort('aborted')].filter((value) => value !== undefined))
        })()
        await s.waitFor(Promise.all([...producers, ...consumers, ender]))
        const rest = receiver.tryRecv()
        if (rest.state === 'ok') received.push(rest.value)
        expect([...received, ...back]).toEqual(sent)
        expect(sent.length).toBeLessThanOrEqual(1)
        if (end === 'none') expect(sent.length).toBe(1)
      },
    ),
  ))

const step = fc.record({
  op: fc.constantFrom('send', 'recv', 'recv', 'tryRecv', 'cancel', 'ask', 'close', 'abort'),
  n: fc.nat(20),
})

test('Oneshot equals its model: empty, full or over, and whether the answer is wanted', () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12, size: 'max' }), async (steps) => {
      const { sender, receiver } = oneshot<number>()
      const model = {
        value: undefined as number | undefined,
        sent: false,
        waiting: [] as number[],
        state: 'open' as 'open' | 'closed' | 'aborted',
        reason: '',
        unwanted: undefined as string | undefined,
      }
      const seen = new Map<number, unknown>()
      const expected = new Map<number, unknown>()
      const cancelOf = new Map<number, () => void>()
      let closed: AbortSignal | undefined
      const endAs = () => (model.state === 'aborted' ? model.reason : 'end')
      for (const [index, { op, n }] of steps.entries()) {
        const id = index + 1
        if (op === 'send') {
          const sends = model.state === 'open' && !model.sent
          expect(sender.send(id)).toBe(sends)
          if (sends) {
            model.sent = true
            const first = model.waiting.shift()
            if (first === undefined) model.value = id
            else expected.set(first, id)
            for (const other of model.waiting.splice(0)) expected.set(other, 'end')
          }
        } else if (op === 'recv') {
          const controller = new AbortController()
          cancelOf.set(id, () => controller.abort('cancelled'))
          void receiver.recv({ signal: controller.signal }).then(
            (value) => seen.set(id, value ?? 'end'),
            (error) => seen.set(id, error),
          )
          if (model.value !== undefined) {
            expected.set(id, model.value)
            model.value = undefined
          } else if (model.state === 'open' && !model.sent) model.waiting.push(id)
          else expected.set(id, endAs())
        } else if (op === 'tryRecv') {
          const { value } = model
          const state = model.state === 'open' && !model.sent ? 'empty' : 'closed'
          expect(receiver.tryRecv()).toEqual(value === undefined ? { state } : { state: 'ok', value })
          model.value = undefined
        } else if (op === 'cancel' && model.waiting.length > 0) {
          const [cancelled] = model.waiting.splice(n % model.waiting.length, 1) as [number]
          cancelOf.get(cancelled)?.()
          expected.set(cancelled, 'cancelled')
        } else if (op === 'ask') closed = sender.closed
        else if (op === 'close' && n % 2 === 0) {
          if (n % 4 === 0) sender.close()
          else receiver.close()
          if (model.state === 'open') model.state = 'closed'
          if (!model.sent) model.unwanted ??= 'AbortError'
          for (const other of model.waiting.splice(0)) expected.set(other, 'end')
        } else if (op === 'abort' && n % 2 === 0) {
          const reason = `reason ${id}`
          expect(n % 4 === 0 ? sender.abort(reason) : receiver.abort(reason)).toBe(model.value)
          model.value = undefined
          if (model.state !== 'aborted') model.reason = reason
          model.state = 'aborted'
          if (!model.sent) model.unwanted ??= reason
          for (const other of model.waiting.splice(0)) expected.set(other, reason)
        }
        await turn()
        expect(seen).toEqual(expected)
        const told = closed?.aborted ? closed.reason : undefined
        expect(told instanceof DOMException ? told.name : told).toBe(closed && model.unwanted)
      }
    }),
    { numRuns: 300 },
  ))
