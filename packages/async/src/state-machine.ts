/** from -> event -> to. Written as a constant: `{ closed: { open: 'opened' }, opened: {} } as const`. Every `to` is a key. */
export type TransitionTable<T> = { readonly [From in keyof T]: { readonly [event: string]: keyof T & string } }
export type StateOf<T> = keyof T & string
export type EventOf<T> = { [From in keyof T]: keyof T[From] }[keyof T] & string

/** What events carry: event -> type of its payload. An event that is not in it carries nothing; no other key is allowed. */
export type PayloadsOf<T, P> = { readonly [E in keyof P]: E extends EventOf<T> ? unknown : never }
type PayloadOf<P, E> = E extends keyof P ? P[E] : undefined

/** The arguments of a step: the event, and its payload if it carries one. */
export type StepArgs<T, P> = {
  [E in EventOf<T>]: E extends keyof P ? (undefined extends P[E] ? [event: E, payload?: P[E]] : [event: E, payload: P[E]]) : [event: E]
}[EventOf<T>]

/** A step that was taken; its `event` tells the types of the other three apart. */
export type StepOf<T, P = NoPayloads> = {
  [From in StateOf<T>]: {
    [E in keyof T[From] & string]: { readonly from: From; readonly event: E; readonly to: T[From][E]; readonly payload: PayloadOf<P, E> }
  }[keyof T[From] & string]
}[StateOf<T>]

type NoPayloads = Record<never, never>

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

interface Observer<T, P> {
  readonly tell: (step: StepOf<T, P>) => void
}

/**
 * A state that changes only along its table. `P` says what events carry: `new StateMachine<typeof TABLE, { lose: Error }>(...)`.
 * Order: a step changes the state, then tells the observers in the order in which they came. One of them may step again: that
 * changes the state at once too, and is told when all have been told of the step before, so that everybody sees the same story.
 */
export class StateMachine<const T extends TransitionTable<T>, P extends PayloadsOf<T, P> = NoPayloads> {
  readonly #table: T
  readonly #observers = new Set<Observer<T, P>>()
  #state: StateOf<T>
  /** Steps to be told of and to whom, while some are. */
  #untold: { readonly taken: StepOf<T, P>; readonly observers: readonly Observer<T, P>[] }[] | undefined

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

  /**
   * Takes the step and returns the state to which it leads.
   * Errors: IllegalStepError; the state is then as it was, and nobody is told. What an observer throws (AggregateError for
   * several), after all have been told; the step is then taken all the same.
   */
  step(...[event, payload]: StepArgs<T, P>): StateOf<T> {
    const from = this.#state
    const to = step(this.#table, from, event)
    this.#state = to
    if (this.#observers.size > 0) this.#tell({ from, event, to, payload } as StepOf<T, P>)
    return to
  }

  /** Tells `observer` of every step taken from now on, until it is disposed. */
  onStep(observer: (step: StepOf<T, P>) => void): Disposable {
    const entry = { tell: observer }
    this.#observers.add(entry)
    return { [Symbol.dispose]: () => void this.#observers.delete(entry) }
  }

  #tell(taken: StepOf<T, P>): void {
    const notice = { taken, observers: [...this.#observers] }
    if (this.#untold !== undefined) {
      this.#untold.push(notice)
      return
    }
    const errors: unknown[] = []
    this.#untold = [notice]
    for (const { taken, observers } of this.#untold) {
      for (const observer of observers) {
        if (!this.#observers.has(observer)) continue // disposed since
        try {
          observer.tell(taken)
        } catch (error) {
          errors.push(error)
        }
      }
    }
    this.#untold = undefined
    if (errors.length === 1) throw errors[0]
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} observers failed`, { cause: errors[0] })
  }
}

/** The table as a Mermaid state diagram, for documentation that a test compares. States without a way out end in `[*]`. */
export function toMermaid<const T extends TransitionTable<T>>(table: T, initial?: StateOf<T>): string {
  const lines = ['stateDiagram-v2']
  const idOf = (state: string) => state.replaceAll(/\W/g, '_')
  for (const state of Object.keys(table)) if (idOf(state) !== state) lines.push(`  state "${state}" as ${idOf(state)}`)
  if (initial !== undefined) lines.push(`  [*] --> ${idOf(initial)}`)
  for (const [from, events] of Object.entries<Readonly<Record<string, string>>>(table)) {
    const steps = Object.entries(events)
    for (const [event, to] of steps) lines.push(`  ${idOf(from)} --> ${idOf(to)}: ${event}`)
    if (steps.length === 0) lines.push(`  ${idOf(from)} --> [*]`)
  }
  return `${lines.join('\n')}\n`
}

function target<T>(table: T, from: StateOf<T>, event: string): StateOf<T> | undefined {
  const events = table[from] as Readonly<Record<string, StateOf<T>>>
  return Object.hasOwn(events, event) ? events[event] : undefined
}
