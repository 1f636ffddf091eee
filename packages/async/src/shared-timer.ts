import { Alarm } from './alarm.ts'
import type { Clock } from './clock.ts'
import { Heap } from './heap.ts'

interface Entry {
  /** Undefined once it has rung or was taken back. */
  ring: (() => void) | undefined
}

/** Dead entries that are not worth a clean-up. */
const FEW = 64

/**
 * A clock that keeps all its calls in a heap and sets one timer of another clock.
 * Cost: O(log n) a call, n being those scheduled; memory O(n), also when most are taken back.
 */
export class SharedTimer implements Clock {
  readonly #clock: Clock
  readonly #alarm: Alarm
  #entries = new Heap<Entry>()
  #scheduled = 0
  #ringing = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#alarm = new Alarm(clock, () => this.#ring())
  }

  now(): number {
    return this.#clock.now()
  }

  schedule(ms: number, ring: () => void): () => void {
    const entry: Entry = { ring }
    this.#entries.push(this.now() + ms, entry)
    this.#scheduled++
    this.#set()
    return () => {
      if (entry.ring === undefined) return
      entry.ring = undefined
      this.#scheduled--
      this.#set()
    }
  }

  #ring(): void {
    const now = this.now()
    this.#ringing = true // the timer is set once, after all
    for (let head = this.#entries.head; head !== undefined && head.at <= now; head = this.#entries.head) {
      this.#entries.pop()
      const { ring } = head.item
      if (ring === undefined) continue
      head.item.ring = undefined
      this.#scheduled--
      ring()
    }
    this.#ringing = false
    this.#set()
  }

  #set(): void {
    if (this.#ringing) return
    if (this.#entries.size > 2 * this.#scheduled + FEW) this.#cleanUp()
    while (this.#entries.head !== undefined && this.#entries.head.item.ring === undefined) this.#entries.pop()
    this.#alarm.set(this.#entries.head?.at)
  }

  #cleanUp(): void {
    const all = this.#entries
    this.#entries = new Heap()
    for (let head = all.head; head !== undefined; head = all.head) {
      if (head.item.ring !== undefined) this.#entries.push(head.at, head.item)
      all.pop()
    }
  }
}
