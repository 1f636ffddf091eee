import { watch } from '@warren/async'
import { expect, test } from 'vitest'
import { turn } from './turn.ts'

test('changed: a change between two calls is not lost, the ones before the last are', async () => {
  const { sender, receiver } = watch(0)
  sender.send(1)
  sender.send(2)
  expect(await receiver.changed()).toBe(2)
  const next = receiver.changed()
  sender.send(3)
  expect(await next).toBe(3)
})

test('changed: a cancelled call has reported nothing', async () => {
  const { sender, receiver } = watch(0)
  const controller = new AbortController()
  const cancelled = receiver.changed({ signal: controller.signal })
  controller.abort('stop')
  sender.send(1)
  await expect(cancelled).rejects.toBe('stop')
  expect(await receiver.changed()).toBe(1)
})

test('subscribe: receivers do not take changes from one another', async () => {
  const { sender, receiver } = watch(0)
  const other = receiver.subscribe()
  sender.send(1)
  expect(await receiver.changed()).toBe(1)
  expect(await other.changed()).toBe(1)
  let news = false
  void receiver
    .subscribe()
    .changed()
    .then(() => {
      news = true
    })
  await turn()
  expect(news).toBe(false)
})

test('waitFor: sees a value that is replaced in the same turn', async () => {
  const { sender, receiver } = watch('idle')
  const up = receiver.waitFor((value) => value === 'up')
  sender.send('up')
  sender.send('down')
  expect(await up).toBe('up')
  expect(await receiver.waitFor((value) => value === 'down')).toBe('down')
})

test('waitFor: a predicate that throws ends its own wait only', async () => {
  const { sender, receiver } = watch(0)
  const bad = receiver.waitFor((value) => {
    if (value > 0) throw new Error('bad predicate')
    return false
  })
  const good = receiver.waitFor((value) => value === 1)
  sender.send(1)
  await expect(bad).rejects.toThrow('bad predicate')
  expect(await good).toBe(1)
})
