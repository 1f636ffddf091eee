import { Alarm } from './alarm.ts'
import type { Clock } from './clock.ts'
import { WaitQueue } from './wait-queue.ts'

/** What a limiter says to who will not wait: passed, or that asking again before `retryInMs` is in vain. */
export type Passage = { readonly state: 'ok' } | { readonly state: 'early'; readonly retryInMs: number }

/** The rule of a limiter: when a want is due, and what is different after it has been let through. */
export interface Gate<W> {
  dueAt(want: W): number
  pass(want: W, now: number): void
}

/**
 * Callers before a gate, let through one by one, each when it is due. Order/fairness: FIFO without barging.
 * Invariant: a timer is set exactly while somebody waits. Cost: O(1); queue and timer are made when somebody waits first.
 */
export class Line<W> {
  readonly #gate: Gate<W>
  readonly #clock: Clock
  #waiting: WaitQueue<W, void> | undefined
  #alarm: Alarm | undefined

  constructor(gate: Gate<W>, clock: Clock) {
    this.#gate = gate
    this.#clock = clock
  }

  get isEmpty(): boolean {
    return this.#waiting?.head === undefined
  }

  /** Lets the caller through if nobody waits and it is due. */
  tryPass(want: W): Passage {
    if (!this.isEmpty) this.serve() // the timer may be late
    const now = this.#clock.now()
    const head = this.#waiting?.head
    const dueAt = this.#gate.dueAt(want)
    if (head !== undefined) return { state: 'early', retryInMs: Math.max(dueAt, this.#gate.dueAt(head.want)) - now }
    if (now < dueAt) return { state: 'early', retryInMs: dueAt - now }
    this.#gate.pass(want, now)
    return OK
  }

  /** Waits until the caller is let through. Cancel safety: yes. */
  pass(want: W, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.isEmpty) {
      const now = this.#clock.now()
      if (now >= this.#gate.dueAt(want)) {
        this.#gate.pass(want, now)
        return Promise.resolve()
      }
    }
    this.#waiting ??= new WaitQueue()
    this.#alarm ??= new Alarm(this.#clock, () => this.serve())
    const turn = this.#waiting.wait(want, signal, () => this.serve())
    this.serve()
    return turn
  }

  /** To be called when the gate's rule has changed. */
  serve(): void {
    const now = this.#clock.now()
    for (let head = this.#waiting?.head; head !== undefined; head = this.#waiting?.head) {
      const dueAt = this.#gate.dueAt(head.want)
      if (now < dueAt) {
        this.#alarm?.set(dueAt)
        return
      }
      this.#gate.pass(head.want, now)
      head.resolve()
    }
    this.#alarm?.set(undefined)
  }
}

const OK: Passage = { state: 'ok' }
