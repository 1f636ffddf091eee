/**
 * An exact, bounded cache of URLs that a crawl is known to hold, by fingerprint, in two generations: what was used since the last turn
 * survives the next one. It may only be told what is committed; it may forget, and then the database answers.
 * Invariant: `has` is true only if the database has that URL at that depth or a smaller one.
 * Cost: one or two hash look-ups; about 130 bytes an entry.
 */
export class KnownUrls {
  /** Most entries of one generation. */
  readonly #half: number
  #young = new Map<string, number>()
  #old = new Map<string, number>()

  /** `capacity`: entries of both generations together. */
  constructor(capacity: number) {
    this.#half = Math.max(1, Math.floor(capacity / 2))
  }

  /** True if nothing is gained by admitting this URL at this depth. */
  has(crawlId: number, fingerprint: string, depth: number): boolean {
    const key = `${crawlId}/${fingerprint}`
    const young = this.#young.get(key)
    if (young !== undefined) return young <= depth
    const old = this.#old.get(key)
    if (old === undefined) return false
    this.#put(key, old)
    return old <= depth
  }

  /** Call only after the commit that made it true. */
  add(crawlId: number, fingerprint: string, depth: number): void {
    const key = `${crawlId}/${fingerprint}`
    const known = this.#young.get(key) ?? this.#old.get(key)
    if (known === undefined || depth < known) this.#put(key, depth)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  #put(key: string, depth: number): void {
    if (this.#young.size >= this.#half) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, depth)
  }
}
