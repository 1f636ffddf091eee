import type { Waiting } from './abort.ts'
import { checkCount } from './check.ts'
import { WaitQueue } from './wait-queue.ts'

/** What a semaphore has lent; disposing gives it back. A second dispose does nothing. */
export interface Permit extends Disposable {
  readonly weight: number
}

/**
 * Lends at most as many permits as it owns.
 * Order/fairness: FIFO without barging. A heavy request at the head makes lighter ones behind it wait, so it cannot starve.
 * Invariant: the weights of all live permits sum up to at most the size, except while a shrunk semaphore waits for returns.
 */
export class Semaphore {
  #size: number
  #lent = 0
  readonly #waiting = new WaitQueue<number, Permit>()
  readonly #serve = () => {
    for (let head = this.#waiting.head; head !== undefined && this.#fits(head.want); head = this.#waiting.head)
      head.resolve(this.#take(head.want))
  }
  readonly #giveBack = (weight: number) => {
    this.#lent -= weight
    this.#serve()
  }

  /** Errors: RangeError unless `permits` is an integer >= 0. */
  constructor(permits: number) {
    checkCount('permits', permits, 0)
    this.#size = permits
  }

  /** Permits not lent; 0 while more are lent than a shrunk semaphore owns. */
  get available(): number {
    return Math.max(0, this.#size - this.#lent)
  }

  /**
   * Waits for `weight` permits (default 1).
   * Cancel safety: yes; a cancelled call holds nothing. Errors: RangeError for a weight that is no integer >= 1 or that
   * exceeds the size, since it would block everybody for ever (weight 1 waits also while the size is 0).
   */
  acquire({ signal, weight = 1 }: Waiting & { weight?: number | undefined } = {}): Promise<Permit> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    try {
      this.#check(weight)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#isFree(weight) ? Promise.resolve(this.#take(weight)) : this.#waiting.wait(weight, signal, this.#serve)
  }

  /** A permit if one is free and nobody waits for it. Errors: RangeError as `acquire`. */
  tryAcquire(weight = 1): Permit | undefined {
    this.#check(weight)
    return this.#isFree(weight) ? this.#take(weight) : undefined
  }

  /** Sets how many permits there are. Fewer: nothing is taken back, the next are lent when enough have been returned. */
  resize(permits: number): void {
    checkCount('permits', permits, 0)
    this.#size = permits
    this.#serve()
  }

  #check(weight: number): void {
    checkCount('weight', weight, 1)
    if (weight > Math.max(1, this.#size)) throw new RangeError(`Cannot use weight: ${weight} is not an integer <= ${this.#size}, the size`)
  }

  #isFree(weight: number): boolean {
    return this.#waiting.head === undefined && this.#fits(weight)
  }

  #fits(weight: number): boolean {
    return this.#lent + weight <= this.#size
  }

  #take(weight: number): Permit {
    this.#lent += weight
    return new Lent(weight, this.#giveBack)
  }
}

class Lent implements Permit {
  readonly weight: number
  #giveBack: ((weight: number) => void) | undefined

  constructor(weight: number, giveBack: (weight: number) => void) {
    this.weight = weight
    this.#giveBack = giveBack
  }

  [Symbol.dispose](): void {
    const giveBack = this.#giveBack
    this.#giveBack = undefined
    giveBack?.(this.weight)
  }
}
