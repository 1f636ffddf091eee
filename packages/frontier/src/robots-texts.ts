import type { Database } from './database.ts'

/** Bytes of robots texts kept in memory. */
const CACHE_BYTES = 16 * 2 ** 20
const LOAD = 'select digest, body from frontier.robots_texts where digest = any($1)'

/** The robots texts by digest: an exact cache (a text never changes under its digest), oldest out first. */
export class RobotsTexts {
  readonly #db: Database
  readonly #cache = new Map<string, Uint8Array>()
  #bytes = 0

  constructor(db: Database) {
    this.#db = db
  }

  async load(digests: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>()
    const missing = new Set<string>()
    for (const digest of digests) {
      const body = this.#cache.get(digest)
      if (body === undefined) missing.add(digest)
      else found.set(digest, body)
    }
    if (missing.size > 0) {
      const rows = await this.#db.call<{ digest: string; body: Buffer }>('frontier.load-robots', LOAD, [[...missing]])
      for (const { digest, body } of rows) {
        found.set(digest, body)
        this.#keep(digest, body)
      }
    }
    return found
  }

  #keep(digest: string, body: Uint8Array): void {
    if (this.#cache.has(digest)) return
    this.#cache.set(digest, body)
    this.#bytes += body.byteLength
    for (const [oldest, bytes] of this.#cache) {
      if (this.#bytes <= CACHE_BYTES) break
      this.#cache.delete(oldest)
      this.#bytes -= bytes.byteLength
    }
  }
}
