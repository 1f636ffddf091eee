import { ChannelClosedError, channel } from '@warren/async'
import { expect, test } from 'vitest'

test('Channel: a refused value comes back in the error, with the reason of an abort as cause', async () => {
  const { sender, receiver } = channel<string>(1)
  sender.trySend('buffered')
  const waiting = sender.send('waiting')
  expect(receiver.abort('gone')).toEqual(['buffered'])
  await expect(waiting).rejects.toMatchObject({ name: 'ChannelClosedError', value: 'waiting', cause: 'gone' })
  await expect(sender.send('late')).rejects.toBeInstanceOf(ChannelClosedError)
  await expect(receiver.recv()).rejects.toBe('gone')
  expect(receiver.tryRecv()).toEqual({ state: 'closed' })
})

test('Channel: an abort without a reason is an AbortError, and ends a loop with it', async () => {
  const { sender, receiver } = channel<number>(1)
  const loop = async () => {
    for await (const _ of receiver);
  }
  const looping = loop()
  sender.abort()
  await expect(looping).rejects.toMatchObject({ name: 'AbortError' })
  await expect(loop()).rejects.toMatchObject({ name: 'AbortError' })
})

test('Channel: a close and an abort after it: what is buffered is dropped, what was refused has no cause', async () => {
  const { sender, receiver } = channel<number>(1)
  sender.trySend(1)
  const refused = sender.send(2)
  sender.close()
  sender.close()
  await expect(refused).rejects.toSatisfy((error) => error instanceof ChannelClosedError && !('cause' in error))
  expect(sender.abort('late')).toEqual([1])
  expect(sender.abort('later')).toEqual([])
  await expect(receiver.recv()).rejects.toBe('late')
})
