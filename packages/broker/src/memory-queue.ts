import type { Message } from '@warren/protocol'

/** What a message weighs beside a page's body: an estimate that only bounds memory. */
const HEADER_BYTES = 1_024

export const weightOf = (message: Message): number => HEADER_BYTES + (message.type === 'page' ? message.body.byteLength : 0)

export interface Entry {
  readonly message: Message
  /** Position in the queue; a returned message goes back to it. */
  readonly seq: number
  readonly weight: number
  readonly enqueuedAt: number
  redelivered: boolean
}

export interface QueueLimits {
  readonly maxCount: number
  /** Of `weightOf`. */
  readonly maxBytes: number
  /** A message that waited longer vanishes. */
  readonly ttlMs?: number
}

/**
 * Ready messages in order, with the limits of a RabbitMQ queue: a full one refuses, a returned message is always taken back.
 * Cost: push and take O(1) amortized; giveBack O(returned).
 */
export class MemoryQueue {
  readonly #limits: QueueLimits
  #ready: (Entry | undefined)[] = []
  #head = 0
  /** Given back, the oldest last; all of them are older than `#ready`. */
  readonly #returned: Entry[] = []
  #seq = 0
  #bytes = 0

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  get count(): number {
    return this.#ready.length - this.#head + this.#returned.length
  }

  /** `count` without those that have expired by `now`. */
  countAt(now: number): number {
    this.#expire(now)
    return this.count
  }

  /** False: full, nothing was taken. */
  push(message: Message, now: number): boolean {
    const weight = weightOf(message)
    if (this.count >= this.#limits.maxCount || this.#bytes + weight > this.#limits.maxBytes) {
      this.#expire(now) // the dead must not take the place of the living
      if (this.count >= this.#limits.maxCount || this.#bytes + weight > this.#limits.maxBytes) return false
    }
    this.#bytes += weight
    this.#ready.push({ message, seq: this.#seq++, weight, enqueuedAt: now, redelivered: false })
    return true
  }

  take(now: number): Entry | undefined {
    this.#expire(now)
    return this.#pop()
  }

  giveBack(entry: Entry): void {
    entry.redelivered = true
    this.#bytes += entry.weight
    let at = this.#returned.length
    while (at > 0 && (this.#returned[at - 1]?.seq ?? 0) < entry.seq) at--
    this.#returned.splice(at, 0, entry)
  }

  #expire(now: number): void {
    const { ttlMs } = this.#limits
    if (ttlMs === undefined) return
    for (let oldest = this.#oldest; oldest !== undefined && now - oldest.enqueuedAt > ttlMs; oldest = this.#oldest) this.#pop()
  }

  get #oldest(): Entry | undefined {
    return this.#returned.at(-1) ?? this.#ready[this.#head]
  }

  #pop(): Entry | undefined {
    const entry = this.#returned.pop() ?? this.#shift()
    if (entry !== undefined) this.#bytes -= entry.weight
    return entry
  }

  #shift(): Entry | undefined {
    const entry = this.#ready[this.#head]
    if (entry === undefined) return undefined
    this.#ready[this.#head++] = undefined // do not keep it alive
    if (this.#head >= 1_024 && this.#head * 2 >= this.#ready.length) {
      this.#ready = this.#ready.slice(this.#head)
      this.#head = 0
    }
    return entry
  }
}
