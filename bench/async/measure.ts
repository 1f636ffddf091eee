/** `node --expose-gc measure.ts CASE ENTRANT`: measures one entrant in this process and prints one line of JSON. main.ts starts it. */
import { inspect, isDeepStrictEqual } from 'node:util'
import { getHeapStatistics } from 'node:v8'
import { nameOf } from './case.ts'
import { cases } from './cases.ts'

/** What was measured of a run, per operation. */
export interface Sample {
  readonly cpuNs: number
  readonly wallNs: number
  readonly allocatedBytes: number
  readonly notes: Readonly<Record<string, number>>
}

export interface Measured {
  readonly samples: readonly Sample[]
  /** Growth of the heap from the first to the last sample, per operation: a leak, if it is not about 0. */
  readonly keptBytes: number
  /** Largest resident set of the process, the library's own code included. */
  readonly peakMb: number
}

const SAMPLES = 3
/** A sample that takes so long is the only one. */
const LONG_MS = 4_000
/** Until the optimizing compiler has settled. */
const WARM_UP_MS = 400

const [caseName, entrantName] = process.argv.slice(2)
const job = cases.find(({ name }) => name === caseName)
const entrant = job?.entrants.find((candidate) => nameOf(candidate) === entrantName)
if (job === undefined || entrant === undefined) throw new RangeError(`Cannot measure ${entrantName} of ${caseName}: there is no such case`)
const { operations, expected } = job
const run = await entrant.load()
const right = expected(operations)

const startedAt = performance.now()
do await sample()
while (performance.now() - startedAt < WARM_UP_MS)
const before = await settledHeap()
const samples: Sample[] = []
const wanted = performance.now() - startedAt > LONG_MS ? 1 : SAMPLES
while (samples.length < wanted) samples.push(await sample())
const measured: Measured = {
  samples,
  keptBytes: ((await settledHeap()) - before) / (wanted * operations),
  peakMb: Math.round(process.resourceUsage().maxRSS / 1_024),
}
process.stdout.write(`${JSON.stringify(measured)}\n`)
process.exit() // whatever timers a library has left

async function sample(): Promise<Sample> {
  const notes: Record<string, number> = {}
  heapUsed() // a collection that the run before owes is not this one's
  const bytes = getHeapStatistics().total_allocated_bytes
  const cpu = process.cpuUsage()
  const wall = performance.now()
  const result = await run(operations, (name, value) => {
    notes[name] = value
  })
  const wallMs = performance.now() - wall
  const { user, system } = process.cpuUsage(cpu)
  const allocatedBytes = getHeapStatistics().total_allocated_bytes - bytes
  if (!isDeepStrictEqual(result, right))
    throw new Error(`${entrantName} of ${caseName} made ${inspect(result)} instead of ${inspect(right)}`)
  return {
    cpuNs: ((user + system) * 1_000) / operations,
    wallNs: (wallMs * 1e6) / operations,
    allocatedBytes: allocatedBytes / operations,
    notes,
  }
}

/** After what the last run has set off has ended. */
async function settledHeap(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 20))
  return heapUsed()
}

function heapUsed(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
