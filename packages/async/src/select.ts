import { onAbort, type Waiting } from './abort.ts'
import { type Selectable, selectable } from './select-source.ts'
import type { Settle } from './wait-queue.ts'

/** A promise made for the select; its signal aborts when another branch was picked. */
export type Start<T> = (signal: AbortSignal) => Promise<T>

/**
 * A start whose value must not get lost: `giveBack` takes it when it comes although another branch was picked.
 * `giveBack` must not throw: its error would take the place of the pick.
 */
export interface Returnable<T> {
  readonly start: Start<T>
  giveBack(value: T): void
}

/**
 * What a select can wait on: a receiver (of a channel, oneshot or broadcast: what its `recv` gives; of a watch: what its
 * `changed` gives), a signal (its value is the reason), a promise factory.
 */
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
 * `fair`: a ready one of n is then picked at least once in n calls on average. A promise factory is never ready at once: it is
 * started when no receiver and no signal is ready.
 * Cancel safety: yes. Receivers that were not picked lose nothing. A factory that was not picked gets its signal aborted; a
 * value it makes nevertheless goes to its `giveBack`, and its failure is dropped with it.
 * Errors: the failure of the branch that was first; `signal.reason`; RangeError without branches.
 * Cost: O(branches); listeners only when nothing is ready, a controller only when a factory is started.
 */
export function select<const B extends { readonly [name: string]: Branch<unknown> }>(
  branches: B,
  { signal, fair = false, random = Math.random }: SelectOptions = {},
): Promise<Picked<B>> {
  if (signal?.aborted) return Promise.reject(signal.reason)
  const entries: [string, Branch<unknown>][] = Object.entries(branches)
  if (entries.length === 0) return Promise.reject(new RangeError('Cannot use branches: {} is not an object with at least one branch'))
  if (fair) entries.push(...entries.splice(0, Math.floor(random() * entries.length)))
  const race = new Race<Picked<B>>()
  for (const [name, branch] of entries) if (!race.decided) race.look(name, branch)
  for (const [name, branch] of entries) if (!race.decided) race.wait(name, branch)
  if (!race.decided) race.cancelOn(signal)
  return race.end()
}

/** One for all, since a new one costs 2 us, most of it for a stack that nobody needs. */
const PICKED = /* @__PURE__ */ new DOMException('Another branch was picked', 'AbortError')

/** Invariant: decided once, in the turn in which the winner has its value; in that turn all others leave their queues. */
class Race<P> {
  decided = false
  readonly #result = Promise.withResolvers<P>()
  readonly #places: Disposable[] = []
  /** Of the factories, once there is one. */
  #losers: AbortController | undefined
  readonly #running: Promise<void>[] = []

  /** Takes what is ready. A receiver that has nothing gets a place in its queue right here. */
  look(name: string, branch: Branch<unknown>): void {
    if (branch instanceof AbortSignal) {
      if (branch.aborted) this.pick(name, branch.reason)
    } else if (selectable in branch) {
      const place = branch[selectable](new Contender(this, name))
      if (place !== undefined) this.#places.push(place)
    }
  }

  /** The rest, when nothing is ready: listens to a signal, starts a factory. */
  wait(name: string, branch: Branch<unknown>): void {
    if (branch instanceof AbortSignal) this.#places.push(onAbort(branch, (reason) => this.pick(name, reason)))
    else if (typeof branch === 'function') this.#running.push(this.#run(name, branch))
    else if ('start' in branch) this.#running.push(this.#run(name, branch.start, (value) => branch.giveBack(value)))
  }

  cancelOn(signal: AbortSignal | undefined): void {
    this.#places.push(onAbort(signal, (reason) => this.fail(reason)))
  }

  /** The losers are aborted here and not in `pick`, which a sender runs: their listeners are none of its business. */
  end(): Promise<P> {
    const { promise } = this.#result
    return this.#losers === undefined ? promise : this.#stopLosers(promise, this.#losers)
  }

  /** False when something else was first. */
  pick(branch: string, value: unknown): boolean {
    if (!this.#decide()) return false
    this.#result.resolve({ branch, value } as P)
    return true
  }

  fail(reason: unknown): void {
    if (this.#decide()) this.#result.reject(reason)
  }

  async #run(name: string, start: Start<unknown>, giveBack?: (value: unknown) => void): Promise<void> {
    this.#losers ??= new AbortController()
    let value: unknown
    try {
      value = await start(this.#losers.signal)
    } catch (error) {
      return this.fail(error)
    }
    if (!this.pick(name, value)) giveBack?.(value)
  }

  async #stopLosers(result: Promise<P>, losers: AbortController): Promise<P> {
    try {
      return await result
    } catch (error) {
      losers.abort(error)
      throw error
    } finally {
      losers.abort(PICKED)
      await Promise.all(this.#running)
    }
  }

  #decide(): boolean {
    if (this.decided) return false
    this.decided = true
    for (const place of this.#places) place[Symbol.dispose]()
    return true
  }
}

/** What a source calls when it answers the branch `name`. */
class Contender<P> implements Settle<unknown> {
  readonly #race: Race<P>
  readonly #name: string

  constructor(race: Race<P>, name: string) {
    this.#race = race
    this.#name = name
  }

  resolve(value: unknown): void {
    this.#race.pick(this.#name, value)
  }

  reject(reason: unknown): void {
    this.#race.fail(reason)
  }
}
