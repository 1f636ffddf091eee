const TICK_MS = 10

/**
 * By how much an event that is handled now may have happened earlier: how late the event loop's last tick was, and how long ago.
 * Cost: a timer of 100 ticks a second while it is not disposed.
 */
export class LoopLag implements Disposable {
  readonly #timer: NodeJS.Timeout
  #tickAt = performance.now()
  #lateMs = 0

  constructor() {
    this.#timer = setInterval(() => {
      const now = performance.now()
      this.#lateMs = Math.max(0, now - this.#tickAt - TICK_MS)
      this.#tickAt = now
    }, TICK_MS).unref()
  }

  get ms(): number {
    return this.#lateMs + Math.max(0, performance.now() - this.#tickAt - TICK_MS)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
