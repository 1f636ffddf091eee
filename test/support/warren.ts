import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/warren.cjs', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  readonly stdin?: string
  /** Whom it runs as, instead of us; only root may say so. */
  readonly account?: { readonly uid: number; readonly gid: number }
  /** The checkout to run from; default: this one. */
  readonly checkout?: string
}

/** A running `warren`, as an operator starts it. Disposing it kills what is left of it. */
export class WarrenProcess implements AsyncDisposable {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  #stdout = ''
  #stderr = ''

  constructor(args: readonly string[], options: RunOptions = {}) {
    // A process group of its own, so that a test can deliver a Ctrl-C as a terminal does.
    const command = options.checkout === undefined ? COMMAND : join(options.checkout, 'packages/cli/bin/warren.cjs')
    this.child = spawn(process.execPath, [command, ...args], {
      ...options.account,
      cwd: options.cwd,
      env: { ...process.env, NO_COLOR: '1', WARREN_TESTKIT: undefined, ...options.env },
      stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      detached: true,
    })
    this.child.stdin?.end(options.stdin)
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    this.ended = once(this.child, 'close').then(([code, signal]) => ({ code, signal, stdout: this.#stdout, stderr: this.#stderr }))
  }

  get pid(): number {
    return this.child.pid ?? 0
  }
  get output(): string {
    return this.#stdout + this.#stderr
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }
  /** What a terminal does on Ctrl-C: the whole group gets it. */
  interrupt(): void {
    process.kill(-this.pid, 'SIGINT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL')
    await this.ended
  }
}

export type RoleName = 'coordinator' | 'fetcher' | 'parser'

/** A role that serves. */
export interface RoleProcess extends AsyncDisposable {
  readonly name: RoleName
  readonly process: WarrenProcess
  /** Where /metrics, /livez and /readyz are. */
  readonly url: string
  metrics(): Promise<string>
  readyz(): Promise<{ readonly status: number; readonly body: string }>
  /** SIGTERM; resolves when it has drained, with how long that took. */
  stop(): Promise<Ended & { readonly tookMs: number }>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

/** Starts a role with these settings and waits for its `ready` line; HTTP_PORT is any free one unless set. Rejects with its output when it ends instead. */
export async function startRole(name: RoleName, env: Readonly<Record<string, string | undefined>>): Promise<RoleProcess> {
  await using stack = new AsyncDisposableStack()
  const running = stack.use(new WarrenProcess([name], { env }))
  let hasEnded = false
  void running.ended.then(() => {
    hasEnded = true
  })
  const port = await eventually(
    () => /"port":(\d+)[^\n]*"msg":"ready"/.exec(running.output)?.[1],
    (found) => found !== undefined || hasEnded,
  )
  if (port === undefined) throw new Error(`${name} did not get ready: ${running.output}`)
  const url = `http://127.0.0.1:${port}`
  const ask = async (path: string) => {
    const response = await fetch(url + path, { signal: AbortSignal.timeout(10_000) })
    return { status: response.status, body: await response.text() }
  }
  const owned = stack.move()
  return {
    name,
    process: running,
    url,
    metrics: async () => (await ask('/metrics')).body,
    readyz: () => ask('/readyz'),
    stop: async () => {
      const from = performance.now()
      running.kill('SIGTERM')
      const ended = await running.ended
      return { ...ended, tookMs: performance.now() - from }
    },
    kill: async () => {
      running.kill('SIGKILL')
      await running.ended
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Runs `warren` to its end. */
export async function warren(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  await using running = new WarrenProcess(args, options)
  return await running.ended
}

/** A temporary folder that goes with its scope. */
export async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'warren-e2e-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

export interface PageLine {
  readonly url: string
  readonly status: number
  readonly depth: number
}

/** The records of a pages.jsonl. */
export async function readPages(dir: string): Promise<PageLine[]> {
  const text = await readFile(join(dir, 'pages.jsonl'), 'utf8')
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as PageLine)
}

/** Asks again until `check` holds; fails with what it last saw. */
export async function eventually<T>(read: () => Promise<T> | T, check: (value: T) => boolean, withinMs = 60_000): Promise<T> {
  const end = performance.now() + withinMs
  for (;;) {
    const value = await read()
    if (check(value)) return value
    if (performance.now() > end) throw new Error(`not so within ${withinMs} ms: ${JSON.stringify(value)?.slice(0, 500)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
