import { createLogger } from '@warren/service'
import { expect, test } from 'vitest'

const logTo = (lines: string[], level = 'info') =>
  createLogger({ role: 'fetcher', level, destination: { write: (line: string) => void lines.push(line) } })

test('one JSON line per call: level as a word, ISO time, role', () => {
  const lines: string[] = []
  const logger = logTo(lines)
  logger.info({ visits: 3 }, 'started')
  logger.debug('not at this level')
  expect(lines.length).toBe(1)
  const { time, ...line } = JSON.parse(lines[0] ?? '')
  expect(line).toEqual({ level: 'info', role: 'fetcher', pid: process.pid, visits: 3, msg: 'started' })
  expect(new Date(time).toISOString()).toBe(time)
})

test('credentials reach no line: not in a field, a message, a nested object, an error or a child', () => {
  const lines: string[] = []
  const logger = logTo(lines).child({ broker: 'amqp://u:hunter2@host' })
  logger.info({ password: 'hunter2', a: { apiToken: 'hunter2' } }, 'at postgres://u:hunter2@host/db')
  logger.error(new Error('no route to https://u:hunter2@host', { cause: new Error('amqp://u:hunter2@host') }))
  expect(lines.length).toBe(2)
  for (const line of lines) {
    expect(line).not.toContain('hunter2')
    JSON.parse(line)
  }
})

test('an unknown level is refused', () => {
  expect(() => logTo([], 'loud')).toThrow('loud')
})
