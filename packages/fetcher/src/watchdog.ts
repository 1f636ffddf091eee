import { systemClock } from '@warren/async'

/** Something under time limits. */
export interface Watched {
  /** Looks at its limits; `nowMs` is performance.now(). */
  check(nowMs: number): void
}

/** How late a limit may be noticed. */
const TICK_MS = 50

/**
 * Checks everything under way twenty times a second: one timer for the process, where three per exchange would be made and cleared.
 * Cost: a scan of what is in flight; 10 000 exchanges take about a millisecond.
 */
export class Watchdog {
  readonly #watched = new Set<Watched>()
  #isTicking = false

  get size(): number {
    return this.#watched.size
  }

  add(watched: Watched): void {
    this.#watched.add(watched)
    if (!this.#isTicking) this.#tickLater()
  }

  delete(watched: Watched): void {
    this.#watched.delete(watched)
  }

  #tickLater(): void {
    this.#isTicking = true
    systemClock.schedule(TICK_MS, () => {
      const nowMs = performance.now()
      for (const watched of this.#watched) watched.check(nowMs)
      if (this.#watched.size > 0) this.#tickLater()
      else this.#isTicking = false
    })
  }
}
