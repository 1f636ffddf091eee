import { broadcast, channel, select, sleep } from '@warren/async'
import { expect, test } from 'vitest'
import { listenerCount, turn } from './turn.ts'

test('select: ready branches are picked in written order, fairly from a random one on', async () => {
  const first = channel<number>(1)
  const second = channel<number>(1)
  first.sender.trySend(1)
  second.sender.trySend(2)
  const branches = { stop: new AbortController().signal, first: first.receiver, second: second.receiver }
  expect(await select(branches)).toEqual({ branch: 'first', value: 1 })
  first.sender.trySend(3)
  expect(await select(branches, { fair: true, random: () => 0.9 })).toEqual({ branch: 'second', value: 2 })
  expect(await select({ ...branches, stop: AbortSignal.abort('end') })).toEqual({ branch: 'stop', value: 'end' })
  expect(first.receiver.tryRecv()).toEqual({ state: 'ok', value: 3 })
})

test('select: a ready branch starts no factory, a failing factory fails the select', async () => {
  const { sender, receiver } = channel<number>(1)
  sender.trySend(1)
  let started = 0
  const factory = async () => {
    started++
    throw new Error('factory')
  }
  expect(await select({ factory, receiver })).toEqual({ branch: 'receiver', value: 1 })
  expect(started).toBe(0)
  await expect(select({ factory, receiver })).rejects.toThrow('factory')
  sender.trySend(2)
  expect(receiver.tryRecv()).toEqual({ state: 'ok', value: 2 }) // it had left the queue
  await expect(select({})).rejects.toThrow(RangeError)
})

test('select: a signal among the branches keeps no listener, picked or not', async () => {
  const { sender, receiver } = channel<number>(1)
  const stop = new AbortController()
  for (let i = 0; i < 3; i++) {
    const picking = select({ stop: stop.signal, receiver })
    expect(listenerCount(stop.signal)).toBe(1)
    sender.trySend(i)
    expect(await picking).toEqual({ branch: 'receiver', value: i })
    expect(listenerCount(stop.signal)).toBe(0)
  }
  const picking = select({ receiver, stop: stop.signal })
  stop.abort('end')
  expect(await picking).toEqual({ branch: 'stop', value: 'end' })
  sender.trySend(9)
  expect(receiver.tryRecv()).toEqual({ state: 'ok', value: 9 })
})

test('select: a factory that answers within its start keeps the ones behind it from starting', async () => {
  const { sender, receiver } = channel<number>(1)
  let started = false
  const picked = await select({
    receiver,
    first: async () => sender.trySend(1),
    second: async () => {
      started = true
    },
  })
  expect(picked).toEqual({ branch: 'receiver', value: 1 })
  expect(started).toBe(false)
})

test('select: losers get the reason of a cancellation or the failure of the winner, an AbortError after a pick', async () => {
  const reasons: unknown[] = []
  const loser = async (signal: AbortSignal) => {
    await sleep(1_000, { signal }).catch((error) => reasons.push(error))
  }
  const { sender, receiver } = channel<number>(1)
  const controller = new AbortController()
  const cancelled = select({ receiver, loser }, { signal: controller.signal })
  controller.abort('cancelled')
  await expect(cancelled).rejects.toBe('cancelled')
  await expect(select({ loser, failure: () => Promise.reject('failed') })).rejects.toBe('failed')
  const picking = select({ receiver, loser })
  sender.trySend(1)
  await picking
  expect(reasons).toEqual(['cancelled', 'failed', expect.objectContaining({ name: 'AbortError' })])
})

test('select: two receivers of one broadcast in one select: the one that was not picked keeps its value', async () => {
  const sender = broadcast<number>(4)
  const [a, b, c] = [sender.subscribe(), sender.subscribe(), sender.subscribe()]
  const picking = select({ a, b })
  const behind = c.recv()
  expect(sender.send(1)).toBe(3)
  expect(await picking).toEqual({ branch: 'a', value: { state: 'ok', value: 1 } })
  expect(await behind).toEqual({ state: 'ok', value: 1 })
  expect(b.tryRecv()).toEqual({ state: 'ok', value: 1 })
})

test('select: nothing of the losers runs within the send that decides', async () => {
  const { sender, receiver } = channel<number>(1)
  const order: string[] = []
  const loser = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        order.push('loser')
        resolve()
      })
    })
  const picking = select({ receiver, loser })
  await turn()
  sender.trySend(1)
  order.push('sent')
  await picking
  expect(order).toEqual(['sent', 'loser'])
})
