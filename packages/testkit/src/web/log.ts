/** One request as the server saw it. Times are milliseconds of the server's monotonic clock. */
export interface RequestRecord {
  /** Origin of the host that was asked: `http://127.0.0.1:34001`. */
  readonly host: string
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
  readonly userAgent: string
  /** A number for each connection. */
  readonly connection: number
  /** The path was one that robots.txt forbids. */
  readonly disallowed: boolean
}

export const isRobots = (record: RequestRecord): boolean => /^\/robots[a-z0-9-]*\.txt$/.test(record.path)

/** Two requests of one host that came too close together. */
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
  for (const [host, records] of byHost(log)) {
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

/** Hosts with more than `width` requests in flight at some moment, with the most that there were. Never a false alarm (see endMs). */
export function checkConcurrency(log: readonly RequestRecord[], width: number): { host: string; most: number }[] {
  const found: { host: string; most: number }[] = []
  for (const [host, records] of byHost(log)) {
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
    if (most > width) found.push({ host, most })
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

function byHost(log: readonly RequestRecord[]): Map<string, RequestRecord[]> {
  const hosts = new Map<string, RequestRecord[]>()
  for (const record of log) {
    const records = hosts.get(record.host)
    if (records === undefined) hosts.set(record.host, [record])
    else records.push(record)
  }
  for (const records of hosts.values()) records.sort((a, b) => a.startMs - b.startMs)
  return hosts
}
