import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { spawnAs } from './account.ts'
import type { Cluster } from './cluster.ts'
import { serviceFault } from './fault.ts'

/**
 * Reads from a pipe that only our process holds: it ends when we end, for whatever reason. Then Postgres is stopped: fast, after 10 s
 * at once, after 18 s by force. It is known by a mark in its command line, so that neither a stranger with the same number nor a Postgres
 * that was started after it is ever signalled. If we die while starting it, the guard waits 3 s for it to show up.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM
read -r word
[ "$word" = done ] && exit 0
marked() {
  [ -n "$1" ] || return 1
  line=$( (tr '\\0' ' ' <"/proc/$1/cmdline") 2>/dev/null || ps -ww -o command= -p "$1" 2>/dev/null)
  case $line in *"$mark"*) return 0 ;; *) return 1 ;; esac
}
data=$1 mark=$2 tick=0
while [ $tick -lt 15 ]; do
  pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null)
  marked "$pid" && break
  tick=$((tick + 1)) pid=
  sleep 0.2
done
[ -n "$pid" ] || exit 0
kill -INT "$pid"
tick=0
while marked "$pid"; do
  tick=$((tick + 1))
  [ $tick -eq 50 ] && kill -QUIT "$pid"
  [ $tick -eq 90 ] && kill -KILL "$pid"
  [ $tick -gt 120 ] && exit 1
  sleep 0.2
done
`

/** Watches over a Postgres whose command line carries `mark`. Release it once that has ended. */
export class Guard implements AsyncDisposable {
  readonly #cluster: Cluster
  readonly #mark: string
  #child: ChildProcess | undefined
  #released = false

  private constructor(cluster: Cluster, mark: string) {
    this.#cluster = cluster
    this.#mark = mark
  }

  /** **Errors**: ERR_SERVICE_START when there is no /bin/sh. */
  static async start(cluster: Cluster, mark: string): Promise<Guard> {
    const guard = new Guard(cluster, mark)
    await guard.#spawn()
    return guard
  }

  /** Its process id, for tests and diagnosis. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#released = true
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.ref() // we wait for it now
    const gone = once(child, 'exit')
    child.stdin?.end('done\n')
    await gone
  }

  async #spawn(): Promise<void> {
    // its own session: a Ctrl-C or a hang-up of our terminal does not reach it
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'warren-postgres-guard', this.#cluster.data, this.#mark], {
      ...spawnAs(this.#cluster.account),
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    })
    const bornAt = performance.now()
    child.stdin?.on('error', () => {}) // it was killed; its exit is handled below
    try {
      await once(child, 'spawn')
    } catch (cause) {
      throw serviceFault('run /bin/sh, which watches over Postgres,', this.#cluster.home, '', cause)
    }
    child.unref()
    if (child.stdin !== null && 'unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref()
    child.once('exit', () => {
      if (this.#released || performance.now() - bornAt < 1_000) return // killed by someone: take another; dying at once: do not insist
      this.#spawn().catch(() => {})
    })
    this.#child = child
  }
}
