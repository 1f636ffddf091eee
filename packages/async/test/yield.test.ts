import { chunked, yieldNow } from '@warren/async'
import { expect, test } from 'vitest'

test('chunked: all items in order, at most size at once', async () => {
  expect(await Array.fromAsync(chunked([1, 2, 3, 4, 5], 2))).toEqual([[1, 2], [3, 4], [5]])
  expect(await Array.fromAsync(chunked([], 2))).toEqual([])
})

test('chunked: a slow source is cut after 10 ms, and timers run in between', async () => {
  let timers = 0
  const timer = setInterval(() => timers++, 1)
  function* slow() {
    for (let i = 0; i < 30; i++) {
      for (const start = performance.now(); performance.now() - start < 1; );
      yield i
    }
  }
  let longest = 0
  let before = performance.now()
  const items: number[] = []
  for await (const chunk of chunked(slow(), 1_000)) {
    longest = Math.max(longest, chunk.length)
    items.push(...chunk)
    expect(performance.now() - before).toBeGreaterThan(0)
    before = performance.now()
  }
  clearInterval(timer)
  expect(items).toEqual(Array.from({ length: 30 }, (_, i) => i))
  expect(longest).toBeLessThanOrEqual(10) // each takes at least 1 ms
  expect(timers).toBeGreaterThanOrEqual(2)
})

test('chunked: leaving or cancelling closes the source', async () => {
  let closed = 0
  function* source() {
    try {
      yield* [1, 2, 3]
    } finally {
      closed++
    }
  }
  for await (const _ of chunked(source(), 1)) break
  expect(closed).toBe(1)
  const controller = new AbortController()
  const seen: number[] = []
  const loop = async () => {
    for await (const [item] of chunked(source(), 1, { signal: controller.signal })) {
      seen.push(item as number)
      controller.abort('stop')
    }
  }
  await expect(loop()).rejects.toBe('stop')
  expect([seen, closed]).toEqual([[1], 2])
})

test('yieldNow: notices an abort that comes while it yields', async () => {
  const controller = new AbortController()
  setImmediate(() => controller.abort('stop'))
  await expect(yieldNow({ signal: controller.signal })).rejects.toBe('stop')
})
