import type { Counts, Frontier } from '@warren/frontier'
import { colorsOf } from './colors.ts'
import { showBytes, showCount, showDuration } from './units.ts'

/** How often the line is drawn on a terminal, and a line is written elsewhere. */
const DRAW_MS = 250
const PLAIN_MS = 5_000
/** The rate is that of this last stretch of time. */
const RATE_WINDOW_MS = 5_000
/** After this long without a new page the line says what the crawl waits for. */
const QUIET_MS = 1_500

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

/**
 * Tells how a crawl goes until disposed: one live line on a terminal, a line every five seconds elsewhere.
 * Cost: one read of the counters per draw; while nothing is fetched, one more for the reason.
 */
export class Progress implements AsyncDisposable {
  readonly #deps: ProgressDeps
  readonly #timer: NodeJS.Timeout
  readonly #startedAt: number
  readonly #samples: Sample[] = []
  readonly #colors: ReturnType<typeof colorsOf>
  #quietSince: number
  #drawing: Promise<void> | undefined

  constructor(deps: ProgressDeps) {
    this.#deps = deps
    this.#colors = colorsOf(deps.stream)
    this.#startedAt = this.#now()
    this.#quietSince = this.#startedAt
    this.#timer = setInterval(
      () => {
        // A draw that takes longer than the interval is not overtaken by the next one.
        this.#drawing ??= this.#draw().finally(() => {
          this.#drawing = undefined
        })
      },
      deps.stream.isTTY ? DRAW_MS : PLAIN_MS,
    )
  }

  get elapsedMs(): number {
    return this.#now() - this.#startedAt
  }

  /** Writes a line above the live one. */
  warn(text: string): void {
    this.#say(this.#colors.yellow(text))
  }
  note(text: string): void {
    this.#say(this.#colors.dim(text))
  }

  #say(text: string): void {
    this.#deps.stream.write(`${this.#deps.stream.isTTY ? '\r\u001b[2K' : ''}${text}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#drawing
    if (this.#deps.stream.isTTY) this.#deps.stream.write('\r\u001b[2K')
  }

  async #draw(): Promise<void> {
    const { frontier, crawlId, stream } = this.#deps
    let line: string
    try {
      const counts = await frontier.counts(crawlId)
      const previous = this.#samples.at(-1)
      this.#samples.push({ at: this.#now(), counts })
      while (this.#samples.length > 2 && (this.#samples[0]?.at ?? 0) < this.#now() - RATE_WINDOW_MS) this.#samples.shift()
      if (previous === undefined || previous.counts.done !== counts.done) this.#quietSince = this.#now()
      line = this.#line(counts)
      if (this.#now() - this.#quietSince > QUIET_MS) line += this.#colors.yellow(await this.#waitsFor())
    } catch {
      line = this.#colors.yellow('the database does not answer; waiting for it') // the roles report the reason in the log
    }
    if (stream.isTTY) stream.write(`\r\u001b[2K${cut(line, stream.columns - 1)}`)
    else stream.write(`${line}\n`)
  }

  #line(counts: Counts): string {
    const rate = this.#rate()
    const eta = this.#etaMs(counts, rate)
    return [
      `${this.#colors.bold(showCount(counts.done))} pages`,
      `${rate.toFixed(1)}/s`,
      `${showCount(counts.queued + counts.leased)} queued`,
      counts.failed > 0 ? this.#colors.red(`${showCount(counts.failed)} failed`) : '0 failed',
      showBytes(counts.bytes),
      showDuration(this.elapsedMs),
      ...(eta === undefined ? [] : [`about ${showDuration(eta)} left`]),
    ].join(this.#colors.dim(' · '))
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

  async #waitsFor(): Promise<string> {
    const [host] = await this.#deps.frontier.waiting(this.#deps.crawlId, 1)
    if (host === undefined) return ''
    const when = host.dueInMs > 500 ? `, again in ${showDuration(host.dueInMs)}` : ''
    return `  waits for ${host.hostKey.replace(/^https?:\/\//, '')}: ${host.reason}${host.detail === '' ? '' : ` (${host.detail})`}${when}`
  }

  #now(): number {
    return (this.#deps.now ?? (() => performance.now()))()
  }
}

/** `line` cut to `width` visible characters; escape sequences count as none. */
function cut(line: string, width: number): string {
  let visible = 0
  let out = ''
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences start with one
  for (const part of line.match(/\u001b\[[\d;]*m|[^\u001b]/gu) ?? []) {
    if (part.startsWith('\u001b')) out += part
    else if (visible < width) {
      out += part
      visible++
    }
  }
  return out
}
