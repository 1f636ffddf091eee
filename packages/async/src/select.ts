import { onAbort, type Waiting } from './abort.ts'
import { type Selectable, selectable } from './select-source.ts'

/** A promise made for the select; its signal aborts when another branch is picked. */
export type Start<T> = (signal: AbortSignal) => Promise<T>

/** A start whose value must not get lost: `giveBack` takes it when it comes although another branch was picked. */
export interface Returnable<T> {
  readonly start: Start<T>
  giveBack(value: T): void
}

/** What a select can wait on: a channel's receiver, a signal (its value is the reason), a promise factory. */
export type Branch<T> = Selectable<T> | AbortSignal | Start<T> | Returnable<T>

type ValueOf<B> = B extends AbortSignal
  ? unknown
  : B extends Selectable<infer T>
    ? T
    : B extends Start<infer T>
      ? T
      : B extends Returnable<infer T>
        ? T
        : never

/** `{ branch, value }` of the branch that was first; a switch over `branch` narrows `value`. */
export type Picked<B> = { [Name in keyof B]: { readonly branch: Name; readonly value: ValueOf<B[Name]> } }[keyof B]

export interface SelectOptions extends Waiting {
  /** Looks at the branches from a random one on, so that a source that is always ready cannot starve those behind it. */
  readonly fair?: boolean | undefined
  /** Uniform in [0, 1); for `fair`. */
  readonly random?: (() => number) | undefined
}

/**
 * Waits until one of several branches has something and returns it; the others are stopped and awaited.
 * Order/fairness: branches that are ready are looked at in written order (put the shutdown first), or from a random one with
 * `fair`. A promise factory is never ready at once: it is started when no receiver and no signal is ready.
 * Cancel safety: yes. Receivers that were not picked lose nothing. A factory that was not picked gets its signal aborted; a
 * value it makes nevertheless goes to its `giveBack`, and its failure is dropped with it.
 * Errors: the failure of the branch that was first; `signal.reason`; RangeError without branches.
 */
export async function select<const B extends { readonly [name: string]: Branch<unknown> }>(
  branches: B,
  { signal, fair = false, random = Math.random }: SelectOptions = {},
): Promise<Picked<B>> {
  signal?.throwIfAborted()
  const names = Object.keys(branches) as (keyof B & string)[]
  if (names.length === 0) throw new RangeError('Cannot use branches: {} is not an object with at least one branch')
  if (fair) names.push(...names.splice(0, Math.floor(random() * names.length)))
  const race = new Race<Picked<B>>()
  const promised = names.filter((name) => !race.decided && !race.wait(name, branches[name] as Branch<unknown>))
  for (const name of promised) if (!race.decided) race.start(name, branches[name] as Start<unknown> | Returnable<unknown>)
  if (!race.decided) race.cancelOn(signal)
  return race.end()
}

/** Invariant: decided once, in the turn in which the winner has its value; in that turn all others leave their queues. */
class Race<P> {
  decided = false
  readonly #result = Promise.withResolvers<P>()
  readonly #losers = new AbortController()
  readonly #leave: (() => void)[] = []
  readonly #running: Promise<void>[] = []
  #started = false

  /** Waits on a receiver or a signal; false for a promise factory. */
  wait(name: string, branch: Branch<unknown>): boolean {
    if (branch instanceof AbortSignal) {
      const link = onAbort(branch, (reason) => this.#pick(name, reason))
      this.#leave.push(() => link[Symbol.dispose]())
    } else if (selectable in branch) {
      const leave = branch[selectable]({ resolve: (value) => this.#pick(name, value), reject: (reason) => this.#fail(reason) })
      if (leave !== true) this.#leave.push(leave)
    } else return false
    if (this.decided) this.#leaveAll() // picked at once, before its own way to leave was noted
    return true
  }

  start(name: string, branch: Start<unknown> | Returnable<unknown>): void {
    const { start, giveBack } = typeof branch === 'function' ? { start: branch, giveBack: () => {} } : branch
    const run = async () => {
      let value: unknown
      try {
        value = await start(this.#losers.signal)
      } catch (error) {
        return this.#fail(error)
      }
      if (!this.#pick(name, value)) giveBack(value)
    }
    this.#started = true
    this.#running.push(run())
  }

  cancelOn(signal: AbortSignal | undefined): void {
    const link = onAbort(signal, (reason) => this.#fail(reason))
    this.#leave.push(() => link[Symbol.dispose]())
  }

  async end(): Promise<P> {
    try {
      return await this.#result.promise
    } finally {
      await Promise.all(this.#running)
    }
  }

  #pick(branch: string, value: unknown): boolean {
    if (!this.#decide()) return false
    this.#result.resolve({ branch, value } as P)
    return true
  }

  #fail(reason: unknown): void {
    if (this.#decide(reason)) this.#result.reject(reason)
  }

  #decide(reason?: unknown): boolean {
    if (this.decided) return false
    this.decided = true
    this.#leaveAll()
    if (this.#started) this.#losers.abort(reason)
    return true
  }

  #leaveAll(): void {
    for (const leave of this.#leave.splice(0)) leave()
  }
}
