import { crawlState } from '@warren/protocol'
import { expect, test } from 'vitest'
import { crawlLife, nextState } from '../src/life.ts'

test('crawl life: every state of the protocol is in the table, from an ended one the only way is another pass', () => {
  expect(Object.keys(crawlLife).sort()).toEqual([...crawlState.options].sort())
  for (const ended of ['completed', 'cancelled'] as const) expect(crawlLife[ended]).toEqual({ recrawl: 'running' })
  expect(crawlLife.failed).toEqual({})
})

test('crawl life: an illegal step names crawl, state and event', () => {
  expect(nextState(3, 'created', 'start')).toBe('running')
  expect(nextState(3, 'running', 'pause')).toBe('paused')
  expect(() => nextState(3, 'completed', 'resume')).toThrow(
    expect.objectContaining({ code: 'ERR_CRAWL_CONFLICT', message: 'Cannot resume crawl 3: it is completed' }),
  )
})
