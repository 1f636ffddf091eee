import { mapAll } from '@warren/async'
import { type Crawl, crawlLife, type Frontier } from '@warren/frontier'
import { CrawlError, type CrawlState } from '@warren/protocol'
import { type CanonicalRule, type CanonicalUrl, compileFilter, compilePriorities, inScope } from '@warren/web'

/** A crawl with everything that admission looks at, compiled. */
export interface OpenCrawl {
  readonly crawl: Crawl
  readonly filter: ReturnType<typeof compileFilter>
  /** Taken of the links of pages. */
  readonly canonicalRules: ReadonlySet<CanonicalRule>
  /** The priority of a URL by the crawl's expressions. */
  readonly priorityOf: ReturnType<typeof compilePriorities>
  roots: ReadonlySet<string>
  /** performance.now() from which on the roots are read again. */
  rootsDueAt: number
}

/** Roots are read again this often, because seeds of a running crawl add some, */
const ROOTS_MS = 1_000
/** but for at most a hundredth of the time: a crawl may have millions of them. */
const ROOTS_SHARE = 100
/** Crawls looked after at once: a part of the database's connections, so that claims and commits go on. */
const READS_AT_ONCE = 3

/**
 * The crawls this coordinator deals with: configuration and scope roots, read from the database when a crawl is first met and again
 * on every `refresh`. Roots only grow; a page that lies outside the roots we hold proves them stale, and they are read again.
 */
export class CrawlBook {
  readonly #frontier: Frontier
  readonly #onOpen: (crawl: Crawl) => void
  readonly #open = new Map<number, Promise<OpenCrawl | undefined>>()

  /** `onOpen` is told of an unfinished crawl that is met for the first time, or has another configuration. */
  constructor(frontier: Frontier, onOpen: (crawl: Crawl) => void = () => {}) {
    this.#frontier = frontier
    this.#onOpen = onOpen
  }

  /** Reads all unfinished crawls; forgets the others. Returns their states, for `control`. */
  async refresh(): Promise<{ id: number; state: CrawlState }[]> {
    const crawls = await this.#frontier.crawls('unfinished')
    const alive = new Set(crawls.map((crawl) => crawl.id))
    for (const id of this.#open.keys()) if (!alive.has(id)) this.#open.delete(id)
    await mapAll(crawls, READS_AT_ONCE, async (crawl) => {
      const held = await this.#open.get(crawl.id)
      const same = held !== undefined && JSON.stringify(held.crawl.config) === JSON.stringify(crawl.config)
      if (!same) this.#remember(crawl.id, this.#compile(crawl))
      else if (performance.now() > held.rootsDueAt) await this.rereadRoots(held)
    })
    return crawls.map(({ id, state }) => ({ id, state }))
  }

  /** The crawl, or undefined if there is none: it was deleted while messages about it were under way, or has failed. */
  get(crawlId: number): Promise<OpenCrawl | undefined> {
    let open = this.#open.get(crawlId)
    if (open === undefined) {
      open = this.#frontier.crawl(crawlId).then((crawl) => crawl && this.#compile(crawl))
      this.#remember(crawlId, open)
    }
    return open
  }

  /** True if links of `crawl` may lead to `url`. */
  isInScope(open: OpenCrawl, url: CanonicalUrl): boolean {
    return inScope(open.crawl.config.scope, open.roots, url)
  }

  /** Adds scope roots, here and in the database. */
  async addRoots(open: OpenCrawl, roots: readonly string[]): Promise<void> {
    const fresh = roots.filter((root) => !open.roots.has(root))
    if (fresh.length === 0) return
    await this.#frontier.addRoots(open.crawl.id, fresh)
    await this.rereadRoots(open)
  }

  async rereadRoots(open: OpenCrawl): Promise<void> {
    Object.assign(open, await this.#readRoots(open.crawl.id))
  }

  /** A crawl whose expressions cannot be read fails, and the others go on. */
  async #compile(crawl: Crawl): Promise<OpenCrawl | undefined> {
    const roots = await this.#readRoots(crawl.id)
    if ('fail' in crawlLife[crawl.state]) this.#onOpen(crawl)
    try {
      const { config } = crawl
      const canonicalRules = new Set(config.canonical)
      return { crawl, filter: compileFilter(config), canonicalRules, priorityOf: compilePriorities(config.priorities), ...roots }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      if ('fail' in crawlLife[crawl.state]) await this.#frontier.transition(crawl.id, 'fail', error.message).catch(ignoreConflict)
      return undefined
    }
  }

  async #readRoots(crawlId: number): Promise<Pick<OpenCrawl, 'roots' | 'rootsDueAt'>> {
    const from = performance.now()
    const roots = await this.#frontier.roots(crawlId)
    const now = performance.now()
    return { roots, rootsDueAt: now + Math.max(ROOTS_MS, (now - from) * ROOTS_SHARE) }
  }

  /** A failed read is not kept; whoever waits for it meets the failure. */
  #remember(crawlId: number, open: Promise<OpenCrawl | undefined>): void {
    this.#open.set(crawlId, open)
    open.catch(() => {
      if (this.#open.get(crawlId) === open) this.#open.delete(crawlId)
    })
  }
}

/** Somebody ended it in this moment. */
function ignoreConflict(error: unknown): void {
  if (!(error instanceof CrawlError) || error.code !== 'ERR_CRAWL_CONFLICT') throw error
}
