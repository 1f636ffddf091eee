import { Alarm } from './alarm.ts'
import type { Clock } from './clock.ts'
import { Heap } from './heap.ts'

/** A clock that keeps its calls in a heap and sets one timer of another clock. Cost: O(log n), n being the calls scheduled. */
export class SharedTimer implements Clock {
  readonly #clock: Clock
  readonly #alarm: Alarm
  readonly #calls = new Heap<() => void>()
  #isRinging = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#alarm = new Alarm(clock, () => this.#ring())
  }

  now(): number {
    return this.#clock.now()
  }

  schedule(ms: number, ring: () => void): () => void {
    const call = this.#calls.push(this.now() + ms, ring)
    this.#setAlarm()
    return () => {
      if (this.#calls.remove(call)) this.#setAlarm()
    }
  }

  #ring(): void {
    const now = this.now()
    this.#isRinging = true
    for (let head = this.#calls.head; head !== undefined && head.at <= now; head = this.#calls.head) {
      this.#calls.remove(head)
      head.item()
    }
    this.#isRinging = false
    this.#setAlarm()
  }

  #setAlarm(): void {
    if (!this.#isRinging) this.#alarm.set(this.#calls.head?.at) // once, when all have been called
  }
}
