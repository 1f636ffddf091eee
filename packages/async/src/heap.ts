/** A place in a heap. */
export interface Entry<T> {
  readonly at: number
  readonly item: T
}

interface Node<T> extends Entry<T> {
  readonly seq: number
  /** Where it stands in the heap; -1 when it is out. */
  index: number
}

/**
 * A binary min-heap over numbers: what has the least `at` comes first, of equal ones the one that was pushed first.
 * Cost: O(log n) to push, to pop, and to remove from anywhere.
 */
export class Heap<T> {
  readonly #nodes: Node<T>[] = []
  #pushed = 0

  get size(): number {
    return this.#nodes.length
  }

  /** The first entry; it stays. */
  get head(): Entry<T> | undefined {
    return this.#nodes[0]
  }

  push(at: number, item: T): Entry<T> {
    const node: Node<T> = { at, item, seq: this.#pushed++, index: this.#nodes.length }
    this.#nodes.push(node)
    this.#rise(node)
    return node
  }

  /** Takes an entry of this heap out; false: it was out. */
  remove(entry: Entry<T>): boolean {
    const node = entry as Node<T>
    if (node.index < 0) return false
    const last = this.#nodes.pop() as Node<T>
    if (last !== node) {
      this.#put(last, node.index)
      this.#rise(last)
      this.#sink(last)
    }
    node.index = -1
    return true
  }

  #rise(node: Node<T>): void {
    while (node.index > 0) {
      const parent = this.#nodes[(node.index - 1) >> 1] as Node<T>
      if (!isBefore(node, parent)) return
      this.#swap(node, parent)
    }
  }

  #sink(node: Node<T>): void {
    for (;;) {
      const left = this.#nodes[2 * node.index + 1]
      if (left === undefined) return
      const right = this.#nodes[2 * node.index + 2]
      const child = right !== undefined && isBefore(right, left) ? right : left
      if (!isBefore(child, node)) return
      this.#swap(child, node)
    }
  }

  #swap(up: Node<T>, down: Node<T>): void {
    const { index } = down
    this.#put(down, up.index)
    this.#put(up, index)
  }

  #put(node: Node<T>, index: number): void {
    this.#nodes[index] = node
    node.index = index
  }
}

const isBefore = <T>(a: Node<T>, b: Node<T>): boolean => (a.at === b.at ? a.seq < b.seq : a.at < b.at)
