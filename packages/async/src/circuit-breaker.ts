import type { Waiting } from './abort.ts'
import { checkCount, checkMs, checkPositive } from './check.ts'
import { type Clock, systemClock } from './clock.ts'
import { backoffMs } from './retry.ts'
import { StateMachine, type StateOf, type StepOf } from './state-machine.ts'

/** The life of a circuit breaker. */
export const breakerSteps = {
  closed: { trip: 'open' },
  open: { probe: 'half-open' },
  'half-open': { recover: 'closed', relapse: 'open' },
} as const

export type BreakerState = StateOf<typeof breakerSteps>
/** A change of state. `trip` and `relapse` carry the failure behind them and how long the breaker stays open. */
export type BreakerStep = StepOf<typeof breakerSteps, BreakerPayloads>

interface Opening {
  readonly error: unknown
  readonly openMs: number
}

interface BreakerPayloads {
  readonly trip: Opening
  readonly relapse: Opening
}

export interface CircuitBreakerOptions {
  /** The breaker looks at that many calls, the latest. Default 20. */
  readonly window?: number | undefined
  /** It trips when that share of them are failures, in (0, 1]. Default 0.5. */
  readonly failureShare?: number | undefined
  /** It does not judge by fewer calls than that. Default: half the window. With `window` the same and share 1: failures in a row. */
  readonly minCalls?: number | undefined
  /** How long it stays open after a trip; doubled with each relapse. Jitter makes it shorter, by half at most. */
  readonly openMs: number
  /** It never stays open longer. */
  readonly maxOpenMs: number
  /** Calls that must succeed, and so calls let through, before it closes again. Default 1. */
  readonly probes?: number | undefined
  /** Whether an error speaks against the service; one that does not counts as a success, since the service did answer. Default: all do. */
  readonly isFailure?: ((error: unknown) => boolean) | undefined
  readonly clock?: Clock | undefined
  /** Uniform in [0, 1). */
  readonly random?: (() => number) | undefined
}

/** The breaker is open, or as many probes as allowed are under way. The call was not made. */
export class CircuitOpenError extends Error {
  override readonly name = 'CircuitOpenError'
  /** Before that a call is in vain; 0 while it depends on probes under way. For `retry`'s `retryAfterMs`. */
  readonly retryInMs: number

  constructor(retryInMs: number) {
    super(`Cannot call: the circuit is open, ${retryInMs > 0 ? `for another ${Math.ceil(retryInMs)} ms` : 'until its probes come back'}`)
    this.retryInMs = retryInMs
  }
}

/**
 * Keeps calls from a service that fails: closed, it lets them through and counts; open, it refuses; half-open, it lets a few
 * through and closes when all of them succeed, or opens for longer at the first failure. It has no timer: open becomes
 * half-open with the first call after its time.
 * Invariant: no call starts while it is open; in half-open at most `probes` are in flight or have succeeded. A call that ends
 * after the state has changed since its start counts no more. A call whose signal has aborted and that fails never counts.
 * Cost: O(1) a call, one byte for each call of the window.
 */
export class CircuitBreaker {
  readonly #clock: Clock
  readonly #machine = new StateMachine<typeof breakerSteps, BreakerPayloads>(breakerSteps, 'closed')
  readonly #recent: Recent
  readonly #probes: number
  readonly #isFailure: (error: unknown) => boolean
  /** How long to stay open, the n-th time in a row. */
  readonly #openMs: (n: number) => number
  #openUntil = 0
  #openings = 0
  /** Counts the changes of state: a call that began in another era is late. */
  #era = 0
  #inFlight = 0
  #succeeded = 0

  /** Errors: RangeError for bad numbers. */
  constructor(options: CircuitBreakerOptions) {
    const { window = 20, failureShare = 0.5, minCalls = Math.ceil(window / 2), openMs, maxOpenMs, probes = 1 } = options
    const { isFailure = () => true, clock = systemClock, random = Math.random } = options
    checkCount('window', window, 1)
    checkPositive('failureShare', failureShare)
    if (failureShare > 1) throw new RangeError(`Cannot use failureShare: ${failureShare} is not a number <= 1`)
    checkCount('minCalls', minCalls, 1)
    if (minCalls > window) throw new RangeError(`Cannot use minCalls: ${minCalls} is not an integer <= ${window}, the window`)
    checkMs('openMs', openMs)
    checkMs('maxOpenMs', maxOpenMs)
    checkCount('probes', probes, 1)
    this.#clock = clock
    this.#recent = new Recent(window, minCalls, failureShare)
    this.#probes = probes
    this.#isFailure = isFailure
    this.#openMs = (n) => backoffMs(n, { baseMs: openMs, maxMs: maxOpenMs, random: () => (1 + random()) / 2 })
  }

  get state(): BreakerState {
    return this.#machine.state
  }

  /**
   * Calls `fn` unless the circuit is open.
   * Cancel safety: as `fn`'s own; `signal` is looked at first, and tells a cancellation from a failure: give it to both.
   * Errors: `fn`'s own, CircuitOpenError, `signal.reason`.
   */
  run<T>(fn: () => Promise<T>, { signal }: Waiting = {}): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.state === 'open') {
      const retryInMs = this.#openUntil - this.#clock.now()
      if (retryInMs > 0) return Promise.reject(new CircuitOpenError(retryInMs))
      this.#startEra()
      this.#machine.step('probe')
    }
    if (this.state === 'half-open' && this.#inFlight + this.#succeeded >= this.#probes) return Promise.reject(new CircuitOpenError(0))
    return this.#call(fn, signal)
  }

  /** Tells `observer` of every change until it is disposed. It runs within the call that makes the change, and must not throw. */
  onChange(observer: (step: BreakerStep) => void): Disposable {
    return this.#machine.onStep(observer)
  }

  async #call<T>(fn: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const era = this.#era
    this.#inFlight++
    try {
      const value = await fn()
      if (era === this.#era) this.#succeed()
      return value
    } catch (error) {
      if (era === this.#era && !signal?.aborted) this.#isFailure(error) ? this.#fail(error) : this.#succeed()
      throw error
    } finally {
      if (era === this.#era) this.#inFlight--
    }
  }

  #succeed(): void {
    if (this.state === 'closed') this.#recent.add(false)
    else if (++this.#succeeded === this.#probes) {
      this.#openings = 0
      this.#recent.clear()
      this.#startEra()
      this.#machine.step('recover')
    }
  }

  #fail(error: unknown): void {
    const event = this.state === 'closed' ? 'trip' : 'relapse'
    if (event === 'trip') {
      this.#recent.add(true)
      if (!this.#recent.areBad) return
    }
    const openMs = this.#openMs(++this.#openings)
    this.#openUntil = this.#clock.now() + openMs
    this.#startEra()
    this.#machine.step(event, { error, openMs })
  }

  /** Before the step, so that its observers find all in order. */
  #startEra(): void {
    this.#era++
    this.#inFlight = 0
    this.#succeeded = 0
  }
}

/** How the latest calls ended. */
class Recent {
  readonly #failed: Uint8Array
  readonly #minCalls: number
  readonly #failureShare: number
  #count = 0
  #failures = 0
  #next = 0

  constructor(window: number, minCalls: number, failureShare: number) {
    this.#failed = new Uint8Array(window)
    this.#minCalls = minCalls
    this.#failureShare = failureShare
  }

  get areBad(): boolean {
    return this.#count >= this.#minCalls && this.#failures >= this.#failureShare * this.#count
  }

  add(failed: boolean): void {
    this.#failures += Number(failed) - (this.#failed[this.#next] as number)
    this.#failed[this.#next] = Number(failed)
    this.#next = (this.#next + 1) % this.#failed.length
    this.#count = Math.min(this.#count + 1, this.#failed.length)
  }

  clear(): void {
    this.#failed.fill(0)
    this.#count = 0
    this.#failures = 0
  }
}
