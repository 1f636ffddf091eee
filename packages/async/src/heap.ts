/** A binary min-heap over numbers: what has the least `at` comes first, of equal ones the one that was pushed first. Cost: O(log n). */
export class Heap<T> {
  readonly #entries: Entry<T>[] = []
  #pushed = 0

  get size(): number {
    return this.#entries.length
  }

  /** The first entry; it stays. */
  get head(): { readonly at: number; readonly item: T } | undefined {
    return this.#entries[0]
  }

  push(at: number, item: T): void {
    const entries = this.#entries
    const entry = { at, seq: this.#pushed++, item }
    let hole = entries.length
    while (hole > 0) {
      const up = (hole - 1) >> 1
      const parent = entries[up] as Entry<T>
      if (!isBefore(entry, parent)) break
      entries[hole] = parent
      hole = up
    }
    entries[hole] = entry
  }

  /** Takes the first entry out. */
  pop(): T | undefined {
    const entries = this.#entries
    const head = entries[0]
    const last = entries.pop()
    if (head === undefined || last === undefined || head === last) return head?.item
    let hole = 0
    for (let down = 1; down < entries.length; down = 2 * hole + 1) {
      const right = entries[down + 1]
      const child = right !== undefined && isBefore(right, entries[down] as Entry<T>) ? right : (entries[down] as Entry<T>)
      if (!isBefore(child, last)) break
      entries[hole] = child
      hole = child === right ? down + 1 : down
    }
    entries[hole] = last
    return head.item
  }
}

interface Entry<T> {
  readonly at: number
  readonly seq: number
  readonly item: T
}

const isBefore = <T>(a: Entry<T>, b: Entry<T>): boolean => (a.at === b.at ? a.seq < b.seq : a.at < b.at)
