import { ChannelClosedError, channel, ShutdownScope, select, TaskGroup } from '@warren/async'
import { expect, test } from 'vitest'
import { listenerCount, turn } from './turn.ts'

test('TaskGroup: leaving the scope joins, and throws a failure once', async () => {
  const order: string[] = []
  const scope = async () => {
    await using group = new TaskGroup()
    group.spawn(async () => {
      await turn()
      order.push('task')
    })
    order.push('body')
  }
  await scope()
  expect(order).toEqual(['body', 'task'])

  const failing = async () => {
    await using group = new TaskGroup()
    group.spawn(() => Promise.reject(new Error('failure')))
    await group.join()
  }
  await expect(failing()).rejects.toSatisfy((error) => error instanceof Error && error.message === 'failure') // no SuppressedError
})

test('TaskGroup: tasks that end well although the group was aborted make it end well', async () => {
  const controller = new AbortController()
  const group = new TaskGroup({ signal: controller.signal })
  group.spawn(async () => {
    await turn()
  })
  controller.abort('stop')
  await group.join()
})

test('TaskGroup: cancelled by its own scope it ends well, a failure on the way out is still thrown', async () => {
  const scope = async (task: (signal: AbortSignal) => Promise<void>) => {
    await using group = new TaskGroup()
    group.spawn(task)
    group.cancel()
  }
  const untilAborted = async (signal: AbortSignal) => {
    while (!signal.aborted) await turn()
    signal.throwIfAborted()
  }
  await scope(untilAborted)
  await expect(
    scope(async (signal) => {
      await untilAborted(signal).catch(() => {})
      throw new Error('clean-up')
    }),
  ).rejects.toThrow('clean-up')
})

test('TaskGroup: nobody can spawn where nobody joins', async () => {
  const group = new TaskGroup()
  await group.join()
  expect(() => group.spawn(async () => {})).toThrow(TypeError)
})

test('ShutdownScope: abort implies drain, both keep the first reason', () => {
  const scope = new ShutdownScope()
  scope.drain('SIGTERM')
  expect([scope.draining.aborted, scope.aborted.aborted]).toEqual([true, false])
  scope.abort('again')
  expect([scope.draining.reason, scope.aborted.reason]).toEqual(['SIGTERM', 'again'])
  const other = new ShutdownScope()
  other.abort()
  expect([other.draining.aborted, other.aborted.aborted]).toEqual([true, true])
  expect(other.aborted.reason).toMatchObject({ name: 'AbortError' })
})

test('channel: a refused value comes back in the error, with the reason of an abort as cause', async () => {
  const { sender, receiver } = channel<string>(1)
  sender.trySend('buffered')
  const waiting = sender.send('waiting')
  expect(receiver.abort('gone')).toEqual(['buffered'])
  await expect(waiting).rejects.toMatchObject({ name: 'ChannelClosedError', value: 'waiting', cause: 'gone' })
  await expect(sender.send('late')).rejects.toBeInstanceOf(ChannelClosedError)
  await expect(receiver.recv()).rejects.toBe('gone')
  expect(receiver.tryRecv()).toEqual({ state: 'closed' })
})

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
