import { PerformanceObserver } from 'node:perf_hooks'

interface Turns<T> {
  readonly result: T
  /** How often the event loop went round. */
  readonly count: number
  /**
   * How long turns were busy, the longest first: without pauses of the garbage collector, and without time in which other processes
   * ran. What holds the event loop again and again is at all places of it; the first ones may be the machine's.
   */
  readonly busyMs: readonly number[]
  readonly longestMs: number
}

interface Turn {
  readonly from: number
  readonly to: number
  readonly cpuMs: number
}

/**
 * How long `run` holds the event loop, told so that it depends neither on the load of the machine nor on when garbage is collected.
 * It keeps the event loop spinning, so it is for tests alone. Invariant: the time told is never longer than the true one by more than
 * a clock's grain, and of the CPU clock that is a tick of the kernel, 4 ms.
 */
export async function measureTurns<T>(run: () => Promise<T>): Promise<Turns<T>> {
  const pauses: PerformanceEntry[] = []
  const observer = new PerformanceObserver((list) => pauses.push(...list.getEntries()))
  observer.observe({ entryTypes: ['gc'] })
  const turns: Turn[] = []
  let count = 0
  let isOver = false
  let from = performance.now()
  let cpuFrom = threadCpuMs()
  const look = () => {
    const to = performance.now()
    if (to - from > SHORT_MS) turns.push({ from, to, cpuMs: threadCpuMs() - cpuFrom })
    count++
    if (isOver) return
    setImmediate(look)
    cpuFrom = threadCpuMs()
    from = performance.now()
  }
  setImmediate(look)
  const result = await run()
  isOver = true
  for (let i = 0; i < 3; i++) await new Promise(setImmediate) // the last turn, and the pauses, which are told later
  observer.disconnect()
  const busyOf = ({ from, to, cpuMs }: Turn) => Math.min(cpuMs, to - from - pausedMs(pauses, from, to))
  const busyMs = turns.map(busyOf).sort((a, b) => b - a)
  return { result, count, busyMs, longestMs: busyMs[0] ?? 0 }
}

/** Shorter turns are not looked at again. */
const SHORT_MS = 1

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

const pausedMs = (pauses: readonly PerformanceEntry[], from: number, to: number): number =>
  pauses.reduce((sum, { startTime, duration }) => sum + (startTime >= from && startTime < to ? duration : 0), 0)
