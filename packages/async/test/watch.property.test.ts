/*
 * Mutants that these tests kill:
 * - watch.ts: send tells only the first who waits
 *     `for (let head = this.changing.head; head !== undefined; head = this.changing.head) {` => `const head = this.changing.head; if (head !== undefined) {`
 * - watch.ts: a change that was told stays news
 *     `head.want.seen = this.version` => ``
 * - watch.ts: looking for news does not note what was found
 *     `this.seen = this.#cell.version` => ``
 * - watch.ts: close hides the last change
 *     `if (this.#isNews()) return Promise.resolve(true)` => `if (!closed && this.#isNews()) return Promise.resolve(true)`
 * - watch.ts: close leaves those waiting who wait for a change
 *     `this.changing.resolveAll(false)` => ``
 * - watch.ts: close leaves those waiting who wait for a value
 *     `this.passing.rejectAll(this.refusal())` => ``
 * - watch.ts: abort is a close
 *     `this.aborted ??= { reason }` => ``
 * - watch.ts: a loop begins with the next value
 *     `new Reader(cell, -1)` => `new Reader(cell, cell.version)`
 * - watch.ts: a loop takes the news of the receiver
 *     `new Reader(cell, -1)` => `((this.seen = -1), this)`
 * - watch.ts: waitFor does not look at the present value
 *     `if (predicate(value)) return value` => ``
 * - watch.ts: a value is set after the end
 *     `if (this.closed) return false` => ``
 */
import { ChannelClosedError, watch } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { turn } from './turn.ts'

test('Watch: whoever follows it, by whatever way and with whatever cancelled, ends with the last value', () =>
  fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.nat(8),
      fc.array(fc.tuple(fc.constantFrom('changed', 'loop', 'subscribe'), fc.array(fc.boolean(), { maxLength: 8 })), {
        minLength: 1,
        maxLength: 4,
      }),
      async (s, sends, readers) => {
        const { sender, receiver } = watch(0)
        const producer = (async () => {
          for (let value = 1; value <= sends; value++) {
            await s.schedule(Promise.resolve('send'))
            sender.send(value)
          }
          sender.close()
        })()
        const consumers = readers.map(async ([how, cancels]) => {
          const seen: number[] = []
          if (how === 'loop') {
            for await (const value of receiver) {
              seen.push(value)
              await s.schedule(Promise.resolve('loop'))
            }
          } else {
            if (how === 'subscribe') await s.schedule(Promise.resolve('subscribe'))
            const own = receiver.subscribe()
            seen.push(own.value)
            for (let round = 0; ; round++) {
              const controller = new AbortController()
              if (cancels[round] === true) void s.schedule(Promise.resolve('cancel')).then(() => controller.abort('cancelled'))
              try {
                if (!(await own.changed({ signal: controller.signal }))) break
                seen.push(own.value)
              } catch (error) {
                expect(error).toBe('cancelled')
              }
              await s.schedule(Promise.resolve('next'))
            }
          }
          expect(seen.at(-1)).toBe(sends)
          expect(seen).toEqual(seen.toSorted((a, b) => a - b))
        })
        await s.waitFor(Promise.all([producer, ...consumers]))
      },
    ),
  ))

const step = fc.record({
  op: fc.constantFrom(
    'send',
    'send',
    'changed',
    'changed',
    'waitFor',
    'loop',
    'loop',
    'leaveLoop',
    'cancel',
    'subscribe',
    'close',
    'abort',
  ),
  n: fc.nat(20),
})

test('Watch equals its model: a value, and for each reader whether it is news', () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const { sender, receiver } = watch(0)
      const readers = [receiver]
      const loops: AsyncIterator<number, undefined, undefined>[] = []
      type Cursor = { news: boolean; left: boolean }
      const model = {
        value: 0,
        state: 'open' as 'open' | 'closed' | 'aborted',
        readers: [{ news: false, left: false }] as Cursor[],
        loops: [] as Cursor[],
        waiting: [] as { id: number; cursor: Cursor | undefined; least: number; loop: boolean }[],
      }
      const seen = new Map<number, unknown>()
      const expected = new Map<number, unknown>()
      const cancelOf = new Map<number, () => void>()
      const note = (id: number, call: Promise<unknown>) =>
        call.then(
          (value) => seen.set(id, value),
          (error) => seen.set(id, error instanceof ChannelClosedError ? `closed at ${error.value}` : error),
        )
      for (const [index, { op, n }] of steps.entries()) {
        const id = index + 1
        const controller = new AbortController()
        const { signal } = controller
        if (op === 'send') {
          expect(sender.send(id)).toBe(model.state === 'open')
          if (model.state === 'open') {
            model.value = id
            for (const cursor of [...model.readers, ...model.loops]) cursor.news = true
          }
        } else if (op === 'changed') {
          const at = n % readers.length
          note(id, (readers[at] as typeof receiver).changed({ signal }))
          cancelOf.set(id, () => controller.abort('cancelled'))
          model.waiting.push({ id, cursor: model.readers[at], least: 0, loop: false })
        } else if (op === 'waitFor') {
          const least = model.value + (n % 4)
          note(
            id,
            receiver.waitFor((value) => value >= least, { signal }),
          )
          cancelOf.set(id, () => controller.abort('cancelled'))
          model.waiting.push({ id, cursor: undefined, least, loop: false })
        } else if (op === 'subscribe') {
          readers.push((readers[n % readers.length] as typeof receiver).subscribe())
          model.readers.push({ news: false, left: false })
          loops.push(receiver[Symbol.asyncIterator]())
          model.loops.push({ news: true, left: false })
        } else if (op === 'loop' && loops.length > 0) {
          const at = n % loops.length
          const cursor = model.loops[at] as Cursor
          if (model.waiting.some((wait) => wait.cursor === cursor)) continue // one next() at a time
          note(
            id,
            (loops[at] as (typeof loops)[number]).next().then(({ value }) => value),
          )
          if (cursor.left) expected.set(id, undefined)
          else model.waiting.push({ id, cursor, least: 0, loop: true })
        } else if (op === 'leaveLoop' && loops.length > 0) {
          const at = n % loops.length
          const cursor = model.loops[at] as Cursor
          void loops[at]?.return?.()
          cursor.left = true
          for (const wait of model.waiting.filter((wait) => wait.cursor === cursor)) expected.set(wait.id, undefined)
          model.waiting = model.waiting.filter((wait) => wait.cursor !== cursor)
        } else if (op === 'cancel') {
          const cancellable = model.waiting.filter((wait) => !wait.loop)
          const wait = cancellable[n % cancellable.length]
          if (wait === undefined) continue
          cancelOf.get(wait.id)?.()
          expected.set(wait.id, 'cancelled')
          model.waiting = model.waiting.filter((other) => other !== wait)
        } else if (op === 'close' && n % 4 === 0) {
          sender.close()
          if (model.state === 'open') model.state = 'closed'
        } else if (op === 'abort' && n % 4 === 0) {
          sender.abort('reason')
          model.state = 'aborted'
        }
        const told = new Set<Cursor>()
        model.waiting = model.waiting.filter(({ id, cursor, least, loop }) => {
          if (model.state === 'aborted') expected.set(id, 'reason')
          else if (cursor === undefined) {
            if (model.value >= least) expected.set(id, model.value)
            else if (model.state === 'closed') expected.set(id, `closed at ${model.value}`)
            else return true
          } else if (cursor.news || told.has(cursor)) {
            expected.set(id, loop ? model.value : true)
            told.add(cursor) // tells all who wait with the same receiver
            cursor.news = false
          } else if (model.state === 'closed') expected.set(id, loop ? undefined : false)
          else return true
          return false
        })
        await turn()
        expect(seen).toEqual(expected)
        expect([sender.value, receiver.value]).toEqual([model.value, model.value])
      }
    }),
  ))

test('waitFor: looks at every value that is sent, also at one that is replaced in the same turn', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.array(fc.nat(5), { maxLength: 4 }), { maxLength: 6 }), fc.nat(5), async (turns, wanted) => {
      const { sender, receiver } = watch(-1)
      let found: unknown
      void receiver
        .waitFor((value) => value === wanted)
        .then(
          (value) => {
            found = value
          },
          (error) => {
            found = error
          },
        )
      for (const values of turns) {
        for (const value of values) sender.send(value)
        await turn()
        expect(found).toBe(
          turns
            .slice(0, turns.indexOf(values) + 1)
            .flat()
            .includes(wanted)
            ? wanted
            : undefined,
        )
      }
    }),
  ))
