/** Items 0, 1, ... from a source that is watched: how often it was opened and closed, and when it fails. */
export class WatchedSource {
  opened = 0
  closed = 0
  /** What it has thrown. */
  failure: Error | undefined
  readonly #count: number
  readonly #failsAt: number | undefined

  constructor(count: number, failsAt: number | undefined) {
    this.#count = count
    this.#failsAt = failsAt
  }

  get fails(): boolean {
    return this.#failsAt !== undefined && this.#failsAt < this.#count
  }

  *items(): Generator<number> {
    this.opened++
    try {
      for (let i = 0; i < this.#count; i++) {
        if (i === this.#failsAt) {
          this.failure = new Error('source')
          throw this.failure
        }
        yield i
      }
    } finally {
      this.closed++
    }
  }

  async *itemsLater(s: { schedule(wait: Promise<string>): Promise<unknown> }): AsyncGenerator<number> {
    for (const item of this.items()) {
      await s.schedule(Promise.resolve('item'))
      yield item
    }
  }
}
