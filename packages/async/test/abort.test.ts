import { onAbort, whenAborted } from '@warren/async'
import { expect, test, vi } from 'vitest'
import { listenerCount } from './turn.ts'

test('onAbort: calls once with the reason, at once if the abort has been, never after dispose', () => {
  const controller = new AbortController()
  const heard: unknown[] = []
  onAbort(controller.signal, (reason) => heard.push(reason))
  const taken = onAbort(controller.signal, () => heard.push('disposed'))
  taken[Symbol.dispose]()
  taken[Symbol.dispose]()
  expect(listenerCount(controller.signal)).toBe(1)
  controller.abort('stop')
  expect(heard).toEqual(['stop'])
  onAbort(controller.signal, (reason) => heard.push(reason))
  onAbort(undefined, () => heard.push('nobody'))
  expect(heard).toEqual(['stop', 'stop'])
  expect(listenerCount(controller.signal)).toBe(0)
})

test('whenAborted: resolves with the reason, and leaves no listener on either signal', async () => {
  const aborting = new AbortController()
  const { signal } = new AbortController()
  const waiting = whenAborted(aborting.signal, { signal })
  expect([listenerCount(aborting.signal), listenerCount(signal)]).toEqual([1, 1])
  aborting.abort('news')
  expect(await waiting).toBe('news')
  expect([listenerCount(aborting.signal), listenerCount(signal)]).toEqual([0, 0])
  expect(await whenAborted(aborting.signal, { signal })).toBe('news')
  expect(listenerCount(signal)).toBe(0)
})

test('whenAborted: given up, it leaves no listener on either signal', async () => {
  const aborting = new AbortController()
  const controller = new AbortController()
  const waiting = whenAborted(aborting.signal, { signal: controller.signal })
  controller.abort('given up')
  await expect(waiting).rejects.toBe('given up')
  expect([listenerCount(aborting.signal), listenerCount(controller.signal)]).toEqual([0, 0])
  await expect(whenAborted(aborting.signal, { signal: controller.signal })).rejects.toBe('given up')
  expect(listenerCount(aborting.signal)).toBe(0)
})

test('onAbort: ten thousand wait on one signal as cheaply as one, and a listener that throws keeps the news from nobody', () => {
  const controller = new AbortController()
  const add = vi.spyOn(controller.signal, 'addEventListener')
  const later = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => {})
  let told = 0
  onAbort(controller.signal, () => {
    throw new Error('mine')
  })
  for (let i = 0; i < 10_000; i++) onAbort(controller.signal, () => told++)
  controller.abort()
  expect([add.mock.calls.length, told]).toEqual([1, 10_000])
  expect(() => later.mock.calls[0]?.[0]()).toThrow('mine') // ends the process, as in any event listener
  later.mockRestore()
})
