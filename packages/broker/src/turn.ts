import { yieldNow } from '@warren/async'

/** Handovers in one turn of the event loop; each costs about a microsecond plus what its handler does at once. */
const TURN_COUNT = 512
/** Longest time of one turn: what a timer or a socket may be kept waiting by messages that flow through microtasks alone. */
const TURN_MS = 5

/**
 * Lets a chain of promises run only so long before timers and I/O get their turn. Cost: one setImmediate a turn, none per message.
 * Why not yieldIfDue: who waits there is let on one by one, so publishers would go before the consumers that they wait for.
 */
export class Turn {
  #left = TURN_COUNT
  #endsAt = 0
  #next: Promise<void> | undefined

  /** Takes one handover from this turn. False: the turn is over; wait for `next()`. `now` is performance.now(). */
  spend(now: number): boolean {
    if (this.#next === undefined) {
      this.#left = TURN_COUNT
      this.#endsAt = now + TURN_MS
      this.#next = yieldNow().then(() => {
        this.#next = undefined
      })
    }
    return --this.#left >= 0 && now < this.#endsAt
  }

  /** The next turn of the event loop, for all at once. */
  next(): Promise<void> {
    return this.#next ?? Promise.resolve()
  }
}
