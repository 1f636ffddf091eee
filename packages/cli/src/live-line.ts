import { type Clock, interval, TaskGroup } from '@warren/async'
import { colorsOf } from './colors.ts'

/** How often the line is drawn on a terminal, and a line is written elsewhere. */
const DRAW_MS = 250
const PLAIN_MS = 5_000
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const WIPE = '\r\u001b[2K'
/** A terminal shows a Ctrl-C as ^C; it must not wrap, or the line could not be wiped. */
const ECHO_COLUMNS = 3

export interface LiveLineOptions {
  readonly stream: NodeJS.WriteStream
  /** What there is to say now. Asked for again only when it has answered. */
  readonly text: () => Promise<string>
  /** Before the first one. Default: as between two. */
  readonly firstMs?: number
  readonly clock?: Clock
}

/** Tells how something goes until disposed: one live line on a terminal, a line every five seconds elsewhere. */
export class LiveLine implements AsyncDisposable {
  readonly colors: ReturnType<typeof colorsOf>
  readonly #stream: NodeJS.WriteStream
  readonly #drawing = new TaskGroup()
  #draws = 0

  constructor({ stream, text, firstMs, clock }: LiveLineOptions) {
    this.#stream = stream
    this.colors = colorsOf(stream)
    const everyMs = stream.isTTY ? DRAW_MS : PLAIN_MS
    this.#drawing.spawn(async (signal) => {
      const ticks = interval({ everyMs, firstMs: firstMs ?? everyMs, missed: 'delay', clock })
      for (;;) {
        await ticks.tick({ signal })
        this.#draw(await text())
      }
    })
  }

  /** Writes a line above the live one. */
  warn(text: string): void {
    this.#stream.write(`${this.#stream.isTTY ? WIPE : ''}${this.colors.yellow(text)}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#drawing.cancel()
    await this.#drawing[Symbol.asyncDispose]()
    if (this.#draws > 0 && this.#stream.isTTY) this.#stream.write(WIPE)
  }

  #draw(text: string): void {
    const spinner = this.colors.cyan(SPINNER[this.#draws++ % SPINNER.length] ?? '')
    if (this.#stream.isTTY) this.#stream.write(`${WIPE}${cut(`${spinner} ${text}`, (this.#stream.columns || 80) - ECHO_COLUMNS)}`)
    else this.#stream.write(`${text}\n`)
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
