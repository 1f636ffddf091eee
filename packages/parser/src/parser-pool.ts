import { err, interval, ok, type Result, select, TaskTracker, yieldNow } from '@warren/async'
import { CrawlError, type PageFacts } from '@warren/protocol'
import type { PageInput } from './parse-page.ts'
import { type Parsed, ParserThread, type ThreadEnd } from './parser-thread.ts'

/** Pages that are handed to a thread before it asks, so that it never waits for this thread's event loop. */
const PIPELINE = 4
const CHECK_MS = 100
/** A page may cost a thread this often before it is given up. */
const MAX_TRIES = 2

/** What a page did to its thread. */
export type PageFault = NonNullable<PageFacts['parseError']>

export interface PoolOptions {
  readonly threads: number
  /** Time limit of one page, from the moment its thread turns to it. */
  readonly pageMs: number
  /** Heap limit of a thread, in MiB. */
  readonly heapMb: number
  /** A page has ended its thread, for the first or the second time. */
  readonly onFault?: (fault: PageFault, page: PageInput, tries: number) => void
  /** Another worker file; tests use it. */
  readonly file?: URL
}

interface Job {
  readonly id: number
  readonly page: PageInput
  readonly resolve: (result: Result<Parsed, PageFault>) => void
  readonly reject: (reason: unknown) => void
  tries: number
}

interface Slot {
  thread: ParserThread
  ready: boolean
  /** In the order of the requests; the first is being parsed. */
  jobs: Job[]
  /** When the first job became the first. */
  headSince: number
  /** The head ran out of time and the thread is being ended. */
  timedOut: boolean
}

/**
 * Worker threads that parse pages. A page that hangs, exhausts the heap or crashes costs its thread only: the thread is replaced, the pages
 * that waited behind it go on, and the page itself is tried once more. So every `parse` ends, at the latest after twice the time limit
 * on top of the pages in front of it.
 * Order: FIFO to start; results come as they are ready.
 */
export class ParserPool implements AsyncDisposable {
  readonly #options: PoolOptions
  readonly #waiting: Job[] = []
  readonly #slots: Slot[] = []
  /** The look at the time limits, and the ends of threads. */
  readonly #background = new TaskTracker({ onError: crash })
  readonly #closing = new AbortController()
  #lastId = 0

  constructor(options: PoolOptions) {
    this.#options = options
    for (let i = 0; i < options.threads; i++) this.#slots.push(this.#start())
    this.#background.track(() => this.#enforceLimits())
  }

  /**
   * An error of the result is a fault of the page. Errors: ERR_SERVICE_START when threads cannot start; the reason of `stop`.
   * Cancel safety: the page is read again from its start by whoever asks again; it is never changed.
   */
  parse(page: PageInput): Promise<Result<Parsed, PageFault>> {
    const { signal } = this.#closing
    if (signal.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id: ++this.#lastId, page, resolve, reject, tries: 0 })
      this.#feed()
    })
  }

  /** Ends all threads at once; what is being parsed rejects with `reason`. */
  async stop(reason: unknown): Promise<void> {
    this.#close(reason)
    await this.#background.idle()
  }

  /** As `stop`. Whoever wants the results awaits them before. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(new DOMException('The parser pool is closed', 'AbortError'))
  }

  #close(reason: unknown): void {
    if (this.#closing.signal.aborted) return
    this.#closing.abort(reason)
    for (const job of this.#waiting.splice(0)) job.reject(reason)
    for (const slot of this.#slots) {
      for (const job of slot.jobs.splice(0)) job.reject(reason)
      this.#background.track(slot.thread.stop())
    }
  }

  #start(): Slot {
    const slot: Omit<Slot, 'thread'> = { ready: false, jobs: [], headSince: 0, timedOut: false }
    const thread = new ParserThread(this.#options, {
      ready: () => {
        slot.ready = true
        this.#feed()
      },
      parsed: (id, parsed) => {
        if (slot.jobs[0]?.id !== id) return // stopped meanwhile
        const job = slot.jobs.shift()
        slot.headSince = performance.now()
        this.#feed()
        job?.resolve(ok(parsed))
      },
      ended: (end) => this.#ended(whole, end),
    })
    const whole: Slot = Object.assign(slot, { thread })
    return whole
  }

  /** Hands waiting pages to the thread with the fewest, as long as one has room. */
  #feed(): void {
    while (this.#waiting.length > 0) {
      let best: Slot | undefined
      for (const slot of this.#slots) {
        if (slot.ready && !slot.timedOut && slot.jobs.length < (best?.jobs.length ?? PIPELINE)) best = slot
      }
      const job = best && this.#waiting.shift()
      if (best === undefined || job === undefined) return
      if (best.jobs.push(job) === 1) best.headSince = performance.now()
      // One copy, which then moves: the original is needed for a second try, and often lies in a buffer shared with other messages.
      best.thread.send(job.id, { ...job.page, body: new Uint8Array(job.page.body) })
    }
  }

  /** Ends the threads whose page has used up its time, until the pool is closed. */
  async #enforceLimits(): Promise<void> {
    const tick = interval({ everyMs: CHECK_MS, missed: 'delay' })
    for (;;) {
      const next = await select({ closing: this.#closing.signal, tick })
      if (next.branch === 'closing') return
      const late = this.#slots.flatMap((slot) => {
        const head = slot.jobs[0]
        const isLate = head !== undefined && !slot.timedOut && performance.now() - slot.headSince >= this.#options.pageMs
        return isLate ? [{ slot, head }] : []
      })
      if (late.length === 0) continue
      await yieldNow() // if it was this thread that stood still, the answer is already here: let it in first
      if (this.#closing.signal.aborted) return
      for (const { slot, head } of late) {
        if (slot.jobs[0] !== head) continue
        slot.timedOut = true
        this.#background.track(slot.thread.stop())
      }
    }
  }

  #ended(slot: Slot, end: ThreadEnd): void {
    if (this.#closing.signal.aborted) return
    if (end.kind === 'start') {
      const why = end.error?.message ?? 'it ended at once'
      this.#close(new CrawlError('ERR_SERVICE_START', `Cannot start a parser thread: ${why}`, { cause: end.error }))
      return
    }
    const [head, ...behind] = slot.jobs
    this.#slots[this.#slots.indexOf(slot)] = this.#start()
    this.#waiting.unshift(...behind)
    if (head !== undefined) this.#blame(head, slot.timedOut ? 'timeout' : end.kind === 'memory' ? 'memory' : 'crash')
  }

  #blame(job: Job, fault: PageFault): void {
    job.tries++
    this.#options.onFault?.(fault, job.page, job.tries)
    if (job.tries < MAX_TRIES) this.#waiting.unshift(job)
    else job.resolve(err(fault))
  }
}

/** A bug: a thread can always be ended. It ends the process, as an error that nobody catches does. */
function crash(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}
