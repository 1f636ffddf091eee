import { watch } from '@warren/async'
import { expect, test } from 'vitest'

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

test('waitFor: a predicate that cancels another wait keeps nobody else from the value', async () => {
  const { sender, receiver } = watch(0)
  const controller = new AbortController()
  const first = receiver.waitFor((value) => {
    if (value === 1) controller.abort('by the first')
    return value === 1
  })
  const cancelled = receiver.waitFor(() => false, { signal: controller.signal })
  const third = receiver.waitFor((value) => value === 1)
  sender.send(1)
  await expect(cancelled).rejects.toBe('by the first')
  expect(await Promise.all([first, third])).toEqual([1, 1])
})

test('undefined is a value: it is told, awaited and looped over like any other', async () => {
  const { sender, receiver } = watch<number | undefined>(1)
  const values: unknown[] = []
  const loop = (async () => {
    for await (const value of receiver) values.push(value)
  })()
  sender.send(undefined)
  expect(await receiver.changed()).toBe(true)
  expect(await receiver.waitFor((value) => value === undefined)).toBe(undefined)
  sender.close()
  await loop
  expect(values).toEqual([1, undefined])
  expect(await receiver.changed()).toBe(false)
})
