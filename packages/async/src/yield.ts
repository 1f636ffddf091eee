import { onAbort, type Waiting } from './abort.ts'
import { checkCount } from './check.ts'
import { Input, type Source } from './input.ts'
import { WaitQueue } from './wait-queue.ts'

/**
 * What one turn of the event loop may take, of all loops of the process that ask: a heartbeat or a health probe waits this
 * long, and the time of the step that crossed the line.
 */
const TURN_MS = 5

/** Node's; browsers have none. Looked up once: a test that fakes timers later does not stop the event loop. */
const { setImmediate } = globalThis as { readonly setImmediate?: (run: () => void) => void }

/** Calls `run` in the next turn of the event loop, after all promises that can settle before it. */
function inNextTurn(run: () => void): void {
  if (setImmediate !== undefined) {
    setImmediate(run)
    return
  }
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    port1.close()
    run()
  }
  port2.postMessage(undefined)
}

/** The next turn of the event loop. */
export const macrotask = (): Promise<void> => new Promise(inNextTurn)

/**
 * A cancellation point in a long computation: lets timers and I/O run, then goes on.
 * Cancel safety: yes; the signal is looked at before and after.
 */
export async function yieldNow({ signal }: Waiting = {}): Promise<void> {
  signal?.throwIfAborted()
  await macrotask()
  signal?.throwIfAborted()
}

/** The turn that the event loop is in, since somebody asked first, and those who wait for another one. */
class Turn {
  #startedAt: number | undefined
  readonly #waiting = new WaitQueue<undefined, void>()
  readonly #end = () => {
    this.#startedAt = undefined
    if (this.#waiting.head === undefined) return
    this.#start(performance.now())
    this.#waiting.head.resolve()
  }

  get isOver(): boolean {
    const now = performance.now()
    return now - (this.#startedAt ?? this.#start(now)) >= TURN_MS
  }

  wait(signal: AbortSignal | undefined): Promise<void> {
    return this.#waiting.wait(undefined, signal)
  }

  #start(now: number): number {
    this.#startedAt = now
    inNextTurn(this.#end)
    return now
  }
}

let turn: Turn | undefined

/** One for the process: loops that know nothing of each other share it. */
function sharedTurn(): Turn {
  turn ??= new Turn()
  return turn
}

/**
 * A cancellation point that costs next to nothing: undefined while this turn of the event loop has lasted less than 5 ms, and
 * only then a promise: `const due = yieldIfDue({ signal })`, `if (due !== undefined) await due`. All loops of the process share
 * the turn, so many side by side hold up the event loop no longer than one.
 * Order/fairness: FIFO; each new turn goes to whoever has waited longest. Cancel safety: yes. Errors: `signal.reason`.
 * Cost: a look at the clock, and one macrotask for each turn in which somebody asks.
 */
export function yieldIfDue({ signal }: Waiting = {}): Promise<void> | undefined {
  if (signal?.aborted) return Promise.reject(signal.reason)
  const turn = sharedTurn()
  return turn.isOver ? turn.wait(signal) : undefined
}

/**
 * The items in arrays of at most `size`, for work that must not hold up the event loop: it yields between two arrays when the
 * turn is over (as `yieldIfDue`), and cuts an array short when the turn is over before it is full. So the event loop is never
 * held longer than 10 ms, as long as the work on one array and the pull of one item take less than 5 ms together; loops side
 * by side share the turn, and each adds the array that it has in hand.
 * Cancel safety: yes; the source is closed, a pending `next()` that its `return()` does not end is left behind.
 * Errors: `signal.reason`; those of the source; RangeError for a size that is no integer >= 1.
 */
export async function* chunked<T>(source: Source<T>, size: number, { signal }: Waiting = {}): AsyncGenerator<T[], void, undefined> {
  signal?.throwIfAborted()
  checkCount('size', size, 1)
  const input = new Input(source)
  const link = onAbort(signal, (reason) => input.leave(reason))
  const turn = sharedTurn()
  let isFailing = false
  try {
    while (!input.isExhausted) {
      if (turn.isOver) await turn.wait(signal)
      signal?.throwIfAborted()
      const chunk: T[] = []
      do {
        const next = input.isAsync ? await input.pullAsync() : input.pull()
        if (next.done !== true) chunk.push(next.value)
      } while (chunk.length < size && !input.isExhausted && !turn.isOver)
      if (chunk.length > 0) yield chunk
    }
  } catch (error) {
    isFailing = true
    throw error
  } finally {
    link[Symbol.dispose]()
    input.leave()
    await input.left().catch((error) => {
      if (!isFailing) throw error
    })
  }
}
