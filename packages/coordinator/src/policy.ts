import { backoffMs } from '@warren/async'
import type { Fate, Trouble } from '@warren/frontier'
import type { Answer, CrawlConfig, FetchResult, HostReport, PageFacts, RobotsOutcome, UnreachableCode, VisitEnd } from '@warren/protocol'
import { type CanonicalUrl, canonicalize, type HostKey, hostKeyOf, parseRobots } from '@warren/web'
import type { CoordinatorConfig } from './config.ts'

/** Everything here is a pure function of an outcome: what it means for the URL, and what for its host. */

/** A fate without the links that a page brings; those are admission's. */
type UrlFate = Exclude<Fate, { kind: 'done' }>

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Least time a robots.txt is kept, whatever its max-age says, so that a visit is not always preceded by a robots visit. */
const ROBOTS_TTL_MIN_MS = 5 * MINUTE
/** While a good copy stands in for a robots.txt that is out of reach: how soon it is asked for again. */
const ROBOTS_RETRY_MS = 5 * MINUTE
/** Source: RFC 9309, 2.4: a cached robots.txt should not be used for more than 24 hours. */
const ROBOTS_TTL_MAX_MS = DAY
/** A slow host stretches its own pace by no more than this between two visits; the fetcher stretches within them. */
const MAX_STRETCH_MS = 15 * SECOND
/** Source: RFC 9309, 2.3.1.2: at least five consecutive redirects are followed. */
const ROBOTS_HOPS_MAX = 5

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** The host as a whole is in trouble: it moves, and the URL that met it loses no attempt. */
const HOST_LEVEL = {
  'dns-not-found': true,
  'dns-failed': true,
  'connect-refused': true,
  'connect-timeout': true,
  'connect-failed': true,
  tls: true,
  'headers-timeout': false,
  'exchange-timeout': false,
  reset: false,
  protocol: false,
  decode: false,
} as const satisfies Record<UnreachableCode, boolean>

export const isThrottle = (status: number): boolean => status === 429 || status === 503
const isRetriable = (status: number): boolean => status >= 500 || status === 408 || status === 425

export interface FateOptions {
  /** Number of this try, from 1. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly retryBaseMs: number
  readonly retryMaxMs: number
  readonly random: () => number
}

/** What a fetch result means for its URL; a URL that ends as `done` gets its facts from the caller. */
export function fateOf(
  result: FetchResult,
  facts: PageFacts | null,
  options: FateOptions,
): UrlFate | { kind: 'done'; result: Answer; facts: PageFacts | null } {
  const retry = (code: string, detail: string): UrlFate =>
    options.attempt < options.maxAttempts
      ? {
          kind: 'retry',
          code,
          afterMs: Math.round(
            backoffMs(options.attempt, { baseMs: options.retryBaseMs, maxMs: options.retryMaxMs, random: options.random }),
          ),
        }
      : { kind: 'failed', code, detail }
  switch (result.kind) {
    case 'answer':
      if (isThrottle(result.status)) return { kind: 'release' } // the host moves, the URL's attempts stay
      if (isRetriable(result.status)) return retry(`http-${result.status}`, `${options.attempt} attempts`)
      if (isBroken(result) && options.attempt < options.maxAttempts) return retry(`truncated-${result.truncated}`, '')
      return { kind: 'done', result, facts }
    case 'denied':
      return { kind: 'excluded', rule: result.by, detail: result.address }
    case 'unreachable':
      return HOST_LEVEL[result.code] ? { kind: 'release' } : retry(result.code, result.detail)
    default:
      return result satisfies never
  }
}

/** The body ended early by the site's doing, not by a limit of ours: another try may bring all of it. */
const isBroken = (answer: Answer): boolean => answer.truncated === 'reset' || answer.truncated === 'exchange-timeout'

/** When a visit's host may be visited again, from its end; a Crawl-delay that is longer is the frontier's to add. */
export function nextInMs({ ending, report }: Pick<VisitEnd, 'ending' | 'report'>, delayMs: number, visitRunMs: number): number {
  // It may still be running where it was delivered first: its run time must be over before the next one starts.
  if (ending === 'abandoned') return delayMs + visitRunMs
  if (report.requests === 0) return 0 // given back untouched: the pace it was due by still holds
  return stretched(delayMs, report)
}

/** A visit of one URL is followed by the host's own time too: at most half of it is ours. Without a delay the width alone limits. */
const stretched = (delayMs: number, { meanExchangeMs }: Pick<HostReport, 'meanExchangeMs'>): number =>
  delayMs === 0 ? 0 : Math.max(delayMs, Math.min(meanExchangeMs ?? 0, MAX_STRETCH_MS))

/** As `nextInMs`, after robots.txt. */
export const nextAfterRobotsMs = (report: HostReport, delayMs: number): number => stretched(delayMs, report)

/** The canonical target of a redirect; undefined for every other answer and for a Location that leads nowhere. */
export function redirectTarget(answer: Answer): CanonicalUrl | undefined {
  return REDIRECTS.has(answer.status) && answer.location !== null ? canonicalize(answer.location) : undefined
}

/** How long hosts in trouble are left alone; the settings of coordinatorConfig. */
export type HostBackOff = Pick<CoordinatorConfig, 'HOST_RETRY_BASE_MS' | 'HOST_RETRY_MAX_MS' | 'THROTTLE_BASE_MS' | 'THROTTLE_MAX_MS'> & {
  readonly random: () => number
}

/** What a visit's report means for its host; null: nothing is wrong. */
export function troubleOf(report: HostReport, backOff: HostBackOff): Trouble | null {
  const jitter = 0.5 + backOff.random() / 2
  const unreachable = { baseMs: backOff.HOST_RETRY_BASE_MS, maxMs: backOff.HOST_RETRY_MAX_MS, floorMs: 0, jitter, throttled: false }
  if (report.throttled !== null)
    return {
      kind: 'refusing',
      code: `http-${report.throttled.status}`,
      // A stated Retry-After replaces our own doubling: the site said when.
      baseMs: report.throttled.retryAfterMs === null ? backOff.THROTTLE_BASE_MS : 0,
      maxMs: backOff.THROTTLE_MAX_MS,
      floorMs: Math.min(report.throttled.retryAfterMs ?? 0, backOff.THROTTLE_MAX_MS),
      jitter,
      throttled: true,
    }
  if (report.unreachable !== null) return { kind: 'unreachable', code: report.unreachable, ...unreachable }
  if (report.requests > 0 && !report.answered) return { kind: 'refusing', code: 'no-usable-answer', ...unreachable }
  return null
}

/** As `troubleOf`, for the host whose robots.txt was asked for: without an answer for it nothing of the host is fetched. */
export function robotsTroubleOf(verdict: RobotsVerdict, report: HostReport, backOff: HostBackOff): Trouble | null {
  // Any failing answer is read as one that was no use: it is robots.txt that was refused.
  return (
    troubleOf(report, backOff) ?? (verdict.kind === 'unreachable' ? troubleOf({ ...report, requests: 1, answered: false }, backOff) : null)
  )
}

export type RobotsVerdict =
  | { kind: 'rules'; body: Uint8Array; ttlMs: number; crawlDelayMs: number | null }
  | { kind: 'allow-all'; ttlMs: number }
  | { kind: 'unreachable'; retryMs: number }
  | { kind: 'hop'; url: CanonicalUrl; hostKey: HostKey; hop: number }

/** What the answer for a robots.txt means for the host that asked. Source: RFC 9309, 2.3.1; 429 waits (ours). */
export function robotsVerdict(outcome: RobotsOutcome, productToken: string): RobotsVerdict {
  const { result } = outcome
  const unreachable: RobotsVerdict = { kind: 'unreachable', retryMs: ROBOTS_RETRY_MS }
  const unavailable: RobotsVerdict = { kind: 'allow-all', ttlMs: ROBOTS_TTL_MAX_MS }
  switch (result.kind) {
    case 'unreachable':
      return unreachable
    case 'denied':
      // The host itself may not be dialled: its URLs find out one by one and end as excluded. Behind a redirect: as unreachable.
      return outcome.hop === 0 ? { kind: 'allow-all', ttlMs: ROBOTS_TTL_MIN_MS } : unreachable
    case 'answer': {
      const target = redirectTarget(result)
      if (target !== undefined)
        return outcome.hop >= ROBOTS_HOPS_MAX ? unavailable : { kind: 'hop', url: target, hostKey: hostKeyOf(target), hop: outcome.hop + 1 }
      if (result.status === 429 || result.status >= 500) return unreachable
      if (result.status < 200 || result.status >= 300) return unavailable
      if (result.truncated !== null && isBroken(result)) return unreachable // half a rule set is no rule set
      const body = Buffer.from(outcome.body ?? '', 'base64')
      const ttlMs = Math.min(ROBOTS_TTL_MAX_MS, Math.max(ROBOTS_TTL_MIN_MS, result.maxAgeMs ?? ROBOTS_TTL_MAX_MS))
      return { kind: 'rules', body, ttlMs, crawlDelayMs: parseRobots(body).crawlDelayMs(productToken) ?? null }
    }
    default:
      return result satisfies never
  }
}

/** The product token of a User-Agent, which robots.txt groups are matched against. Source: RFC 9309, 2.2.1. */
export const productToken = (config: CrawlConfig): string => /^[A-Za-z_-]+/.exec(config.fetch.userAgent)?.[0] ?? '*'
