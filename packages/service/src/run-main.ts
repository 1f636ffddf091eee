import { inspect } from 'node:util'
import { join, oneshot, ShutdownScope, select, sleep, systemClock } from '@warren/async'
import { CrawlError } from '@warren/protocol'
import { EXIT, exitCodeOf, failuresIn } from './exit.ts'
import { redact } from './redact.ts'

/** A signal to a whole group reaches us twice, once through npm or the launcher; people press Ctrl-C again later than this. */
const SAME_SIGNAL_MS = 300
/** What is still running this long after the second signal will not end by itself. */
const ABORT_GRACE_MS = 10_000
/** A reader that does not read must not keep us. */
const FLUSH_MS = 1_000

interface Emitter {
  on(event: string, listener: (detail: unknown) => void): unknown
  off(event: string, listener: (detail: unknown) => void): unknown
}

interface Output extends Emitter {
  write(text: string, written?: () => void): unknown
}

/** The parts of `process` that runMain touches; tests bring their own. */
export interface Host extends Emitter {
  exit(code: number): never
  readonly stdout: Output
  readonly stderr: Output
}

export interface RunMainOptions {
  /** Default: this process. */
  readonly host?: Host | undefined
  /** Where the closing line goes. Default: the host's stderr. */
  readonly stderr?: { write(text: string): unknown } | undefined
}

/**
 * Runs a command to its exit code and ends the process with it.
 * Signals: the first SIGINT, SIGTERM or SIGHUP drains, the second aborts, a third or 10 s end the process; two of the same
 * kind within 300 ms are one. Aborted, the exit code is 130 whatever `main` returns.
 * Errors of `main`: a CrawlError is one line `warren: <message>` and its exit code; a cancellation by a signal 130; anything
 * else, also an unhandled rejection or exception, is a bug: its stack and 1. A closed stdout or stderr is no error.
 */
export async function runMain(main: (shutdown: ShutdownScope) => Promise<number>, options: RunMainOptions = {}): Promise<never> {
  const host = options.host ?? process
  const stderr = options.stderr ?? host.stderr
  await using cleanup = new AsyncDisposableStack()
  const listen = (emitter: Emitter, event: string, listener: (detail: unknown) => void) => {
    emitter.on(event, listener)
    cleanup.defer(() => void emitter.off(event, listener))
  }
  const bug = (error: unknown) => {
    stderr.write(bugReport(error))
    host.exit(EXIT.bug)
  }
  const ignoreClosedPipe = (error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) bug(error)
  }
  const shutdown = new ShutdownScope()
  const signals = new Signals(shutdown, () => host.exit(EXIT.interrupted))
  cleanup.use(signals)
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) listen(host, name, () => signals.receive(name))
  for (const event of ['uncaughtException', 'unhandledRejection']) listen(host, event, bug)
  for (const output of [host.stdout, host.stderr]) listen(output, 'error', ignoreClosedPipe)

  const code = await ending(main, shutdown, stderr)
  await join([() => flush(host.stdout), () => flush(host.stderr)])
  return host.exit(code)
}

async function ending(
  main: (shutdown: ShutdownScope) => Promise<number>,
  shutdown: ShutdownScope,
  stderr: { write(text: string): unknown },
): Promise<number> {
  try {
    const code = await main(shutdown)
    return shutdown.aborted.aborted ? EXIT.interrupted : code
  } catch (error) {
    const reasons: unknown[] = [shutdown.draining, shutdown.aborted].filter(({ aborted }) => aborted).map(({ reason }) => reason)
    const failures = failuresIn(error).filter((failure) => !reasons.includes(failure))
    for (const failure of failures)
      stderr.write(failure instanceof CrawlError ? redact(`warren: ${failure.message}\n`) : bugReport(failure))
    return failures.length === 0 || shutdown.aborted.aborted ? EXIT.interrupted : exitCodeOf(failures[0])
  }
}

/** Counts what the operator wants: drain, abort, end. */
class Signals implements Disposable {
  readonly #shutdown: ShutdownScope
  readonly #end: () => void
  #count = 0
  readonly #lastAt = new Map<string, number>()
  /** Takes back the end that the second signal has set. */
  #callOff = () => {}

  constructor(shutdown: ShutdownScope, end: () => void) {
    this.#shutdown = shutdown
    this.#end = end
  }

  receive(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void {
    const now = performance.now()
    const isEcho = now - (this.#lastAt.get(name) ?? Number.NEGATIVE_INFINITY) < SAME_SIGNAL_MS
    if (isEcho) return
    this.#lastAt.set(name, now)
    this.#count++
    const reason = new DOMException(`Stopped by ${name}`, 'AbortError')
    if (this.#count === 1) this.#shutdown.drain(reason)
    else if (this.#count > 2) this.#end()
    else {
      this.#shutdown.abort(reason)
      this.#callOff = systemClock.schedule(ABORT_GRACE_MS, this.#end)
    }
  }

  [Symbol.dispose](): void {
    this.#callOff()
  }
}

const bugReport = (error: unknown): string => redact(`warren: this is a bug, please report it\n${inspect(error)}\n`)

async function flush(output: Output): Promise<void> {
  const { sender, receiver } = oneshot<true>()
  output.write('', () => sender.send(true)) // called in order, after all that was written before; also when the pipe is closed
  await select({ written: receiver, late: (signal) => sleep(FLUSH_MS, { signal }) })
}
