import { TaskGroup } from '@warren/async'
import { expect, test } from 'vitest'
import { turn } from './turn.ts'

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
