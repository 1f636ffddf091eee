import type { Frontier, Refusal } from '@warren/frontier'

/** Links that rules refused since the last flush, for people: a counter and one link per crawl, host and rule. A process that dies loses them. */
export class Refusals {
  readonly #frontier: Frontier
  #held = new Map<string, Refusal>()

  constructor(frontier: Frontier) {
    this.#frontier = frontier
  }

  add(refusal: Refusal): void {
    const key = `${refusal.crawlId} ${refusal.hostId} ${refusal.rule}`
    this.#held.set(key, { ...refusal, count: (this.#held.get(key)?.count ?? 0) + refusal.count })
  }

  async flush(): Promise<void> {
    const held = [...this.#held.values()]
    this.#held = new Map()
    await this.#frontier.addRefusals(held)
  }
}
