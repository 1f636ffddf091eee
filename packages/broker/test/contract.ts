import { randomBytes } from 'node:crypto'
import { type Broker, type Delivery, QUEUES, type RetryPolicy, type Verdict } from '@warren/broker'
import { CrawlError, decode, type Outcome, type Page, type Visit } from '@warren/protocol'
import { describe, expect, test } from 'vitest'
import { numberOf, outcome, page, visit } from './messages.ts'
import { Door, Tally, until } from './until.ts'

export interface Limits {
  readonly retry: RetryPolicy
  readonly visitQueueMs?: number
  readonly pagesMaxBytes?: number
}

/** A set of empty queues, and ways into them: `open` is another process, or what stands for one. */
export interface Transport extends AsyncDisposable {
  open(): Promise<Broker>
}

const QUICK: RetryPolicy = { attempts: 3, baseMs: 1, maxMs: 5 }

/** What every transport of Warren's messages does, whatever it is made of. */
export function brokerContract(name: string, start: (limits: Limits) => Promise<Transport>): void {
  const scene = async (limits: Partial<Limits> = {}) => {
    await using stack = new AsyncDisposableStack()
    const transport = stack.use(await start({ retry: QUICK, ...limits }))
    const broker = stack.use(await transport.open())
    const owned = stack.move()
    return { broker, transport, [Symbol.asyncDispose]: () => owned.disposeAsync() }
  }

  describe(`${name}: publishing`, () => {
    test('what is published arrives as it was, once, in its queue', async () => {
      await using s = await scene()
      const seen = new Tally<Visit | Page | Outcome>()
      const take = async ({ message, redelivered }: Delivery<Visit | Page | Outcome>): Promise<Verdict> => {
        expect(redelivered).toBe(false)
        seen.add(message)
        return 'ack'
      }
      for (const queue of QUEUES) await s.broker.consume(queue, { prefetch: 10 }, take)
      const sent = [visit(1), page(2, 5_000), outcome(3)]
      await Promise.all(sent.map((message) => s.broker.publish(message)))
      await seen.reaches(3)
      const byNumber = (a: Visit | Page | Outcome, b: Visit | Page | Outcome) => numberOf(a) - numberOf(b)
      expect(seen.seen.sort(byNumber).map(plain)).toEqual(sent.map(plain))
      await until(() => s.broker.stats.acked === 3)
      expect(s.broker.stats).toMatchObject({ published: 3, confirmed: 3, delivered: 3, redelivered: 0, requeued: 0, deadLettered: 0 })
    })

    test('a publish has been taken when it resolves', async () => {
      await using s = await scene()
      await s.broker.publish(visit(1))
      await s.broker.publish(outcome(2))
      await until(async () => (await s.broker.depths()).visits === 1)
      expect(await s.broker.depths()).toEqual({ visits: 1, pages: 0, outcomes: 1, dead: 0 })
      expect(await s.broker.queue('visits')).toEqual({ waiting: 1, consumers: 0 })
      await using _consumer = await s.broker.consume('visits', { prefetch: 1 }, async () => 'ack')
      await until(async () => (await s.broker.queue('visits')).waiting === 0)
      expect(await s.broker.queue('visits')).toEqual({ waiting: 0, consumers: 1 })
    })

    test('messages arrive in the order of their publishing', async () => {
      await using s = await scene()
      const seen = new Tally<number>()
      const count = 500
      await Promise.all(Array.from({ length: count }, (_, i) => s.broker.publish(outcome(i + 1))))
      await s.broker.consume('outcomes', { prefetch: 20 }, async ({ message }) => {
        seen.add(numberOf(message))
        return 'ack'
      })
      await seen.reaches(count)
      expect(seen.seen).toEqual(Array.from({ length: count }, (_, i) => i + 1))
    })

    test('a full queue refuses, and takes again when it was emptied', async () => {
      await using s = await scene({ pagesMaxBytes: 100_000 })
      const taken: number[] = []
      let refused: unknown
      for (let n = 1; refused === undefined && n < 1_000; n++)
        await s.broker.publish(page(n, 5_000)).then(
          () => taken.push(n),
          (error: unknown) => {
            refused = error
          },
        )
      expect(refused).toMatchObject({ name: 'CrawlError', code: 'ERR_BROKER_REFUSED', disposition: 'retry' })
      expect(s.broker.stats.refused).toBe(1)
      const seen = new Tally<number>()
      await s.broker.consume('pages', { prefetch: 5 }, async ({ message }) => {
        seen.add(numberOf(message))
        return 'ack'
      })
      await seen.reaches(taken.length)
      await until(() =>
        s.broker.publish(page(5_000)).then(
          () => true,
          () => false,
        ),
      )
      await seen.reaches(taken.length + 1)
      expect(seen.seen).toEqual([...taken, 5_000])
    })

    test('a visit that waits too long vanishes, and is no dead letter', async () => {
      await using s = await scene({ visitQueueMs: 30 })
      await s.broker.publish(visit(1))
      await until(async () => (await s.broker.depths()).visits === 0)
      expect((await s.broker.depths()).dead).toBe(0)
      expect(s.broker.stats.delivered).toBe(0)
    })

    test('a publish whose signal has aborted sends nothing and rejects with the reason', async () => {
      await using s = await scene()
      const reason = new Error('enough')
      await expect(s.broker.publish(visit(1), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
      expect(s.broker.stats.published).toBe(0)
    })

    test('a message larger than a broker takes is refused before it is sent', async () => {
      await using s = await scene()
      await expect(s.broker.publish({ ...page(1), body: randomBytes(17_000_000) })).rejects.toMatchObject({ code: 'ERR_MESSAGE_INVALID' })
      await s.broker.publish(page(2)) // and has closed nothing
    })

    test('a closed broker is closed for good', async () => {
      await using s = await scene()
      await s.broker[Symbol.asyncDispose]()
      await s.broker[Symbol.asyncDispose]()
      expect(s.broker.state.value).toBe('closed')
      await expect(s.broker.publish(visit(1))).rejects.toMatchObject({ code: 'ERR_BROKER_UNAVAILABLE' })
      await expect(s.broker.consume('visits', { prefetch: 1 }, async () => 'ack')).rejects.toMatchObject({ code: 'ERR_BROKER_UNAVAILABLE' })
    })
  })

  describe(`${name}: consuming`, () => {
    test('no more than the prefetch are in hand, and setPrefetch changes it', async () => {
      await using s = await scene()
      for (let n = 1; n <= 12; n++) await s.broker.publish(outcome(n))
      const seen = new Tally<number>()
      const doors = Array.from({ length: 12 }, () => new Door())
      let running = 0
      let most = 0
      const consumer = await s.broker.consume('outcomes', { prefetch: 3 }, async ({ message }) => {
        most = Math.max(most, ++running)
        seen.add(numberOf(message))
        await doors[numberOf(message) - 1]?.passed
        running--
        return 'ack'
      })
      await seen.reaches(3)
      doors.slice(0, 3).forEach((door) => {
        door.open()
      })
      await seen.reaches(6)
      expect(most).toBe(3)
      doors.slice(3, 6).forEach((door) => {
        door.open()
      })
      await seen.reaches(9)
      await consumer.setPrefetch(1)
      doors.slice(6, 9).forEach((door) => {
        door.open()
      })
      await until(() => s.broker.stats.acked >= 9)
      await seen.reaches(10)
      doors.forEach((door) => {
        door.open()
      })
      await seen.reaches(12)
      await consumer[Symbol.asyncDispose]()
      expect(most).toBeLessThanOrEqual(4)
    })

    test('consumers share the work', async () => {
      await using s = await scene()
      const other = await s.transport.open()
      const here = new Tally()
      const there = new Tally()
      await s.broker.consume('outcomes', { prefetch: 1 }, async () => {
        here.add()
        await there.reaches(1)
        return 'ack'
      })
      await other.consume('outcomes', { prefetch: 1 }, async () => {
        there.add()
        await here.reaches(1)
        return 'ack'
      })
      for (let n = 1; n <= 4; n++) await s.broker.publish(outcome(n))
      await Promise.all([here.reaches(1), there.reaches(1)])
      await other[Symbol.asyncDispose]()
    })

    test('a message given back comes again, marked redelivered', async () => {
      await using s = await scene()
      const seen = new Tally<boolean>()
      await s.broker.publish(visit(1))
      await s.broker.consume('visits', { prefetch: 1 }, async ({ redelivered }) => {
        seen.add(redelivered)
        return redelivered ? 'ack' : 'requeue'
      })
      await seen.reaches(2)
      expect(seen.seen).toEqual([false, true])
      await until(() => s.broker.stats.acked === 1)
      expect(s.broker.stats).toMatchObject({ delivered: 2, redelivered: 1, requeued: 1, acked: 1 })
    })

    test('disposing a consumer waits for its handlers, whose verdicts count', async () => {
      await using s = await scene()
      const seen = new Tally<number>()
      const door = new Door()
      const verdicts: Verdict[] = ['ack', 'requeue', { deadLetter: 'no good' }]
      for (let n = 1; n <= 3; n++) await s.broker.publish(outcome(n))
      const consumer = await s.broker.consume('outcomes', { prefetch: 3 }, async ({ message }) => {
        seen.add(numberOf(message))
        await door.passed
        return verdicts[numberOf(message) - 1] ?? 'ack'
      })
      await seen.reaches(3)
      let disposed = false
      const disposing = consumer[Symbol.asyncDispose]().then(() => {
        disposed = true
      })
      await s.broker.publish(outcome(4)) // a round trip, in which nothing is handed out any more or disposed
      expect(disposed).toBe(false)
      door.open()
      await disposing
      await until(async () => (await s.broker.depths()).outcomes === 2)
      expect((await s.broker.depths()).dead).toBe(1)
      const rest = new Tally<[number, boolean]>()
      await s.broker.consume('outcomes', { prefetch: 3 }, async ({ message, redelivered }) => {
        rest.add([numberOf(message), redelivered])
        return 'ack'
      })
      await rest.reaches(2)
      expect(rest.seen).toEqual([
        [2, true],
        [4, false],
      ])
    })

    test('a prefetch must be an integer from 1 to 65 535', async () => {
      await using s = await scene()
      for (const prefetch of [0, -1, 1.5, 65_536, Number.NaN])
        await expect(s.broker.consume('visits', { prefetch }, async () => 'ack')).rejects.toBeInstanceOf(RangeError)
    })
  })

  describe(`${name}: verdicts and errors`, () => {
    test('a dead letter keeps the message with its reason, and looking does not take it', async () => {
      await using s = await scene()
      for (let n = 1; n <= 3; n++) await s.broker.publish(page(n, 2_000))
      await s.broker.consume('pages', { prefetch: 1 }, async ({ message }) => ({ deadLetter: `reason ${numberOf(message)}` }))
      await until(async () => s.broker.stats.deadLettered === 3 && (await s.broker.depths()).dead === 3)
      for (let look = 1; look <= 2; look++) {
        const letters = await s.broker.deadLetters(2)
        expect(letters.map(({ reason, queue }) => ({ reason, queue }))).toEqual([
          { reason: 'reason 1', queue: 'pages' },
          { reason: 'reason 2', queue: 'pages' },
        ])
        const message = decode(Buffer.from(letters[1]?.bytes ?? []))
        expect(plain(message)).toEqual(plain(page(2, 2_000)))
        expect(Date.parse(letters[0]?.at ?? '')).toBeGreaterThan(Date.now() - 60_000)
        await until(async () => (await s.broker.depths()).dead === 3)
      }
    })

    test('a retry error runs the handler again, as redelivered', async () => {
      await using s = await scene()
      const seen = new Tally<boolean>()
      await s.broker.publish(outcome(1))
      await s.broker.consume('outcomes', { prefetch: 1 }, async ({ redelivered }) => {
        seen.add(redelivered)
        if (seen.seen.length < 3) throw new CrawlError('ERR_STORE_UNAVAILABLE', 'Cannot settle: gone')
        return 'ack'
      })
      await until(() => s.broker.stats.acked === 1)
      expect(seen.seen).toEqual([false, true, true])
      expect(s.broker.stats).toMatchObject({ delivered: 1, retried: 2, deadLettered: 0 })
    })

    test('a retry error beyond the budget dead-letters', async () => {
      await using s = await scene()
      await s.broker.publish(outcome(1))
      let runs = 0
      await s.broker.consume('outcomes', { prefetch: 1 }, () => {
        runs++
        throw new CrawlError('ERR_STORE_UNAVAILABLE', 'Cannot settle: gone')
      })
      await until(async () => (await s.broker.depths()).dead === 1)
      expect(runs).toBe(3)
      const [letter] = await s.broker.deadLetters(1)
      expect(letter?.reason).toBe('ERR_STORE_UNAVAILABLE: Cannot settle: gone (tried 3 times)')
    })

    test('a message that waits for its next try does not hold up the others, and is given back on dispose', async () => {
      await using s = await scene({ retry: { attempts: 1_000_000, baseMs: 50, maxMs: 50 } })
      const passed = new Tally<number>()
      for (let n = 1; n <= 20; n++) await s.broker.publish(outcome(n))
      const consumer = await s.broker.consume('outcomes', { prefetch: 2 }, async ({ message }) => {
        if (numberOf(message) === 1) throw new CrawlError('ERR_STORE_CONFLICT', 'Cannot settle: busy')
        passed.add(numberOf(message))
        return 'ack'
      })
      await passed.reaches(19)
      await consumer[Symbol.asyncDispose]()
      await until(async () => (await s.broker.depths()).outcomes === 1)
      expect(s.broker.stats).toMatchObject({ requeued: 1, acked: 19, deadLettered: 0 })
    })

    test.each([
      ['a dead-letter error', new CrawlError('ERR_MESSAGE_INVALID', 'Cannot read it'), 'ERR_MESSAGE_INVALID: Cannot read it'],
      ['a bug', new TypeError('x is undefined'), 'bug: TypeError: x is undefined'],
    ])('%s dead-letters at once', async (_what, error, reason) => {
      await using s = await scene()
      await s.broker.publish(visit(1))
      await s.broker.consume('visits', { prefetch: 1 }, async () => {
        throw error
      })
      await until(async () => (await s.broker.depths()).dead === 1)
      expect(await s.broker.deadLetters(10)).toMatchObject([{ reason, queue: 'visits' }])
      expect(s.broker.stats).toMatchObject({ delivered: 1, deadLettered: 1, retried: 0 })
    })

    test('a shutdown error gives the message back and ends the consumer, and says so', async () => {
      await using s = await scene()
      const error = new CrawlError('ERR_STORE_DENIED', 'Cannot settle: wrong password')
      await s.broker.publish(outcome(1))
      await s.broker.publish(outcome(2))
      const consumer = await s.broker.consume('outcomes', { prefetch: 1 }, async () => {
        throw error
      })
      await until(() => consumer.failed.aborted)
      expect(consumer.failed.reason).toBe(error)
      await consumer[Symbol.asyncDispose]()
      await until(async () => (await s.broker.depths()).outcomes === 2)
      expect(s.broker.stats).toMatchObject({ delivered: 1, requeued: 1 })
    })

    test('a cancelled handler gives its message back', async () => {
      await using s = await scene()
      const controller = new AbortController()
      await s.broker.publish(visit(1))
      const consumer = await s.broker.consume('visits', { prefetch: 1, signal: controller.signal }, async ({ redelivered }) => {
        if (redelivered) return 'ack'
        controller.abort(new TypeError('stop'))
        throw controller.signal.reason
      })
      await until(() => s.broker.stats.acked === 1)
      await consumer[Symbol.asyncDispose]()
      expect(s.broker.stats).toMatchObject({ requeued: 1, deadLettered: 0 })
    })
  })

  describe(`${name}: control`, () => {
    test('every process hears every control; a listener that left hears none', async () => {
      await using s = await scene()
      const other = await s.transport.open()
      const here = new Tally<number>()
      const there = new Tally<number>()
      await s.broker.onControl(({ crawls }) => here.add(crawls[0]?.id ?? 0))
      const listening = await other.onControl(({ crawls }) => there.add(crawls[0]?.id ?? 0))
      const say = (id: number) => s.broker.publish({ v: 1, type: 'control', crawls: [{ id, state: 'running' }], recalled: [] })
      await say(1)
      await Promise.all([here.reaches(1), there.reaches(1)])
      await listening[Symbol.asyncDispose]()
      await say(2)
      await here.reaches(2)
      expect(here.seen).toEqual([1, 2])
      expect(there.seen).toEqual([1])
      await other[Symbol.asyncDispose]()
    })

    test('a control that nobody listens to is no error', async () => {
      await using s = await scene()
      await s.broker.publish({ v: 1, type: 'control', crawls: [], recalled: [] })
    })
  })

  describe(`${name}: state`, () => {
    test('it is connected, and hears the broker within a heartbeat', async () => {
      await using s = await scene()
      expect(s.broker.state.value).toBe('connected')
      expect(s.broker.silentMs()).toBeLessThanOrEqual(s.broker.heartbeatMs)
    })
  })
}

/** Bodies compare as plain arrays, whatever view they are. */
function plain(message: unknown): unknown {
  if (typeof message !== 'object' || message === null || !('body' in message) || !(message.body instanceof Uint8Array)) return message
  return { ...message, body: Buffer.from(message.body).toString('base64') }
}
