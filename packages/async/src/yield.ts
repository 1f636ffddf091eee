import type { Waiting } from './abort.ts'
import { checkCount } from './check.ts'

/** Longest time that `chunked` pulls from its source in one turn: what a heartbeat or a health probe may be kept waiting. */
const TURN_MS = 10

/** Node's; browsers have none. */
declare const setImmediate: ((run: () => void) => void) | undefined

/** The next turn of the event loop, after all promises that can settle before it. */
export function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') {
      setImmediate(resolve)
      return
    }
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}

/**
 * A cancellation point in a long computation: lets timers and I/O run, then goes on.
 * Cancel safety: yes; the signal is looked at before and after.
 */
export async function yieldNow({ signal }: Waiting = {}): Promise<void> {
  signal?.throwIfAborted()
  await macrotask()
  signal?.throwIfAborted()
}

/**
 * The items in arrays of at most `size`, with a turn of the event loop between two of them. An array is cut short when
 * pulling its items from `source` took 10 ms; what the caller does with one is the caller's own turn.
 * Cancel safety: yes; the source is closed. Errors: RangeError for a size that is no integer >= 1.
 */
export async function* chunked<T>(source: Iterable<T>, size: number, { signal }: Waiting = {}): AsyncGenerator<T[], void, undefined> {
  signal?.throwIfAborted()
  checkCount('size', size, 1)
  let chunk: T[] = []
  let turnEnd = performance.now() + TURN_MS
  for (const item of source) {
    chunk.push(item)
    if (chunk.length < size && performance.now() < turnEnd) continue
    yield chunk
    chunk = []
    await yieldNow({ signal })
    turnEnd = performance.now() + TURN_MS
  }
  if (chunk.length > 0) yield chunk
}
