import { setTimeout as delay } from 'node:timers/promises'

/** Waits for a condition that no event tells of: some state within the broker. Bounded by the test's own time-out. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(5)
}

/** A count that can be awaited. */
export class Tally<T = void> {
  readonly seen: T[] = []
  #waiting: { count: number; resolve: () => void }[] = []

  add(item: T): void {
    this.seen.push(item)
    for (const { count, resolve } of this.#waiting) if (this.seen.length >= count) resolve()
    this.#waiting = this.#waiting.filter(({ count }) => this.seen.length < count)
  }

  reaches(count: number): Promise<void> {
    if (this.seen.length >= count) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ count, resolve }))
  }
}

/** A door that handlers wait at. */
export class Door {
  readonly #opened = Promise.withResolvers<void>()

  open(): void {
    this.#opened.resolve()
  }

  get passed(): Promise<void> {
    return this.#opened.promise
  }
}
