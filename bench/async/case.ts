/** What a primitive can promise, in the words of the tables. A library that does the job without one of them does less work. */
export const GUARANTEES = {
  cancel: 'a waiting call can be cancelled (a signal, or interruption), and a cancelled one has taken and lost nothing',
  fifo: 'who waits longest is served first, and nobody overtakes',
  bounded: 'holds at most its capacity: a full one makes senders wait',
  ends: 'can be closed: receivers get what is left, then learn that it was the end',
  'one permit, one return': 'giving a permit back twice does not make two of it',
  'no starvation': 'a job of low priority is served in the end, however many of high priority come',
  'promise tasks': 'the task is any function that returns a promise',
  lazy: 'takes an item from its source when a slot is free, not all of them at the start',
  order: 'results are in the order of the items',
  joins: 'ends, well or badly, only when nothing of it is in flight any more',
  siblings: 'the first failure stops what runs beside it',
  'stops the work': 'the work is told (by a signal, or interruption) that its time is over',
  'nothing lost': 'a branch that was not picked keeps its value',
  resize: 'the limit can be changed while it is used',
  jitter: 'waits are random, so that clients that failed together do not come back together',
  'lets others run': 'tries without a wait between them do not hold the event loop',
  bursts: 'unused time is saved up to a burst, and no more than that is given within any span',
  'no timer each': 'keys that wait do not hold a timer each',
  forgets: 'keys that are not used any more take no memory',
} as const

export type Guarantee = keyof typeof GUARANTEES

/** Does `n` operations; what it resolves to proves that they were done. `note` adds figures of its own to the sample. */
export type Run = (n: number, note: (name: string, value: number) => void) => Promise<unknown>

/** One way to do the job of a case. */
export interface Entrant {
  /** A name of package.json, `ours`, `node` for what the platform has, or `bare`: no library, just as much code as the job needs. */
  readonly library: string
  /** Tells two entrants of one library apart. */
  readonly how?: string
  /** Guarantees of the case that it does not give. */
  readonly lacks: readonly Guarantee[]
  /** Imports the library only in the process that measures it. */
  readonly load: () => Promise<Run>
}

/** A job that several libraries can do. The first entrant is ours. */
export interface Case {
  readonly name: string
  /** What one operation is. */
  readonly operation: string
  /** What ours promises in this use. */
  readonly guarantees: readonly Guarantee[]
  /** What the guarantees cost ours; told where another library is faster. */
  readonly pays?: string
  /** Operations of one sample: some tenths of a second of work. */
  readonly operations: number
  /** What a run of `n` operations must resolve to. */
  readonly expected: (n: number) => unknown
  readonly entrants: readonly Entrant[]
}

export const nameOf = ({ library, how }: Pick<Entrant, 'library' | 'how'>): string => (how === undefined ? library : `${library}: ${how}`)

/** All guarantees of the case: what no library is behind. */
export const bare = (how: string, guarantees: readonly Guarantee[], load: Entrant['load']): Entrant => ({
  library: 'bare',
  how,
  lacks: guarantees,
  load,
})

/** A checksum that depends on the order: one number that proves which values came, and when. */
export const mix = (checksum: number, value: number): number => (Math.imul(checksum, 31) + value) | 0

/** The checksum of 1 to `n` in order. */
export function inOrder(n: number): number {
  let checksum = 0
  for (let i = 1; i <= n; i++) checksum = mix(checksum, i)
  return checksum
}

/** The sum of 1 to `n`: for results in any order. */
export const sumTo = (n: number): number => (n * (n + 1)) / 2
