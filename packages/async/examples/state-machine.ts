import { StateMachine, toMermaid } from '@warren/async'

const DOOR = {
  closed: { open: 'opened', lock: 'locked' },
  opened: { close: 'closed' },
  locked: { unlock: 'closed' },
} as const

/** Tries to open a locked door, then draws what would have been allowed. */
export async function example(print: (line: string) => void): Promise<void> {
  const door = new StateMachine(DOOR, 'closed')
  print(`now ${door.step('lock')}`)
  try {
    door.step('open')
  } catch (error) {
    print(String(error))
  }
  print(`still ${door.state}`)
  for (const line of toMermaid(DOOR, 'closed').trimEnd().split('\n')) print(line)
}

/* Prints:
 * now locked
 * IllegalStepError: Cannot step from locked by open to opened: it is allowed from closed
 * still locked
 * stateDiagram-v2
 *   [*] --> closed
 *   closed --> opened: open
 *   closed --> locked: lock
 *   opened --> closed: close
 *   locked --> closed: unlock
 */
