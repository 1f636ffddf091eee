import { type Clock, err, ok, type Result, systemClock, unwrap, type Waiting, type WatchReceiver, WorkerPool, watch } from '@warren/async'
import { type Lookup, notFound } from './name-servers.ts'

export interface NameCacheOptions {
  readonly lookup: Lookup
  readonly maxNames: number
  /** Lookups at once. */
  readonly concurrency: number
  readonly clock?: Clock
}

export interface NameCacheStats {
  hits: number
  misses: number
  /** Hits on a name that is known not to exist. */
  negative: number
}

export interface AddressOptions extends Waiting {
  /** A whole host waits for it, not one page. */
  readonly urgent?: boolean
}

const MINUTE_MS = 60_000
const MIN_TTL_MS = MINUTE_MS
const MAX_TTL_MS = 60 * MINUTE_MS
const NEGATIVE_MS = MINUTE_MS
const NOT_FOUND: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME'])

type Entry = { readonly addresses: readonly string[]; readonly until: number } | { readonly error: Error; readonly until: number }
type Answer = Result<readonly string[], unknown>

/** A name that is being looked up. */
interface Question {
  readonly name: string
  readonly answer: WatchReceiver<Answer | undefined>
  readonly withdrawal: AbortController
  waiting: number
  hasBegun: boolean
}

/**
 * Addresses of names, remembered for their TTL within 1 to 60 minutes; a name that does not exist, for one minute. A resolver that
 * failed is asked again. Bounded: the name used longest ago goes first, and so many are looked up at once. Several who ask for one name
 * share one lookup. Order: FIFO; urgent ones overtake a few others.
 */
export class NameCache {
  readonly stats: NameCacheStats = { hits: 0, misses: 0, negative: 0 }
  readonly #lookup: Lookup
  readonly #maxNames: number
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry>()
  readonly #questions = new Map<string, Question>()
  readonly #lookups: WorkerPool<Question, readonly string[]>

  constructor({ lookup, maxNames, concurrency, clock = systemClock }: NameCacheOptions) {
    this.#lookup = lookup
    this.#maxNames = maxNames
    this.#clock = clock
    this.#lookups = new WorkerPool({ concurrency, priorities: 2, run: (question) => this.#lookUp(question) })
  }

  get names(): number {
    return this.#entries.size
  }

  /**
   * Errors: the lookup's, with `code`; `signal.reason`.
   * Cancel safety: yes; a lookup that waits for its turn and that nobody waits for any more is withdrawn, one under way fills the cache.
   */
  async addressesOf(name: string, { signal, urgent = false }: AddressOptions = {}): Promise<readonly string[]> {
    signal?.throwIfAborted()
    const entry = this.#entries.get(name)
    if (entry !== undefined) {
      this.#entries.delete(name) // to the end: used last
      if (entry.until > this.#clock.now()) {
        this.#entries.set(name, entry)
        if ('error' in entry) {
          this.stats.negative++
          throw entry.error
        }
        this.stats.hits++
        return entry.addresses
      }
    }
    const question = this.#questions.get(name) ?? this.#ask(name, urgent)
    question.waiting++
    try {
      return unwrap(await question.answer.waitFor((answer) => answer !== undefined, { signal }))
    } finally {
      if (--question.waiting === 0 && !question.hasBegun) this.#withdraw(question)
    }
  }

  #ask(name: string, urgent: boolean): Question {
    this.stats.misses++
    const { sender, receiver } = watch<Answer | undefined>(undefined)
    const question: Question = { name, answer: receiver, withdrawal: new AbortController(), waiting: 0, hasBegun: false }
    this.#questions.set(name, question)
    const answer = (answer: Answer) => {
      if (question.hasBegun) this.#questions.delete(name) // else it was withdrawn, and may have been asked anew
      sender.send(answer)
    }
    this.#lookups.add(question, { priority: Number(urgent), signal: question.withdrawal.signal }).then(
      (addresses) => answer(ok(addresses)),
      (error) => answer(err(error)),
    )
    return question
  }

  #withdraw(question: Question): void {
    this.#questions.delete(question.name)
    question.withdrawal.abort()
  }

  async #lookUp(question: Question): Promise<readonly string[]> {
    const { name } = question
    question.hasBegun = true
    try {
      const { addresses, ttlMs } = await this.#lookup(name)
      if (addresses.length === 0) throw notFound(name)
      this.#keep(name, { addresses, until: this.#clock.now() + Math.min(MAX_TTL_MS, Math.max(MIN_TTL_MS, ttlMs)) })
      return addresses
    } catch (error) {
      if (error instanceof Error && 'code' in error && NOT_FOUND.has(error.code))
        this.#keep(name, { error, until: this.#clock.now() + NEGATIVE_MS })
      throw error
    }
  }

  #keep(name: string, entry: Entry): void {
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    if (this.#entries.size <= this.#maxNames) return
    const oldest = this.#entries.keys().next()
    if (!oldest.done) this.#entries.delete(oldest.value)
  }
}
