import { readdirSync, readFileSync } from 'node:fs'

/** Kernel ticks a second that /proc counts CPU time in; 100 on every Linux that Node supports. Source: proc(5), sysconf(_SC_CLK_TCK). */
const TICKS_PER_SECOND = 100

interface Seen {
  cpuMs: number
  pssKb: number
}

/** CPU time and memory of everything below this process, sampled from /proc while it runs. Processes whose command line matches `except`, and what is below them, do not count. */
export class ProcessTree implements Disposable {
  readonly #seen = new Map<string, Seen>()
  readonly #timer: NodeJS.Timeout
  readonly #except: RegExp
  #peakPssKb = 0

  constructor(except: RegExp, everyMs = 200) {
    this.#except = except
    this.#timer = setInterval(() => this.sample(), everyMs)
  }

  /** CPU milliseconds so far, by command name. */
  get cpuMs(): Record<string, number> {
    const sums: Record<string, number> = {}
    for (const [key, { cpuMs }] of this.#seen) sums[nameOf(key)] = (sums[nameOf(key)] ?? 0) + cpuMs
    return sums
  }

  /** Largest proportional set size of all together, in MB. */
  get peakMb(): number {
    return Math.round(this.#peakPssKb / 1_024)
  }

  sample(): void {
    const all = readdirSync('/proc').flatMap((entry) => (/^\d+$/.test(entry) ? (readProcess(Number(entry)) ?? []) : []))
    const children = Map.groupBy(all, ({ parent }) => parent)
    let pssKb = 0
    const visit = (pid: number) => {
      for (const child of children.get(pid) ?? []) {
        if (this.#except.test(child.command)) continue
        this.#seen.set(`${child.pid} ${child.started} ${child.name}`, { cpuMs: child.cpuMs, pssKb: child.pssKb })
        pssKb += child.pssKb
        visit(child.pid)
      }
    }
    visit(process.pid)
    this.#peakPssKb = Math.max(this.#peakPssKb, pssKb)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}

const nameOf = (key: string): string => key.split(' ').slice(2).join(' ')

function readProcess(pid: number) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [open, close] = [stat.indexOf('('), stat.lastIndexOf(')')]
    const fields = stat.slice(close + 2).split(' ')
    const at = (index: number) => Number(fields[index])
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    return {
      pid,
      command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '),
      name: stat.slice(open + 1, close),
      parent: at(1),
      cpuMs: ((at(11) + at(12)) * 1_000) / TICKS_PER_SECOND,
      started: at(19),
      pssKb: Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0),
    }
  } catch {
    return undefined // it ended while we looked
  }
}
