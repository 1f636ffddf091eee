const LEAST = 4
/** A ring that a burst has made longer than this is dropped when it has run empty. */
const KEPT = 1_024

/** A queue on a ring that doubles when full. Cost: push and shift O(1), amortized; no allocation once the ring has its length. */
export class Fifo<T extends {}> {
  #ring: (T | undefined)[] = [] // its length is 0 or a power of two
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  get first(): T | undefined {
    return this.#size === 0 ? undefined : this.#ring[this.#head]
  }

  push(item: T): void {
    if (this.#size === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.#size++) & (this.#ring.length - 1)] = item
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined
    const item = this.#ring[this.#head]
    this.#ring[this.#head] = undefined // do not keep it alive
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    if (--this.#size === 0 && this.#ring.length > KEPT) this.#reset()
    return item
  }

  /** Removes and returns everything. */
  drain(): T[] {
    const items = this.#inOrder() as T[]
    this.#reset()
    return items
  }

  #inOrder(): (T | undefined)[] {
    const end = this.#head + this.#size
    const overlap = Math.max(0, end - this.#ring.length)
    return [...this.#ring.slice(this.#head, end), ...this.#ring.slice(0, overlap)]
  }

  #grow(): void {
    const length = Math.max(LEAST, 2 * this.#ring.length)
    const ring = this.#inOrder()
    ring.length = length
    this.#ring = ring
    this.#head = 0
  }

  #reset(): void {
    this.#ring = []
    this.#head = 0
    this.#size = 0
  }
}
