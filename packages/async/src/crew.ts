import { onAbort } from './abort.ts'
import { checkCount } from './check.ts'
import { Children } from './children.ts'
import { Input, type Source } from './input.ts'

export type Mapper<T, R> = (item: T, signal: AbortSignal) => Promise<R>

/** What is to be done. */
export interface Work<T, R> {
  readonly source: Source<T>
  readonly limit: number
  readonly fn: Mapper<T, R>
}

/** Where results go. `S` is the place that was kept for one when its item started. None of it throws. */
export interface Sink<R, S> {
  /** An item starts. */
  start(): S
  /** It has its result. Returns how many items take up room no longer. */
  put(place: S, result: R): number
  /** `fn` failed, and that is a result as well. Without this it stops everything. */
  fail?(place: S, error: unknown): void
  /** A worker has left, having found nothing to do. */
  idle?(): void
}

/**
 * Workers that pull items from a source and hand what `fn` makes of them to a sink, at most `limit` items at once.
 * A worker goes on while there is room; one that finds another waiting for the source leaves, and is hired anew when an item
 * has come. So nobody waits for a turn, and an item costs no more than `fn`'s promise and its `await`.
 */
export class Crew<T, R, S> {
  readonly children: Children
  readonly input: Input<T>
  readonly #limit: number
  readonly #fn: Mapper<T, R>
  readonly #sink: Sink<R, S>
  /** Items that have started and take up room. */
  #open = 0
  #isHiring = false

  /** Errors: RangeError for a limit that is no integer >= 1. */
  constructor({ source, limit, fn }: Work<T, R>, sink: Sink<R, S>, signal: AbortSignal | undefined) {
    checkCount('limit', limit, 1)
    this.input = new Input(source)
    this.children = new Children(signal)
    this.#limit = limit
    this.#fn = fn
    this.#sink = sink
    onAbort(this.children.signal, (reason) => this.input.leave(reason)) // goes with the signal, which is our own
  }

  /** Nothing more will come, and all that came has been handed over. */
  get isDone(): boolean {
    return this.#open === 0 && this.input.isExhausted
  }

  hire(): void {
    if (this.#isHiring) return // by a worker that has just been hired; the loop below goes on
    this.#isHiring = true
    while (this.#hasWork() && this.children.begin()) void this.#work()
    this.#isHiring = false
  }

  /** An item takes up room no longer. */
  free(): void {
    this.#open--
  }

  /** Waits until nothing runs and a source that was left is closed. Errors: as Children.check; those of closing the source. */
  async end(): Promise<void> {
    await this.children.ended()
    if (this.children.signal.aborted) this.input.leave()
    const left = this.input.left()
    left.catch(() => {}) // a failure of the tasks comes first
    this.children.check()
    await left
  }

  #hasWork(): boolean {
    return this.#open < this.#limit && !this.input.isExhausted && !this.input.isPulling && !this.children.signal.aborted
  }

  async #work(): Promise<void> {
    const { signal } = this.children
    try {
      while (this.#hasWork()) {
        const next = this.input.isAsync ? await this.input.pullAsync() : this.input.pull()
        if (next.done === true || signal.aborted) break
        this.#open++
        const place = this.#sink.start()
        this.hire()
        try {
          const result = await this.#fn(next.value, signal)
          this.#open -= this.#sink.put(place, result)
        } catch (error) {
          if (this.#sink.fail === undefined || (signal.aborted && error === signal.reason)) throw error
          this.#sink.fail(place, error)
          this.#open--
        }
      }
      this.children.end()
    } catch (error) {
      this.children.fail(error)
    }
    this.#sink.idle?.()
  }
}
