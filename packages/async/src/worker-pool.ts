import { onAbort, type Waiting } from './abort.ts'
import { ChannelClosedError } from './channel.ts'
import { checkCount } from './check.ts'
import { type Permit, Semaphore } from './semaphore.ts'
import { type Settle, type Waiter, WaitQueue } from './wait-queue.ts'

export interface WorkerPoolOptions<T, R> extends Waiting {
  /** Runs at once. */
  readonly concurrency: number
  /** Its signal aborts with the pool's and with the item's own. */
  readonly run: (item: T, signal: AbortSignal) => Promise<R>
  /** Most items in the queue; a further `add` waits for room. Default: no limit. */
  readonly maxQueued?: number | undefined
  /** How many levels there are: 0, the default of `add`, to priorities - 1, the most urgent. Default 1. */
  readonly priorities?: number | undefined
  /** How many later items of the next higher level may overtake an item. 0: none, the queue is FIFO. Default 16. */
  readonly headStart?: number | undefined
}

interface Job<T> {
  readonly item: T
  readonly signal: AbortSignal | undefined
  /** The place in the order: the number of its arrival less the head start of its level. */
  readonly key: number
  /** Of the room in the queue. */
  readonly permit: Permit | undefined
}

/**
 * Runs items from a queue, so many at once; the number may be changed while it works. `abort` or the signal: the queued ones are
 * rejected with the reason, the running ones have their signal aborted.
 * Order/fairness: items start in the order of arrival number - level x headStart, of equal ones the higher level first. So within
 * a level it is FIFO, and an item of level p is overtaken by those of a higher level q alone that are among the next
 * headStart x (q - p) to come: nobody starves, whatever the load, and no clock is needed. An item arrives when it finds room.
 * Cost: O(levels) a start; one promise beside the run's own, and four small objects if it is queued.
 */
export class WorkerPool<T, R> implements AsyncDisposable {
  readonly #run: (item: T, signal: AbortSignal) => Promise<R>
  readonly #headStart: number
  readonly #levels: readonly WaitQueue<Job<T>, R>[]
  readonly #room: Semaphore | undefined
  readonly #idle = new WaitQueue<undefined, void>()
  readonly #aborting = new AbortController()
  /** Of running items that have a signal of their own. */
  readonly #linked = new Set<AbortController>()
  readonly #link: Disposable
  #concurrency: number
  #arrivals = 0
  #running = 0
  #queued = 0
  /** Waiting for room. */
  #outside = 0
  #isClosed = false

  readonly #onValue = <V>(value: V): V => {
    this.#end()
    return value
  }
  readonly #onError = (error: unknown): never => {
    this.#end()
    throw error
  }
  readonly #onWithdrawal = (): void => {
    this.#queued--
    this.#tellIfIdle()
  }

  /** Errors: RangeError for bad numbers. */
  constructor({ concurrency, run, maxQueued, priorities = 1, headStart = 16, signal }: WorkerPoolOptions<T, R>) {
    checkCount('concurrency', concurrency, 0)
    if (maxQueued !== undefined) checkCount('maxQueued', maxQueued, 1)
    checkCount('priorities', priorities, 1)
    checkCount('headStart', headStart, 0)
    this.#run = run
    this.#concurrency = concurrency
    this.#room = maxQueued === undefined ? undefined : new Semaphore(maxQueued)
    this.#levels = Array.from({ length: priorities }, () => new WaitQueue<Job<T>, R>())
    this.#headStart = headStart
    this.#link = onAbort(signal, (reason) => void this.abort(reason))
  }

  get concurrency(): number {
    return this.#concurrency
  }

  /** More: the next start at once. Fewer: nothing is stopped, the next start later. 0 pauses. */
  set concurrency(concurrency: number) {
    checkCount('concurrency', concurrency, 0)
    this.#concurrency = concurrency
    this.#startNext()
  }

  get running(): number {
    return this.#running
  }

  /** Those that wait for room do not count. */
  get queued(): number {
    return this.#queued
  }

  /** Running and queued. */
  get size(): number {
    return this.#running + this.#queued
  }

  /**
   * Resolves with the item's result. It runs in this turn if there is a place; else it is queued, when there is room.
   * Cancel safety: yes; an item that waits is withdrawn; one that runs has its signal aborted and is awaited, so that its fate
   * is known. Errors: those of its run; ChannelClosedError with the item after close; the reason of the pool's abort;
   * RangeError for a priority that is no level.
   */
  add(item: T, { signal, priority = 0 }: Waiting & { priority?: number | undefined } = {}): Promise<R> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#aborting.signal.aborted) return Promise.reject(this.#aborting.signal.reason)
    if (this.#isClosed) return Promise.reject(new ChannelClosedError('Cannot add: the pool is closed', item))
    if (this.#levels[priority] === undefined) return Promise.reject(this.#noLevel(priority))
    if (this.#running < this.#concurrency && this.#queued + this.#outside === 0)
      return this.#start(item, signal).then(this.#onValue, this.#onError)
    if (this.#room === undefined) return this.#enqueue(item, priority, signal)
    const permit = this.#outside === 0 ? this.#room.tryAcquire() : undefined
    return permit === undefined ? this.#addWithRoom(this.#room, item, priority, signal) : this.#enqueue(item, priority, signal, permit)
  }

  /**
   * Resolves when there is room in the queue: who awaits it before each `add` produces no faster than the pool works.
   * Cancel safety: yes; it holds nothing. Order/fairness: FIFO, also with those whose `add` waits.
   */
  async ready({ signal }: Waiting = {}): Promise<void> {
    signal?.throwIfAborted()
    const room = await this.#room?.acquire({ signal })
    room?.[Symbol.dispose]()
  }

  /** Resolves when nothing runs or waits, at once if so. Cancel safety: yes. */
  idle({ signal }: Waiting = {}): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    return this.#isIdle ? Promise.resolve() : this.#idle.wait(undefined, signal)
  }

  /** Takes no more, rejects what is queued, aborts what runs, waits until that has ended. Its failures go to the callers of `add`. */
  abort(reason: unknown = new DOMException('Aborted', 'AbortError')): Promise<void> {
    if (!this.#aborting.signal.aborted) {
      this.#queued = 0
      for (const level of this.#levels) level.rejectAll(reason)
      this.#aborting.abort(reason)
      for (const controller of this.#linked) controller.abort(reason)
      this.#room?.resize(Number.MAX_SAFE_INTEGER) // those outside come in and find it aborted
      this.#tellIfIdle()
    }
    return this[Symbol.asyncDispose]()
  }

  /** Takes no more and works off what is there, also what waits for room; while the concurrency is 0, it waits. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await this.idle()
    this.#link[Symbol.dispose]()
  }

  get #isIdle(): boolean {
    return this.#running + this.#queued + this.#outside === 0
  }

  #noLevel(priority: number): RangeError {
    return new RangeError(`Cannot use priority: ${priority} is not an integer from 0 to ${this.#levels.length - 1}`)
  }

  async #addWithRoom(room: Semaphore, item: T, priority: number, signal: AbortSignal | undefined): Promise<R> {
    this.#outside++
    let permit: Permit
    try {
      permit = await room.acquire({ signal })
      signal?.throwIfAborted() // since it was lent
      this.#aborting.signal.throwIfAborted()
    } catch (error) {
      this.#outside--
      this.#tellIfIdle()
      throw error
    }
    this.#outside--
    return this.#enqueue(item, priority, signal, permit)
  }

  #enqueue(item: T, priority: number, signal: AbortSignal | undefined, permit?: Permit): Promise<R> {
    const level = this.#levels[priority] as WaitQueue<Job<T>, R>
    const key = this.#arrivals++ - priority * this.#headStart
    const withdraw =
      permit === undefined
        ? this.#onWithdrawal
        : () => {
            permit[Symbol.dispose]()
            this.#onWithdrawal()
          }
    this.#queued++
    const result = level.wait({ item, signal, key, permit }, signal, withdraw)
    this.#startNext() // places may have become free while it waited for room
    return result
  }

  #startNext(): void {
    while (this.#queued > 0 && this.#running < this.#concurrency) void this.#work()
  }

  /** Goes on with the next item while there is one and a place for it: a queued item costs no promise beside its run's and its caller's. */
  async #work(): Promise<void> {
    do {
      const first = this.#first()
      const { item, signal, permit } = first.want
      const settle = first.leave() as Settle<R>
      this.#queued--
      permit?.[Symbol.dispose]()
      try {
        const value = await this.#start(item, signal)
        this.#running--
        settle.resolve(value)
      } catch (error) {
        this.#running--
        settle.reject(error)
      }
    } while (this.#queued > 0 && this.#running < this.#concurrency)
    this.#tellIfIdle()
  }

  #first(): Waiter<Job<T>, R> {
    let first: Waiter<Job<T>, R> | undefined
    for (let i = this.#levels.length - 1; i >= 0; i--) {
      const head = this.#levels[i]?.head
      if (head !== undefined && (first === undefined || head.want.key < first.want.key)) first = head
    }
    return first as Waiter<Job<T>, R>
  }

  #start(item: T, signal: AbortSignal | undefined): Promise<R> {
    this.#running++
    try {
      return signal === undefined ? this.#run(item, this.#aborting.signal) : this.#runLinked(item, signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async #runLinked(item: T, signal: AbortSignal): Promise<R> {
    const controller = new AbortController()
    const link = onAbort(signal, (reason) => controller.abort(reason))
    this.#linked.add(controller)
    try {
      return await this.#run(item, controller.signal)
    } finally {
      this.#linked.delete(controller)
      link[Symbol.dispose]()
    }
  }

  #end(): void {
    this.#running--
    this.#startNext()
    this.#tellIfIdle()
  }

  #tellIfIdle(): void {
    if (this.#isIdle) this.#idle.resolveAll(undefined)
  }
}
