import type { Waiting } from './abort.ts'
import { checkCount, checkMs } from './check.ts'
import { type Clock, sleep, systemClock } from './clock.ts'
import { withTimeout } from './timeout.ts'

export interface BackoffOptions {
  /** Upper end of the first wait; it doubles with each attempt. */
  readonly baseMs: number
  /** No wait is longer. */
  readonly maxMs: number
  /** Uniform in [0, 1). */
  readonly random?: (() => number) | undefined
}

export interface RetryOptions extends BackoffOptions, Waiting {
  /** Tries in all, the first included. Default: no limit. */
  readonly attempts?: number | undefined
  /** Time for everything, waits included. Default: no limit. */
  readonly deadlineMs?: number | undefined
  /** Whether another try may help. Default: always. */
  readonly retryable?: ((error: unknown) => boolean) | undefined
  /** The least wait that `error` asks for, as Retry-After does. */
  readonly retryAfterMs?: ((error: unknown) => number | undefined) | undefined
  /** Told before each wait, for logs and counters. */
  readonly onRetry?: ((error: unknown, next: { readonly attempt: number; readonly delayMs: number }) => void) | undefined
  readonly clock?: Clock | undefined
}

/** Keeps 0 * 2^n from becoming 0 * Infinity; no wait is doubled that often. */
const LARGEST_DOUBLING = 512

/**
 * Milliseconds to wait after failed attempt number `attempt` (from 1): exponential with full jitter, uniform in
 * [0, min(maxMs, baseMs * 2^(attempt - 1))).
 * Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
 */
export function backoffMs(attempt: number, { baseMs, maxMs, random = Math.random }: BackoffOptions): number {
  checkCount('attempt', attempt, 1)
  checkMs('baseMs', baseMs)
  checkMs('maxMs', maxMs)
  return random() * Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, LARGEST_DOUBLING))
}

/**
 * Calls `fn` until it succeeds. Its signal aborts with the caller's and at the deadline.
 * Cancel safety: as `fn`'s own; a cancellation is never retried.
 * Errors: the last error of `fn`, when it is not retryable, the attempts are spent, or the wait would pass the deadline;
 * DOMException 'TimeoutError' when the deadline cuts an attempt; `signal.reason`.
 */
export async function retry<T>(fn: (signal: AbortSignal, attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { signal, clock = systemClock, deadlineMs, attempts } = options
  signal?.throwIfAborted()
  if (attempts !== undefined) checkCount('attempts', attempts, 1)
  if (deadlineMs === undefined) return tries(fn, options, signal ?? new AbortController().signal, Number.POSITIVE_INFINITY)
  const deadline = clock.now() + deadlineMs
  return withTimeout(deadlineMs, (cut) => tries(fn, options, cut, deadline), { signal, clock })
}

async function tries<T>(
  fn: (signal: AbortSignal, attempt: number) => Promise<T>,
  options: RetryOptions,
  signal: AbortSignal,
  deadline: number,
): Promise<T> {
  const { attempts = Number.POSITIVE_INFINITY, retryable = () => true, clock = systemClock } = options
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn(signal, attempt)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (attempt >= attempts || !retryable(error)) throw error
      const delayMs = Math.max(backoffMs(attempt, options), options.retryAfterMs?.(error) ?? 0)
      if (clock.now() + delayMs >= deadline) throw error
      options.onRetry?.(error, { attempt, delayMs })
      await sleep(delayMs, { signal, clock })
    }
  }
}
