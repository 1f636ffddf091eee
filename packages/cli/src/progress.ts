import type { Counts, Frontier } from '@warren/frontier'
import { LiveLine } from './live-line.ts'
import { reasonsText } from './stalled.ts'
import { showBytes, showCount, showDuration } from './units.ts'

/** The rate is that of this last stretch of time. */
const RATE_WINDOW_MS = 5_000
/** After this long without a new page the line says what the crawl waits for. */
const QUIET_MS = 1_500
const BAR_COLUMNS = 16

/** Hosts that are looked at for the reason. */
const HOSTS_LOOKED_AT = 200

export interface ProgressDeps {
  readonly frontier: Frontier
  readonly crawlId: number
  readonly maxPages: number | null
  readonly stream: NodeJS.WriteStream
  readonly now?: () => number
}

interface Sample {
  readonly at: number
  readonly counts: Counts
}

/** Tells how a crawl goes, in a live line. Cost: one read of the counters per draw; while nothing is fetched, one more for the reason. */
export class Progress implements AsyncDisposable {
  readonly #deps: ProgressDeps
  readonly #line: LiveLine
  readonly #startedAt: number
  readonly #samples: Sample[] = []
  #quietSince: number

  constructor(deps: ProgressDeps) {
    this.#deps = deps
    this.#startedAt = this.#now()
    this.#quietSince = this.#startedAt
    this.#line = new LiveLine({ stream: deps.stream, text: () => this.#text() })
  }

  get elapsedMs(): number {
    return this.#now() - this.#startedAt
  }

  /** Writes a line above the live one. */
  warn(text: string): void {
    this.#line.warn(text)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#line[Symbol.asyncDispose]()
  }

  async #text(): Promise<string> {
    const { frontier, crawlId } = this.#deps
    try {
      const counts = await frontier.counts(crawlId)
      const previous = this.#samples.at(-1)
      this.#samples.push({ at: this.#now(), counts })
      while (this.#samples.length > 2 && (this.#samples[0]?.at ?? 0) < this.#now() - RATE_WINDOW_MS) this.#samples.shift()
      if (previous === undefined || previous.counts.done !== counts.done) this.#quietSince = this.#now()
      const isQuiet = this.#now() - this.#quietSince > QUIET_MS
      return (isQuiet ? await this.#waitText(counts) : undefined) ?? this.#rateText(counts)
    } catch {
      return this.#line.colors.yellow('the database does not answer; waiting for it') // the roles report the reason in the log
    }
  }

  #rateText(counts: Counts): string {
    const { bold, red } = this.#line.colors
    const { maxPages } = this.#deps
    const rate = this.#rate()
    const eta = this.#etaMs(counts, rate)
    return this.#join([
      maxPages === null
        ? `${bold(showCount(counts.done))} pages`
        : `${this.#bar(counts.done / maxPages)}${bold(showCount(counts.done))} of ${showCount(maxPages)} pages`,
      `${rate.toFixed(rate < 10 ? 1 : 0)}/s`,
      `${showCount(counts.queued + counts.leased)} queued`,
      ...(counts.failed > 0 ? [red(`${showCount(counts.failed)} failed`)] : []),
      showBytes(counts.bytes),
      showDuration(this.elapsedMs),
      ...(eta === undefined ? [] : [`${showDuration(eta)} left`]),
    ])
  }

  /** While nothing comes in: what the crawl waits for, or why it is stalled; undefined when there is no reason. */
  async #waitText(counts: Counts): Promise<string | undefined> {
    const { bold, dim, yellow } = this.#line.colors
    const stalls = await this.#deps.frontier.stalls(this.#deps.crawlId, HOSTS_LOOKED_AT)
    const reasons = reasonsText(stalls)
    if (reasons === '') return undefined
    return this.#join([
      `${bold(showCount(counts.done))} pages`,
      `${showCount(counts.queued + counts.leased)} queued`,
      ...(counts.failed > 0 ? [`${showCount(counts.failed)} failed`] : []),
      showDuration(this.elapsedMs),
      stalls.stalled ? yellow(`stalled because ${reasons}`) : dim(`waiting: ${reasons}`),
    ])
  }

  #join(parts: readonly string[]): string {
    return parts.join(this.#line.colors.dim(' · '))
  }

  /** On a terminal only: a plain line is read by programs too. */
  #bar(share: number): string {
    if (!this.#deps.stream.isTTY) return ''
    const full = Math.round(Math.min(1, share) * BAR_COLUMNS)
    return `${this.#line.colors.green('━'.repeat(full))}${this.#line.colors.dim('━'.repeat(BAR_COLUMNS - full))} `
  }

  #rate(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    if (first === undefined || last === undefined || last.at === first.at) return 0
    return ((last.counts.done - first.counts.done) * 1_000) / (last.at - first.at)
  }

  /** Known with a page budget, or when nothing new was discovered lately. */
  #etaMs(counts: Counts, rate: number): number | undefined {
    const open = counts.queued + counts.leased
    const isSettled = this.#samples.length > 4 && this.#samples[0]?.counts.discovered === counts.discovered
    const left =
      this.#deps.maxPages === null
        ? isSettled
          ? open
          : undefined
        : Math.min(this.#deps.maxPages - counts.done, isSettled ? open : Number.POSITIVE_INFINITY)
    return left === undefined || rate < 0.05 ? undefined : (left * 1_000) / rate
  }

  #now(): number {
    return (this.#deps.now ?? (() => performance.now()))()
  }
}
