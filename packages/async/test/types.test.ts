import {
  attempt,
  broadcast,
  channel,
  err,
  join,
  mapAllSettled,
  ok,
  oneshot,
  type Permit,
  type Received,
  ResourceScope,
  type Result,
  race,
  retry,
  Semaphore,
  StateMachine,
  type StepArgs,
  scoped,
  select,
  sleep,
  toMermaid,
  tryJoin,
  watch,
} from '@warren/async'
import { expect, expectTypeOf, test } from 'vitest'

// The compiler checks this file (tsc); running it only shows that the values are there.

test('select: a branch name narrows its value', async () => {
  const { sender, receiver } = channel<{ readonly url: string }>(1)
  sender.trySend({ url: 'a' })
  const semaphore = new Semaphore(1)
  const picked = await select({
    stop: new AbortController().signal,
    task: receiver,
    timer: (signal) => sleep(3_000, { signal }),
    answer: async () => 42,
    permit: { start: (signal) => semaphore.acquire({ signal }), giveBack: (permit: Permit) => permit[Symbol.dispose]() },
  })
  switch (picked.branch) {
    case 'stop':
      expectTypeOf(picked.value).toEqualTypeOf<unknown>()
      break
    case 'task':
      expectTypeOf(picked.value).toEqualTypeOf<{ readonly url: string } | undefined>()
      break
    case 'timer':
      expectTypeOf(picked.value).toEqualTypeOf<void>()
      break
    case 'answer':
      expectTypeOf(picked.value).toEqualTypeOf<number>()
      break
    case 'permit':
      expectTypeOf(picked.value).toEqualTypeOf<Permit>()
      break
    default:
      expectTypeOf(picked).toBeNever()
  }
  expect(picked.branch).toBe('task')
})

test('Result: the value is out of reach until ok has been looked at', () => {
  const parse = (text: string): Result<number, 'no number'> => (Number.isNaN(Number(text)) ? err('no number') : ok(Number(text)))
  const result = parse('7')
  // @ts-expect-error not looked at
  void result.value
  if (result.ok) expectTypeOf(result.value).toEqualTypeOf<number>()
  else expectTypeOf(result.error).toEqualTypeOf<'no number'>()
  expect(result).toEqual({ ok: true, value: 7 })
  expect(parse('x')).toEqual({ ok: false, error: 'no number' })
})

test('StateMachine: events and states are those of the table, and every step leads to a state', () => {
  const machine = new StateMachine({ off: { on: 'lit' }, lit: { off: 'off' } }, 'off')
  expectTypeOf(machine.state).toEqualTypeOf<'off' | 'lit'>()
  // @ts-expect-error no such event
  expect(() => machine.step('explode')).toThrow(RangeError)
  // @ts-expect-error no such state
  void new StateMachine({ off: { on: 'lit' } }, 'off')
  // @ts-expect-error no such state
  void toMermaid({ off: { on: 'lit' } })
})

test('channel: undefined is the end of the stream, so it is no value', () => {
  // @ts-expect-error undefined cannot be sent
  channel<number | undefined>(1)
  expectTypeOf(channel<number>(1).receiver.recv).returns.toEqualTypeOf<Promise<number | undefined>>()
})

test('watch: a predicate that narrows narrows the value', () => {
  const { receiver } = watch<'idle' | 'up'>('up')
  const up = receiver.waitFor((state) => state === 'up')
  expectTypeOf(up).toEqualTypeOf<Promise<'up'>>()
})

test('watch: undefined may be a value, so the end is told by a boolean', () => {
  const { receiver } = watch<string | undefined>(undefined)
  expectTypeOf(receiver.changed).returns.toEqualTypeOf<Promise<boolean>>()
  expectTypeOf(receiver[Symbol.asyncIterator]().next).returns.toEqualTypeOf<Promise<IteratorResult<string | undefined, undefined>>>()
})

test('select: every receiver brings what its own waiting call does', async () => {
  const branches = {
    answer: oneshot<number>().receiver,
    told: broadcast<string>(1).subscribe(),
    news: watch('value').receiver,
  }
  branches.told[Symbol.dispose]()
  const picked = await select(branches)
  if (picked.branch === 'answer') expectTypeOf(picked.value).toEqualTypeOf<number | undefined>()
  else if (picked.branch === 'told') expectTypeOf(picked.value).toEqualTypeOf<Received<string> | undefined>()
  else expectTypeOf(picked).toEqualTypeOf<{ readonly branch: 'news'; readonly value: boolean }>()
  expect(picked).toEqual({ branch: 'told', value: undefined })
})

test('oneshot, broadcast: undefined is the end, so it is no value', () => {
  // @ts-expect-error undefined cannot be sent
  oneshot<number | undefined>()
  // @ts-expect-error undefined cannot be sent
  broadcast<number | undefined>(1)
  const received = broadcast<number>(1).subscribe().tryRecv()
  // @ts-expect-error not looked at
  void received.value
  expect(received.state).toBe('empty')
})

const PHONE = { idle: { ring: 'ringing' }, ringing: { answer: 'talking', miss: 'idle' }, talking: { hangUp: 'idle' } } as const
interface PhonePayloads {
  readonly ring: { readonly number: string }
  readonly hangUp: string | undefined
}

test('StateMachine: an event is stepped with the payload it carries, and with none if it carries none', () => {
  const phone = new StateMachine<typeof PHONE, PhonePayloads>(PHONE, 'idle')
  expectTypeOf(phone.step('ring', { number: '110' })).toEqualTypeOf<'idle' | 'ringing' | 'talking'>()
  phone.step('answer')
  phone.step('hangUp') // undefined may be left out
  phone.step('ring', { number: '112' })
  phone.step('answer')
  phone.step('hangUp', 'bye')
  const never = () => {
    // @ts-expect-error no such event
    phone.step('explode')
    // @ts-expect-error its payload is missing
    phone.step('ring')
    // @ts-expect-error not its payload
    phone.step('ring', 110)
    // @ts-expect-error it carries nothing
    phone.step('answer', 'hello')
    // @ts-expect-error one of them carries something
    phone.step('ring' as 'ring' | 'answer')
    // @ts-expect-error a machine without payloads
    new StateMachine(PHONE, 'idle').step('ring', { number: '110' })
    // @ts-expect-error a payload for an event that is not in the table
    new StateMachine<typeof PHONE, { dial: string }>(PHONE, 'idle')
  }
  void never
})

test('StateMachine: what takes the arguments of a step hands them on', () => {
  const phone = new StateMachine<typeof PHONE, PhonePayloads>(PHONE, 'idle')
  const step = (...args: StepArgs<typeof PHONE, PhonePayloads>) => phone.step(...args)
  step('ring', { number: '110' })
  step('answer')
  // @ts-expect-error its payload is missing
  void (() => step('ring'))
})

test('StateMachine: the event of a step tells its states and its payload', () => {
  const phone = new StateMachine<typeof PHONE, PhonePayloads>(PHONE, 'idle')
  phone.onStep((step) => {
    switch (step.event) {
      case 'ring':
        expectTypeOf(step).toEqualTypeOf<{
          readonly from: 'idle'
          readonly event: 'ring'
          readonly to: 'ringing'
          readonly payload: { readonly number: string }
        }>()
        break
      case 'answer':
        expectTypeOf(step.to).toEqualTypeOf<'talking'>()
        expectTypeOf(step.payload).toEqualTypeOf<undefined>()
        break
      case 'miss':
        break
      case 'hangUp':
        expectTypeOf(step.payload).toEqualTypeOf<string | undefined>()
        break
      default:
        expectTypeOf(step).toBeNever()
    }
  })
})

test('retry: a type guard types the errors that the hooks get, a plain predicate leaves them unknown', async () => {
  class Busy extends Error {
    readonly retryAfterMs = 1
  }
  class Away extends Error {
    readonly sinceMs = 0
  }
  const times = { baseMs: 0, maxMs: 0 }
  await retry(async () => 1, {
    ...times,
    retryable: (error) => error instanceof Busy || error instanceof Away,
    retryAfterMs: (error) => {
      expectTypeOf(error).toEqualTypeOf<Busy | Away>()
      return error instanceof Busy ? error.retryAfterMs : undefined
    },
  })
  await retry(async () => 1, { ...times, retryable: (error) => error instanceof Busy, retryAfterMs: (error) => error.retryAfterMs })
  await retry(async () => 1, { ...times, onRetry: (error) => expectTypeOf(error).toEqualTypeOf<unknown>() })
  // @ts-expect-error the predicate does not say that it is Busy
  await retry(async () => 1, { ...times, retryable: (_: unknown): boolean => true, retryAfterMs: (error: Busy) => error.retryAfterMs })
})

test('join, tryJoin and race: a tuple of tasks gives a tuple of what they bring', async () => {
  const number = async (_signal: AbortSignal) => 1
  const text = async () => 'x'
  expectTypeOf(await tryJoin([number, text])).toEqualTypeOf<[number, string]>()
  expectTypeOf(await tryJoin([])).toEqualTypeOf<[]>()
  expectTypeOf(await tryJoin([1, 2].map((n) => async () => n))).toEqualTypeOf<number[]>()
  expectTypeOf(await join([number, text])).toEqualTypeOf<[Result<number, unknown>, Result<string, unknown>]>()
  expectTypeOf(await race([number, async () => 'x'])).toEqualTypeOf<number | string>()
  expectTypeOf(await tryJoin([async (signal) => signal.aborted, text])).toEqualTypeOf<[boolean, string]>()
})

test('mapAllSettled: a value is out of reach until ok has been looked at', async () => {
  const [first] = await mapAllSettled([1], 1, async (n) => `${n}`)
  expectTypeOf(first).toEqualTypeOf<Result<string, unknown> | undefined>()
})

test('attempt: the errors that are known are the type of the result', async () => {
  const result = await attempt(
    () => JSON.parse('{}') as object,
    (error) => (error instanceof SyntaxError ? ('malformed' as const) : undefined),
  )
  expectTypeOf(result).toEqualTypeOf<Result<object, 'malformed'>>()
})

test('ResourceScope: what has no dispose of its own needs a release', async () => {
  await using scope = new ResourceScope()
  // @ts-expect-error a number cannot be disposed
  const wrong = () => scope.acquire(async () => 1)
  expect(wrong).toBeTypeOf('function')
  expectTypeOf(await scope.acquire(async () => 1, { release: (n) => void n.toFixed() })).toEqualTypeOf<number>()
  expectTypeOf(await scoped(async () => ({ size: 1 }))).toEqualTypeOf<{ size: number } & AsyncDisposable>()
})
