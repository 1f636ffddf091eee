import { StateMachine, toMermaid } from '@warren/async'

const LINK = {
  down: { dial: 'dialling' },
  dialling: { answer: 'up', fail: 'down' },
  up: { fail: 'down', hangUp: 'closed' },
  closed: {},
} as const

/** What events carry. An event that is not named here carries nothing. */
interface LinkPayloads {
  readonly dial: string
  readonly fail: Error
}

/** A connection that fails once, is watched, and refuses what its table does not allow. */
export async function example(print: (line: string) => void): Promise<void> {
  const link = new StateMachine<typeof LINK, LinkPayloads>(LINK, 'down')
  using _watch = link.onStep((step) => {
    switch (step.event) {
      case 'dial':
        return print(`dialling ${step.payload}`)
      case 'fail':
        return print(`${step.from} -> ${step.to}: ${step.payload.message}`)
      default:
        return print(`${step.from} -> ${step.to}`)
    }
  })
  link.step('dial', 'example.org')
  link.step('fail', new Error('nobody there')) // without an error it does not compile
  link.step('dial', 'example.org')
  link.step('answer')
  if (link.can('dial')) link.step('dial', 'example.org')
  link.step('hangUp')
  try {
    link.step('dial', 'example.org')
  } catch (error) {
    print(String(error))
  }
  for (const line of toMermaid(LINK, 'down').trimEnd().split('\n')) print(line)
}

/* Prints:
 * dialling example.org
 * dialling -> down: nobody there
 * dialling example.org
 * dialling -> up
 * up -> closed
 * IllegalStepError: Cannot step from closed by dial to dialling: it is allowed from down
 * stateDiagram-v2
 *   [*] --> down
 *   down --> dialling: dial
 *   dialling --> up: answer
 *   dialling --> down: fail
 *   up --> down: fail
 *   up --> closed: hangUp
 *   closed --> [*]
 */
