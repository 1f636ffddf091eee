import { breakerSteps, IllegalStepError, StateMachine, step, toMermaid } from '@warren/async'
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

test('toMermaid gives states whose names Mermaid cannot read an identifier', () => {
  expect(toMermaid(breakerSteps, 'closed')).toBe(`stateDiagram-v2
  state "half-open" as half_open
  [*] --> closed
  closed --> open: trip
  open --> half_open: probe
  half_open --> closed: recover
  half_open --> open: relapse
`)
})

test('onStep: observers get from, event, to and payload when the state has changed, and dispose ends it', () => {
  const machine = new StateMachine<typeof door, { lock: string }>(door, 'closed')
  const seen: unknown[] = []
  const observer = machine.onStep((step) => seen.push([machine.state, step]))
  machine.step('lock', 'key')
  machine.step('unlock')
  observer[Symbol.dispose]()
  machine.step('open')
  expect(seen).toEqual([
    ['locked', { from: 'closed', event: 'lock', to: 'locked', payload: 'key' }],
    ['closed', { from: 'locked', event: 'unlock', to: 'closed', payload: undefined }],
  ])
})

test('onStep: the error of an observer comes out of a step that was taken', () => {
  const machine = new StateMachine(door, 'closed')
  machine.onStep(() => {
    throw new Error('one')
  })
  expect(() => machine.step('open')).toThrow('one')
  expect(machine.state).toBe('opened')
  machine.onStep(() => {
    throw new Error('two')
  })
  expect(() => machine.step('close')).toThrow('2 observers failed')
})

test('onStep: an observer that steps again is told of it after the others have been told of the step before', () => {
  const machine = new StateMachine(door, 'closed')
  const told: string[] = []
  machine.onStep(({ event }) => {
    told.push(`first: ${event}`)
    if (event === 'open') expect(machine.step('close')).toBe('closed')
  })
  machine.onStep(({ event }) => told.push(`second: ${event}`))
  expect(machine.step('open')).toBe('opened') // where this step led
  expect(machine.state).toBe('closed')
  expect(told).toEqual(['first: open', 'second: open', 'first: close', 'second: close'])
})
