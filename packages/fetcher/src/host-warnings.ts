import { type Clock, KeyedRateLimiter } from '@warren/async'

/** The part of a logger that is used here. */
interface WarningLog {
  warn(fields: object, message: string): void
}

/** Hosts of whom it is remembered how much was left out; the longest silent one is forgotten. */
const MAX_HOSTS = 1_000

/**
 * Warnings that a bad host can bring about without end: a line for each host key, kind and minute. The next one says in `leftOut` how
 * many there would have been.
 */
export class HostWarnings {
  readonly #logger: WarningLog
  readonly #lines: KeyedRateLimiter<string>
  readonly #leftOut = new Map<string, number>()

  constructor(logger: WarningLog, clock?: Clock) {
    this.#logger = logger
    this.#lines = new KeyedRateLimiter({ ratePerSecond: 1 / 60, burst: 1, clock })
  }

  /** `message` is the kind: always the same words. */
  warn(hostKey: string, message: string, fields: object): void {
    const key = `${hostKey} ${message}`
    const leftOut = this.#leftOut.get(key) ?? 0
    this.#leftOut.delete(key)
    if (this.#lines.tryTake(key).state === 'ok') this.#logger.warn({ hostKey, ...fields, ...(leftOut > 0 && { leftOut }) }, message)
    else this.#leaveOut(key, leftOut + 1)
  }

  #leaveOut(key: string, count: number): void {
    this.#leftOut.set(key, count)
    const oldest = this.#leftOut.keys().next()
    if (this.#leftOut.size > MAX_HOSTS && !oldest.done) this.#leftOut.delete(oldest.value)
  }
}
