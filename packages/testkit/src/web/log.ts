/** One request as the server saw it. Times are milliseconds of the server's monotonic clock. */
export interface RequestRecord {
  /** Origin of the host that was asked: `http://127.0.0.1:34001`. */
  readonly host: string
  /** The server's address: hosts that share it are one server. */
  readonly address: string
  readonly path: string
  readonly method: string
  /** When the headers were read. */
  readonly startMs: number
  /** They may have arrived by so much earlier: the server was busy. */
  readonly lagMs: number
  /** When the last byte was handed over, or the connection cut; so start..end lies within what the client measured. */
  readonly endMs: number
  /** 0: cut without an answer, by the client or by a fault. */
  readonly status: number
  /** What the answer's Retry-After came to, in either form; 0 without one. */
  readonly retryAfterMs: number
  /** It had an If-None-Match or an If-Modified-Since. */
  readonly conditional: boolean
  readonly userAgent: string
  /** A number for each connection. */
  readonly connection: number
  /** The path was one that robots.txt forbids. */
  readonly disallowed: boolean
}

export const isRobots = (record: RequestRecord): boolean => /^\/robots[a-z0-9-]*\.txt$/.test(record.path)

/** Two requests to one host of which the second came too soon. */
export interface DelayViolation {
  readonly first: RequestRecord
  readonly second: RequestRecord
  readonly gapMs: number
}

/**
 * Pairs of consecutive request starts of one host that are less than the delay apart (a number, or one for each host).
 * The first of a pair may be seen late: by its `lagMs`, and by what its way to the server takes more than the second's, `toleranceMs` (default 25).
 */
export function checkDelays(
  log: readonly RequestRecord[],
  delayMs: number | ((host: string) => number),
  { toleranceMs = 25 }: { toleranceMs?: number } = {},
): DelayViolation[] {
  const found: DelayViolation[] = []
  for (const [host, records] of groups(log, 'host')) {
    const least = (typeof delayMs === 'number' ? delayMs : delayMs(host)) - toleranceMs
    records.forEach((second, i) => {
      const first = records[i - 1]
      if (first === undefined) return
      const gapMs = second.startMs - first.startMs
      if (gapMs < least - first.lagMs) found.push({ first, second, gapMs })
    })
  }
  return found
}

/** Hosts, or addresses, with more than `width` requests in flight at some moment, with the most that there were. Never a false alarm (see endMs). */
export function checkConcurrency(
  log: readonly RequestRecord[],
  width: number,
  { of = 'host' }: { of?: 'host' | 'address' } = {},
): { of: string; most: number }[] {
  const found: { of: string; most: number }[] = []
  for (const [name, records] of groups(log, of)) {
    const steps = records.flatMap(({ startMs, endMs }) => [
      { at: startMs, by: 1 },
      { at: endMs, by: -1 },
    ])
    steps.sort((a, b) => a.at - b.at || a.by - b.by) // an end at the same moment comes first
    let open = 0
    let most = 0
    for (const step of steps) {
      open += step.by
      most = Math.max(most, open)
    }
    if (most > width) found.push({ of: name, most })
  }
  return found
}

/** The window of an address in which the most requests too many started. */
export interface SpacingViolation {
  readonly address: string
  readonly first: RequestRecord
  readonly last: RequestRecord
  /** Starts from the first to the last, these two included. */
  readonly count: number
  readonly allowed: number
}

/**
 * Addresses on which the hosts together came more often than one request every `spacingMs`, on average over any window, with `burst` more
 * (1 at least: the window's first). The first of a window may be seen late, as in checkDelays. Cost: O(n log n).
 */
export function checkSpacing(
  log: readonly RequestRecord[],
  spacingMs: number,
  { burst, toleranceMs = 25 }: { burst: number; toleranceMs?: number },
): SpacingViolation[] {
  const found: SpacingViolation[] = []
  for (const [address, records] of groups(log, 'address')) {
    // The i-th start is ahead of an even spacing by i * spacingMs - startMs: the fullest window up to any start begins where that was least.
    let [from, leastMs] = [0, Number.POSITIVE_INFINITY]
    let worst: SpacingViolation | undefined
    for (const [i, last] of records.entries()) {
      const aheadMs = i * spacingMs - last.startMs + last.lagMs
      if (aheadMs < leastMs) [from, leastMs] = [i, aheadMs]
      const first = records[from] ?? last
      const count = i - from + 1
      const allowed = burst + (last.startMs - first.startMs + first.lagMs + toleranceMs) / spacingMs
      if (count - allowed > (worst === undefined ? 0 : worst.count - worst.allowed)) worst = { address, first, last, count, allowed }
    }
    if (worst !== undefined) found.push(worst)
  }
  return found
}

/**
 * Pairs of an answer with Retry-After and the host's next request that came before that time. Within `toleranceMs` of the answer a request
 * may have been on its way already.
 */
export function checkRetryAfter(log: readonly RequestRecord[], { toleranceMs = 25 }: { toleranceMs?: number } = {}): DelayViolation[] {
  const found: DelayViolation[] = []
  for (const records of groups(log, 'host').values()) {
    for (const first of records.filter(({ retryAfterMs }) => retryAfterMs > 0)) {
      const second = records.find(({ startMs }) => startMs > first.endMs + toleranceMs)
      const gapMs = (second?.startMs ?? Number.POSITIVE_INFINITY) - first.endMs
      if (second !== undefined && gapMs < first.retryAfterMs - toleranceMs) found.push({ first, second, gapMs })
    }
  }
  return found
}

const isRobotsTxt = (record: RequestRecord): boolean => record.path === '/robots.txt'

/** An answer from which a crawler can tell what it may fetch: neither 5xx nor 429, which mean wait. Source: RFC 9309, 2.3.1. */
const tellsRules = ({ status }: RequestRecord): boolean => status >= 200 && status < 500 && status !== 429

/**
 * Requests for pages that started before their host and port had answered for its robots.txt. An answer that redirects counts; what it leads
 * to is not looked at. Never a false alarm: an answer is noted before it leaves, a request not before it comes.
 */
export function checkRobotsFirst(log: readonly RequestRecord[]): RequestRecord[] {
  const found: RequestRecord[] = []
  for (const records of groups(log, 'host').values()) {
    const answers = records.filter((record) => isRobotsTxt(record) && tellsRules(record))
    const knownMs = Math.min(...answers.map(({ endMs }) => endMs))
    found.push(...records.filter((record) => !isRobots(record) && record.startMs < knownMs))
  }
  return found
}

/** Pairs of requests for the robots.txt of one host, the second within `ttlMs` of an answer that told the rules. Never a false alarm. */
export function checkRobotsFetches(log: readonly RequestRecord[], ttlMs: number): DelayViolation[] {
  const found: DelayViolation[] = []
  for (const records of groups(log.filter(isRobotsTxt), 'host').values()) {
    let answer: RequestRecord | undefined
    for (const second of records) {
      const gapMs = second.startMs - (answer?.endMs ?? Number.NEGATIVE_INFINITY)
      if (answer !== undefined && gapMs < ttlMs) found.push({ first: answer, second, gapMs })
      if (tellsRules(second)) answer = second
    }
  }
  return found
}

/** URLs that were answered whole more than once, robots.txt and retries after a fault aside. */
export function duplicates(log: readonly RequestRecord[]): { url: string; count: number }[] {
  const counts = new Map<string, number>()
  for (const record of log) {
    if (isRobots(record) || record.status === 0 || record.status === 429 || record.status >= 500) continue
    const url = record.host + record.path
    counts.set(url, (counts.get(url) ?? 0) + 1)
  }
  return [...counts].filter(([, count]) => count > 1).map(([url, count]) => ({ url, count }))
}

/** Requests that robots.txt forbids. */
export const disallowed = (log: readonly RequestRecord[]): RequestRecord[] => log.filter((record) => record.disallowed)

/** The URLs that were answered, robots.txt aside. */
export const answeredUrls = (log: readonly RequestRecord[]): Set<string> =>
  new Set(log.filter((record) => record.status !== 0 && !isRobots(record)).map((record) => record.host + record.path))

/** Records by host or address, each group in the order of starts. */
function groups(log: readonly RequestRecord[], of: 'host' | 'address'): Map<string, RequestRecord[]> {
  const grouped = Map.groupBy(log, (record) => record[of])
  for (const records of grouped.values()) records.sort((a, b) => a.startMs - b.startMs)
  return grouped
}
