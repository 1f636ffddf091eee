/** Entries that may stand in each other's place: when all are taken, the one that was used longest ago gives way. */
const WAYS = 8
/** An entry is seven numbers: four of the fingerprint, then these. */
const CRAWL = 4
/** Plus 1; 0 is a free place. */
const DEPTH = 5
/** When it was used last. */
const USED = 6
const WORDS = 7

/**
 * An exact, bounded cache of URLs that a crawl is known to hold, by fingerprint. It may only be told what is committed; it may forget,
 * and then the database answers.
 * Invariant: `has` is true only if the database has that URL at that depth or a smaller one.
 * Cost: 28 bytes an entry, taken from the start; eight of them are looked at. No objects and no strings, since nothing may grow: a Map
 * copies itself when it doubles, and V8's table of the strings that are keys as well, which holds the event loop for 15 ms at 300 000.
 */
export class KnownUrls {
  readonly #ways: number
  readonly #groups: number
  readonly #entries: Int32Array
  /** The fingerprint that is looked for. */
  readonly #key = new Int32Array(4)
  #size = 0
  #clock = 0

  /** `capacity`: entries in all. */
  constructor(capacity: number) {
    this.#ways = Math.min(WAYS, capacity)
    this.#groups = Math.floor(capacity / this.#ways)
    this.#entries = new Int32Array(this.#groups * this.#ways * WORDS)
  }

  /** True if nothing is gained by admitting this URL at this depth. */
  has(crawlId: number, fingerprint: string, depth: number): boolean {
    const at = this.#find(crawlId, fingerprint)
    if (at < 0) return false
    this.#touch(at)
    return (this.#entries[at + DEPTH] as number) <= depth + 1
  }

  /** Call only after the commit that made it true. */
  add(crawlId: number, fingerprint: string, depth: number): void {
    const found = this.#find(crawlId, fingerprint)
    const at = found < 0 ? ~found : found
    const known = this.#entries[at + DEPTH] as number
    if (known === 0) this.#size++
    if (found < 0) {
      this.#entries.set(this.#key, at)
      this.#entries[at + CRAWL] = crawlId
    }
    if (found < 0 || depth + 1 < known) this.#entries[at + DEPTH] = depth + 1
    this.#touch(at)
  }

  get size(): number {
    return this.#size
  }

  #touch(at: number): void {
    this.#clock = (this.#clock + 1) | 0
    this.#entries[at + USED] = this.#clock
  }

  /** Where the entry is; if it is not there, the complement of where it belongs. */
  #find(crawlId: number, fingerprint: string): number {
    const entries = this.#entries
    const key = this.#key
    readUuid(fingerprint, key)
    // The end of a fingerprint is of the URL, its beginning of the host.
    const group = (((key[3] as number) ^ Math.imul(crawlId, 0x9e3779b1)) >>> 0) % this.#groups
    let oldest = 0
    let oldestAge = -1
    for (let way = 0, at = group * this.#ways * WORDS; way < this.#ways; way++, at += WORDS) {
      if (entries[at + DEPTH] === 0) return ~at // those behind it are free as well
      if (entries[at + 3] === key[3] && entries[at + CRAWL] === crawlId && this.#isAt(at)) return at
      const age = (this.#clock - (entries[at + USED] as number)) | 0 // right also after the clock has gone round
      if (age <= oldestAge) continue
      oldest = at
      oldestAge = age
    }
    return ~oldest
  }

  #isAt(at: number): boolean {
    for (let i = 0; i < 4; i++) if (this.#entries[at + i] !== this.#key[i]) return false
    return true
  }
}

/** The four words of a uuid in lower case. */
function readUuid(text: string, words: Int32Array): void {
  let word = 0
  let digits = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === HYPHEN) continue
    word = (word << 4) | (code <= NINE ? code - ZERO : code - LETTER_A + 10)
    if (++digits % 8 === 0) words[digits / 8 - 1] = word
  }
}

const HYPHEN = 0x2d
const ZERO = 0x30
const NINE = 0x39
const LETTER_A = 0x61
