import type { Waiting } from './abort.ts'
import { Alarm } from './alarm.ts'
import { checkMs, checkPositive } from './check.ts'
import { type Clock, systemClock } from './clock.ts'
import { Loop } from './loop.ts'
import { type Selectable, selectable } from './select-source.ts'
import { type Settle, WaitQueue } from './wait-queue.ts'

/**
 * What becomes of the ticks that nobody took in time:
 * - `burst`: they follow at once, one after the other, until it is on time again; none is lost.
 * - `skip`: they are left out; the next one comes when one would have come without the delay.
 * - `delay`: they are left out; the next one comes a whole period after the late one was taken, so two are never closer.
 */
export type MissedTicks = 'burst' | 'skip' | 'delay'

export interface IntervalOptions {
  readonly everyMs: number
  readonly missed: MissedTicks
  /** Time until the first tick. Default 0: at once. */
  readonly firstMs?: number | undefined
  readonly clock?: Clock | undefined
}

/** When the tick after the one of `due` is due, which was taken at `now`. */
const NEXT: { readonly [Policy in MissedTicks]: (due: number, everyMs: number, now: number) => number } = {
  burst: (due, everyMs) => due + everyMs,
  skip: (due, everyMs, now) => due + everyMs * (1 + Math.floor((now - due) / everyMs)),
  delay: (_, everyMs, now) => now + everyMs,
}

/** Ticks every so often, in a loop, in a `select`, or one by one. It runs no timer while nobody waits. */
export interface Interval extends AsyncIterable<number>, Selectable<number> {
  /**
   * The next tick, and the time for which it was set.
   * Cancel safety: yes; a cancelled call takes no tick. Order/fairness: FIFO, one tick for each. Errors: `signal.reason`.
   */
  tick(options?: Waiting): Promise<number>
  /** The next tick comes a whole period from now, also for those who wait already. */
  reset(): void
  /** Never ends by itself; to wait for its end as well, `select`. Leaving the loop takes no tick along. */
  [Symbol.asyncIterator](): AsyncIterator<number, undefined, undefined>
}

/**
 * A clock that ticks. Source: the three policies are those of tokio's `Interval`; here `delay` counts from when a tick was
 * taken, however little late, so that it keeps its distance exactly.
 * Errors: RangeError unless `everyMs` is a finite number > 0 and `firstMs` one >= 0.
 */
export const interval = (options: IntervalOptions): Interval => new Ticker(options)

class Ticker implements Interval {
  readonly #everyMs: number
  readonly #next: (due: number, everyMs: number, now: number) => number
  readonly #clock: Clock
  readonly #alarm: Alarm
  readonly #waiting = new WaitQueue<undefined, number>()
  readonly #serve = () => {
    while (this.#waiting.head !== undefined && this.#clock.now() >= this.#due) this.#waiting.head.resolve(this.#take())
    this.#alarm.set(this.#waiting.head === undefined ? undefined : this.#due)
  }
  #due: number

  constructor({ everyMs, missed, firstMs = 0, clock = systemClock }: IntervalOptions) {
    checkPositive('everyMs', everyMs)
    checkMs('firstMs', firstMs)
    this.#everyMs = everyMs
    this.#next = NEXT[missed]
    this.#clock = clock
    this.#alarm = new Alarm(clock, this.#serve)
    this.#due = clock.now() + firstMs
  }

  tick({ signal }: Waiting = {}): Promise<number> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#isReady()) return Promise.resolve(this.#take())
    const tick = this.#waiting.wait(undefined, signal, this.#serve)
    this.#serve()
    return tick
  }

  reset(): void {
    this.#due = this.#clock.now() + this.#everyMs // of everybody
    this.#serve()
  }

  [selectable](settle: Settle<number>): Disposable | undefined {
    if (this.#isReady()) {
      settle.resolve(this.#take())
      return undefined
    }
    const waiter = this.#waiting.push(undefined, settle)
    const leave = () => {
      waiter.leave()
      this.#serve()
    }
    this.#serve()
    return { [Symbol.dispose]: leave }
  }

  [Symbol.asyncIterator](): AsyncIterator<number, undefined, undefined> {
    return new Loop(this, (value) => ({ done: false, value }))
  }

  /** Also when the timer is late: those who wait go first. */
  #isReady(): boolean {
    this.#serve()
    return this.#waiting.size === 0 && this.#clock.now() >= this.#due
  }

  #take(): number {
    const due = this.#due
    this.#due = this.#next(due, this.#everyMs, this.#clock.now())
    return due
  }
}
