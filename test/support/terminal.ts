import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { eventually } from './warren.ts'

const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/warren.cjs', import.meta.url))

/** A `warren` on a pseudo terminal of 100 columns, made by util-linux' script(1), which every Debian has. */
export class TerminalProcess implements AsyncDisposable {
  readonly child: ChildProcess
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>
  output = ''

  constructor(args: readonly string[], env: Readonly<Record<string, string | undefined>>) {
    const quoted = [process.execPath, COMMAND, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
    this.child = spawn('script', ['-qefc', `stty columns 100 rows 30; exec ${quoted}`, '/dev/null'], {
      env: { ...process.env, TERM: 'xterm-256color', WARREN_TESTKIT: undefined, NO_COLOR: undefined, CI: undefined, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text
    })
    this.ended = once(this.child, 'close').then(([code]) => ({ code, output: this.output }))
  }

  /** Resolves when `text` has been on the screen. */
  async shows(text: string): Promise<void> {
    await eventually(
      () => this.output,
      (output) => output.includes(text),
    )
  }

  /** What the user types; \u0003 is Ctrl-C. */
  type(text: string): void {
    this.child.stdin?.write(text)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL') // the terminal hangs up
    await this.ended
  }
}

export const onTerminal = (
  args: readonly string[],
  { env = {} }: { readonly env?: Readonly<Record<string, string | undefined>> } = {},
): TerminalProcess => new TerminalProcess(args, env)
