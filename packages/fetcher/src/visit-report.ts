import type { HostReport, UnreachableCode } from '@warren/protocol'
import type { Exchanged } from './exchange.ts'

/** No answer so many times from the start of a visit: the host is as good as unreachable, whatever each of them died of. */
const MUTE_AFTER = 3
/** The host asked for less; the stretch never waits longer than this on its own account. */
const MAX_STRETCH_MS = 30_000
/** At most half of the host's time is ours. */
const STRETCH = 2

const UNREACHABLE_HOST: ReadonlySet<UnreachableCode> = new Set([
  'dns-not-found',
  'dns-failed',
  'connect-refused',
  'connect-timeout',
  'connect-failed',
  'tls',
])

/** What a visit learns about its host while it runs. */
export class VisitReport {
  #requests = 0
  #good = 0
  #goodMs = 0
  #failures = 0
  #latencyMs = 0
  #throttled: HostReport['throttled'] = null
  #unreachable: UnreachableCode | null = null
  #answered = false
  #addressGroup: string | null = null

  requested(): void {
    this.#requests++
  }

  /** null is no news. */
  ledTo(addressGroup: string | null): void {
    this.#addressGroup = addressGroup ?? this.#addressGroup
  }

  /** The name cannot be resolved. */
  unresolved(code: UnreachableCode): void {
    this.#unreachable = code
  }

  /** Counts an exchange; a text when the visit has to end because of it. */
  take({ result, exchangeMs }: Exchanged): 'throttled' | 'unreachable' | undefined {
    switch (result.kind) {
      case 'answer': {
        const { status, retryAfterMs, totalMs } = result
        // An error page comes fast; it must not make the pace faster than the host's own work did.
        if (status < 400) {
          this.#good++
          this.#goodMs += totalMs
          this.#latencyMs = totalMs
        } else this.#latencyMs = Math.max(this.#latencyMs, totalMs)
        if (status < 500 && status !== 429) this.#answered = true
        if (status !== 429 && status !== 503) return undefined
        this.#throttled = { status, retryAfterMs }
        return 'throttled'
      }
      case 'unreachable':
        this.#latencyMs = Math.max(this.#latencyMs, exchangeMs)
        this.#failures++
        if (!UNREACHABLE_HOST.has(result.code) && (this.#answered || this.#failures < MUTE_AFTER)) return undefined
        this.#unreachable = result.code
        return 'unreachable'
      case 'denied':
        return undefined
    }
  }

  /**
   * Least time between two starts: the delay, stretched to twice the time of the last exchange, at most to 30 s. An error (4xx, 5xx, no
   * answer) can only make it longer. Without a delay the width alone limits.
   */
  intervalMs(delayMs: number): number {
    return delayMs === 0 ? 0 : Math.max(delayMs, Math.min(STRETCH * this.#latencyMs, MAX_STRETCH_MS))
  }

  toReport(): HostReport {
    return {
      requests: this.#requests,
      meanExchangeMs: this.#good === 0 ? null : this.#goodMs / this.#good, // of no error: the next visit's pace is made of it
      throttled: this.#throttled,
      unreachable: this.#unreachable,
      answered: this.#answered,
      addressGroup: this.#addressGroup,
    }
  }
}
