import type { Waiting } from './abort.ts'
import { checkCount, checkMs } from './check.ts'
import { type Clock, sleep, systemClock } from './clock.ts'
import type { RetryBudget } from './retry-budget.ts'
import { withTimeout } from './timeout.ts'

export interface BackoffOptions {
  /** Upper end of the first wait; it doubles with each attempt. */
  readonly baseMs: number
  /** No wait is longer. */
  readonly maxMs: number
  /** Uniform in [0, 1). */
  readonly random?: (() => number) | undefined
}

/** `E`: the errors that are retried, known when `retryable` is a type guard. */
export interface RetryOptions<E = unknown> extends BackoffOptions, Waiting {
  /** Tries in all, the first included. Default: no limit. */
  readonly attempts?: number | undefined
  /** Time for everything, waits included. Default: no limit. */
  readonly deadlineMs?: number | undefined
  /** Shared with other calls: when it is spent, the error is thrown instead of another try. Default: no limit. */
  readonly budget?: RetryBudget | undefined
  /** Whether another try may help. Default: always. A type guard, as `(error) => error instanceof Busy` is one, types the hooks' errors. */
  readonly retryable?: ((error: unknown) => boolean) | undefined
  /** The least wait that `error` asks for, as Retry-After does. */
  readonly retryAfterMs?: ((error: E) => number | undefined) | undefined
  /** Told before each wait, for logs and counters. */
  readonly onRetry?: ((error: E, next: { readonly attempt: number; readonly delayMs: number }) => void) | undefined
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
 * Errors: the last error of `fn`, when it is not retryable, attempts or budget are spent, or the wait would pass the deadline;
 * DOMException 'TimeoutError' when the deadline cuts an attempt; `signal.reason`.
 */
export function retry<T, E>(
  fn: (signal: AbortSignal, attempt: number) => Promise<T>,
  options: RetryOptions<E> & { readonly retryable: (error: unknown) => error is E },
): Promise<T>
export function retry<T>(fn: (signal: AbortSignal, attempt: number) => Promise<T>, options: RetryOptions): Promise<T>
export function retry<T>(fn: (signal: AbortSignal, attempt: number) => Promise<T>, options: RetryOptions<never>): Promise<T> {
  const { signal, clock = systemClock, deadlineMs } = options
  if (deadlineMs === undefined) return tries(fn, options, signal ?? new AbortController().signal, Number.POSITIVE_INFINITY)
  return withTimeout(deadlineMs, (cut) => tries(fn, options, cut, clock.now() + deadlineMs), { signal, clock })
}

async function tries<T>(
  fn: (signal: AbortSignal, attempt: number) => Promise<T>,
  options: RetryOptions<never>,
  signal: AbortSignal,
  deadline: number,
): Promise<T> {
  signal.throwIfAborted()
  const { attempts = Number.POSITIVE_INFINITY, clock = systemClock, budget } = options
  if (options.attempts !== undefined) checkCount('attempts', attempts, 1)
  budget?.deposit()
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn(signal, attempt)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (attempt >= attempts || options.retryable?.(error) === false) throw error
      const delayMs = Math.max(backoffMs(attempt, options), options.retryAfterMs?.(error as never) ?? 0)
      if (clock.now() + delayMs >= deadline || budget?.tryWithdraw() === false) throw error
      options.onRetry?.(error as never, { attempt, delayMs })
      await sleep(delayMs, { signal, clock })
    }
  }
}
