import { ManualClock, sleep, systemClock } from '@warren/async'
import { afterEach, expect, test, vi } from 'vitest'

afterEach(() => vi.useRealTimers())

test('sleep: longer than a timer can count, it still takes its time', async () => {
  vi.useFakeTimers()
  const timers = vi.spyOn(globalThis, 'setTimeout')
  let awake = false
  const ms = 2 ** 31 + 1_000
  const sleeping = sleep(ms).then(() => {
    awake = true
  })
  await vi.advanceTimersByTimeAsync(ms - 1)
  expect(awake).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  await sleeping
  expect(timers.mock.calls.map(([, delayMs]) => delayMs)).toEqual([2 ** 31 - 1, 1_001])
  timers.mockRestore()
})

test('sleep never ends before its time on its own clock', async () => {
  for (let i = 0; i < 5; i++) {
    const start = systemClock.now()
    await sleep(1.7)
    expect(systemClock.now() - start).toBeGreaterThanOrEqual(1.7)
  }
})

test('sleep: a cancelled one leaves no timer behind', async () => {
  vi.useFakeTimers()
  const controller = new AbortController()
  const sleeping = sleep(60_000, { signal: controller.signal })
  expect(vi.getTimerCount()).toBe(1)
  controller.abort('stop')
  await expect(sleeping).rejects.toBe('stop')
  expect(vi.getTimerCount()).toBe(0)
})

test('ManualClock wakes in the order of the due times, also those who sleep again on the way', async () => {
  const clock = new ManualClock()
  const woken: string[] = []
  const ticker = async () => {
    for (let i = 0; i < 3; i++) {
      await sleep(10, { clock })
      woken.push(`tick ${clock.now()}`)
    }
  }
  const sleeper = async () => {
    await sleep(25, { clock })
    woken.push(`sleeper ${clock.now()}`)
  }
  const both = Promise.all([sleeper(), ticker()])
  await clock.advance(100)
  await both
  expect(woken).toEqual(['tick 10', 'tick 20', 'sleeper 25', 'tick 30'])
  expect(clock.now()).toBe(100)
})
