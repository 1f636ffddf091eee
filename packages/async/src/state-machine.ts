/** from -> event -> to. Written as a constant: `{ closed: { open: 'opened' }, opened: {} } as const`. Every `to` is a key. */
export type TransitionTable<T> = { readonly [From in keyof T]: { readonly [event: string]: keyof T & string } }
export type StateOf<T> = keyof T & string
export type EventOf<T> = { [From in keyof T]: keyof T[From] }[keyof T] & string

/** An event came in a state in which it is not allowed. `to` holds the states to which the event leads from elsewhere. */
export class IllegalStepError extends RangeError {
  override readonly name = 'IllegalStepError'
  readonly from: string
  readonly event: string
  readonly to: readonly string[]

  constructor(from: string, event: string, to: readonly string[], allowedFrom: readonly string[]) {
    super(`Cannot step from ${from} by ${event} to ${to.join(' or ')}: it is allowed from ${allowedFrom.join(', ')}`)
    this.from = from
    this.event = event
    this.to = to
  }
}

/**
 * The state after `event` in state `from`: for a state that is kept elsewhere, say in a database row.
 * Errors: IllegalStepError.
 */
export function step<const T extends TransitionTable<T>>(table: T, from: StateOf<T>, event: EventOf<T>): StateOf<T> {
  const to = target(table, from, event)
  if (to !== undefined) return to
  const allowedFrom = Object.keys(table).filter((state) => target(table, state as StateOf<T>, event) !== undefined) as StateOf<T>[]
  const targets = new Set(allowedFrom.map((state) => target(table, state, event) as string))
  throw new IllegalStepError(from, event, [...targets], allowedFrom)
}

/** A state that changes only along its table. */
export class StateMachine<const T extends TransitionTable<T>> {
  readonly #table: T
  #state: StateOf<T>

  constructor(table: T, initial: StateOf<T>) {
    this.#table = table
    this.#state = initial
  }

  get state(): StateOf<T> {
    return this.#state
  }

  can(event: EventOf<T>): boolean {
    return target(this.#table, this.#state, event) !== undefined
  }

  /** Takes the step and returns the new state. Errors: IllegalStepError; the state is then as it was. */
  step(event: EventOf<T>): StateOf<T> {
    this.#state = step(this.#table, this.#state, event)
    return this.#state
  }
}

/** The table as a Mermaid state diagram, for documentation that a test compares. States without a way out end in `[*]`. */
export function toMermaid<const T extends TransitionTable<T>>(table: T, initial?: StateOf<T>): string {
  const lines = ['stateDiagram-v2']
  if (initial !== undefined) lines.push(`  [*] --> ${initial}`)
  for (const [from, events] of Object.entries<Readonly<Record<string, string>>>(table)) {
    const steps = Object.entries(events)
    for (const [event, to] of steps) lines.push(`  ${from} --> ${to}: ${event}`)
    if (steps.length === 0) lines.push(`  ${from} --> [*]`)
  }
  return `${lines.join('\n')}\n`
}

function target<T>(table: T, from: StateOf<T>, event: string): StateOf<T> | undefined {
  const events = table[from] as Readonly<Record<string, StateOf<T>>>
  return Object.hasOwn(events, event) ? events[event] : undefined
}
