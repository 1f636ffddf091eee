import { IllegalStepError, StateMachine, step, toMermaid } from '@warren/async'
import { expect, test } from 'vitest'

const door = {
  closed: { open: 'opened', lock: 'locked' },
  opened: { close: 'closed', remove: 'gone' },
  locked: { unlock: 'closed' },
  gone: {},
} as const

test('StateMachine goes along its table', () => {
  const machine = new StateMachine(door, 'closed')
  expect(machine.step('lock')).toBe('locked')
  expect(machine.can('open')).toBe(false)
  expect(machine.can('unlock')).toBe(true)
  expect(machine.state).toBe('locked')
})

test('an illegal step names from, event and to, and changes nothing', () => {
  const machine = new StateMachine(door, 'locked')
  expect(() => machine.step('open')).toThrow('Cannot step from locked by open to opened: it is allowed from closed')
  expect(machine.state).toBe('locked')
  try {
    step(door, 'gone', 'close')
    expect.unreachable()
  } catch (error) {
    expect(error).toBeInstanceOf(IllegalStepError)
    expect(error).toMatchObject({ from: 'gone', event: 'close', to: ['closed'] })
  }
})

test('names of Object.prototype are no events', () => {
  // @ts-expect-error no such event
  expect(() => step(door, 'closed', 'toString')).toThrow(IllegalStepError)
})

test('toMermaid draws every step and every end', () => {
  expect(toMermaid(door, 'closed')).toBe(`stateDiagram-v2
  [*] --> closed
  closed --> opened: open
  closed --> locked: lock
  opened --> closed: close
  opened --> gone: remove
  locked --> closed: unlock
  gone --> [*]
`)
})
