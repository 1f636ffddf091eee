import type { Counts, Frontier, Waiting } from '@warren/frontier'
import { colorsOf } from './colors.ts'
import { showBytes, showCount, showDuration } from './units.ts'

/** How often the line is drawn on a terminal, and a line is written elsewhere. */
const DRAW_MS = 250
const PLAIN_MS = 5_000
/** The rate is that of this last stretch of time. */
const RATE_WINDOW_MS = 5_000
/** After this long without a new page the line says what the crawl waits for. */
const QUIET_MS = 1_500
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const BAR_COLUMNS = 16
/** A terminal shows a Ctrl-C as ^C; it must not wrap, or the line could not be wiped. */
const ECHO_COLUMNS = 3

/** Why a host is not visited now. */
const REASONS: Record<Waiting['reason'], string> = {
  delay: 'delay',
  'back-off': 'back-off',
  robots: 'robots.txt',
  visit: 'its answer',
  retry: 'another try',
}

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
  #draws = 0
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
      const isQuiet = this.#now() - this.#quietSince > QUIET_MS
      line = (isQuiet ? await this.#waitLine(counts) : undefined) ?? this.#line(counts)
    } catch {
      line = this.#colors.yellow('the database does not answer; waiting for it') // the roles report the reason in the log
    }
    if (stream.isTTY)
      stream.write(
        `\r\u001b[2K${cut(`${this.#colors.cyan(SPINNER[this.#draws++ % SPINNER.length] ?? '')} ${line}`, (stream.columns || 80) - ECHO_COLUMNS)}`,
      )
    else stream.write(`${line}\n`)
  }

  #line(counts: Counts): string {
    const { bold, red } = this.#colors
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

  /** While nothing comes in: which host is next, why not now, and when; undefined when none is waited for. */
  async #waitLine(counts: Counts): Promise<string | undefined> {
    const { bold, yellow } = this.#colors
    const [host] = await this.#deps.frontier.waiting(this.#deps.crawlId, 1)
    if (host === undefined) return undefined
    const name = host.hostKey.replace(/^https?:\/\//, '').replace(/:(80|443)$/, '')
    const until = new Date(Date.now() + host.dueInMs).toTimeString().slice(0, 8)
    const when = host.reason === 'visit' ? '' : ` until ${until} (${showDuration(host.dueInMs)})`
    const why = `${REASONS[host.reason]}${host.detail === '' || host.reason === 'visit' ? '' : `, ${host.detail}`}`
    return this.#join([
      `${bold(showCount(counts.done))} pages`,
      `${showCount(counts.queued + counts.leased)} queued`,
      ...(counts.failed > 0 ? [`${showCount(counts.failed)} failed`] : []),
      showDuration(this.elapsedMs),
      yellow(`waits for ${name}${when}: ${why}`),
    ])
  }

  #join(parts: readonly string[]): string {
    return parts.join(this.#colors.dim(' · '))
  }

  /** On a terminal only: a plain line is read by programs too. */
  #bar(share: number): string {
    if (!this.#deps.stream.isTTY) return ''
    const full = Math.round(Math.min(1, share) * BAR_COLUMNS)
    return `${this.#colors.green('━'.repeat(full))}${this.#colors.dim('━'.repeat(BAR_COLUMNS - full))} `
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
