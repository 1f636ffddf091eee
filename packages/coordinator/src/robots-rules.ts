import { parseRobots, type Robots } from '@warren/web'

/** Parsed robots.txt texts by digest, least recently used out, bounded by the bytes of the texts. */
export class RobotsRules {
  readonly #maxBytes: number
  readonly #entries = new Map<string, { robots: Robots; bytes: number }>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The rules of `body`, whose SHA-256 is `digest`; parsed at most once while it stays in the cache. */
  get(digest: string, body: Uint8Array): Robots {
    const hit = this.#entries.get(digest)
    if (hit !== undefined) {
      this.#entries.delete(digest)
      this.#entries.set(digest, hit)
      return hit.robots
    }
    const entry = { robots: parseRobots(body), bytes: body.byteLength }
    this.#entries.set(digest, entry)
    this.#bytes += entry.bytes
    for (const [oldest, { bytes }] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) break
      this.#entries.delete(oldest)
      this.#bytes -= bytes
    }
    return entry.robots
  }
}
