import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { Candidate, ClaimedVisit, ClaimOptions, Crawl, Fate, Frontier, Settlement, Trouble } from '@warren/frontier'
import { migrate, openFrontier } from '@warren/frontier'
import { type Answer, type CrawlConfig, defaultCrawlConfig, type UrlRef } from '@warren/protocol'
import { type TestDatabase, testAnswer, testDatabase } from '@warren/testkit'
import { canonicalize, fingerprint, hostKeyOf } from '@warren/web'
import pg from 'pg'

// The template's name holds what it was made from: a server that outlives the run must not hand out an older schema.
const MIGRATIONS = new URL('../migrations/', import.meta.url)
const schemaHash = createHash('sha256')
for (const file of readdirSync(MIGRATIONS).filter((name) => name.endsWith('.sql')))
  schemaHash.update(readFileSync(new URL(file, MIGRATIONS)))
const TEMPLATE = { name: `frontier ${schemaHash.digest('hex')}`, prepare: migrate }

/** A migrated database of its own with one frontier on it. */
export class World implements AsyncDisposable {
  readonly url: string
  readonly frontier: Frontier
  readonly #resources: AsyncDisposableStack

  private constructor(url: string, frontier: Frontier, resources: AsyncDisposableStack) {
    this.url = url
    this.frontier = frontier
    this.#resources = resources
  }

  static async create(): Promise<World> {
    await using stack = new AsyncDisposableStack()
    const database: TestDatabase = stack.use(await testDatabase({ template: TEMPLATE }))
    const frontier = stack.use(await openFrontier({ databaseUrl: database.url, slot: 0 }))
    return new World(database.url, frontier, stack.move())
  }

  /** Another process's view: connections and counter rows of its own. */
  async open(slot: number): Promise<Frontier> {
    return this.#resources.use(await openFrontier({ databaseUrl: this.url, slot }))
  }

  /** A session whose transactions the test opens and commits itself, to hold a schedule where it wants it. */
  async session(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url })
    await client.connect()
    this.#resources.defer(() => client.end())
    return client
  }

  async rows<Row>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.url })
    await client.connect()
    try {
      return (await client.query(text, values)).rows as Row[]
    } finally {
      await client.end()
    }
  }

  /** Makes every lease and visit run out, as time would. */
  async lapse(): Promise<void> {
    await this.rows(`with l as (update frontier.leases set until = now() - interval '1 s'),
        v as (update frontier.visits set until = now() - interval '1 s'),
        q as (update frontier.queues set due_at = now() - interval '1 s' where due_at < 'infinity')
      update frontier.hosts set lease_until = now() - interval '1 s', next_at = now() - interval '1 s' where visit is not null`)
  }

  /** Replaces text in the functions, each of which must be there: how a mutant is made. */
  async mutate(name: string, ...changes: readonly (readonly [from: string, to: string])[]): Promise<void> {
    const [row] = await this.rows<{ source: string }>(
      `select pg_get_functiondef(p.oid) as source from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'frontier' and proname = $1`,
      [name],
    )
    let source = row?.source ?? ''
    for (const [from, to] of changes) {
      if (!source.includes(from)) throw new Error(`Cannot mutate ${name}: it does not hold ${JSON.stringify(from)}`)
      source = source.replace(from, () => to)
    }
    await this.rows(`set search_path = frontier;\n${source}`)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync()
  }
}

export const FAST: CrawlConfig = { ...defaultCrawlConfig('Test/1'), delayMs: 0, addressSlots: 0 }

export const LEASE: ClaimOptions = { hosts: 50, urls: 500, visitQueueMs: 20_000, visitRunMs: 20_000, marginMs: 20_000 }

export function candidate(href: string, depth = 0, parentId: number | null = null, chain = 0, priority = 0): Candidate {
  const url = canonicalize(href)
  if (url === undefined) throw new TypeError(href)
  return { url, hostKey: hostKeyOf(url), fingerprint: fingerprint(url), depth, chain, priority, parentId }
}

let named = 0
/** A running crawl with its seeds. */
export async function startCrawl(frontier: Frontier, seeds: readonly string[], config: Partial<CrawlConfig> = {}): Promise<Crawl> {
  const crawl = await frontier.createCrawl({ name: `crawl ${++named}`, config: { ...FAST, ...config } })
  await frontier.seed(
    crawl.id,
    seeds.map((href) => candidate(href)),
  )
  await frontier.transition(crawl.id, 'start')
  return crawl
}

export const ANSWER = testAnswer()

/** Nobody listens; 10 s doubling to a minute. */
export const REFUSED: Trouble = {
  kind: 'unreachable',
  code: 'connect-refused',
  baseMs: 10_000,
  maxMs: 60_000,
  jitter: 1,
  floorMs: 0,
  throttled: false,
}
/** Never gives a host up. */
export const PATIENT = { unreachable: { tries: 1_000, ms: 0 }, refusing: { tries: 1_000, ms: 0 } }

export const done = (candidates: readonly Candidate[] = [], result: Partial<Answer> = {}): Fate => ({
  kind: 'done',
  result: { ...ANSWER, ...result },
  facts: null,
  candidates,
})

export const of = ({ crawlId, hostId, visitId }: ClaimedVisit) => ({ crawlId, hostId, visitId })

export const settled = (visit: ClaimedVisit, url: UrlRef, fate: Fate): Settlement => ({ ...of(visit), kind: 'url', url, fate })

type End = Extract<Settlement, { kind: 'end' }>
export const end = (visit: ClaimedVisit, over: Partial<End> = {}): End => ({
  ...of(visit),
  kind: 'end',
  ending: 'finished',
  unfetched: [],
  nextInMs: 0,
  stretchMs: 0,
  pageLeaseMs: 60_000,
  meanExchangeMs: 10,
  trouble: null,
  answered: true,
  addressGroup: null,
  ...over,
})

type Robots = Extract<Settlement, { kind: 'robots' }>
export function robots(
  visit: ClaimedVisit,
  result: Robots['result'] = { kind: 'allow-all', ttlMs: 3_600_000 },
  over: Partial<Robots> = {},
): Robots {
  const askingHostId = visit.work.kind === 'robots' ? visit.work.askingHostId : visit.hostId
  return {
    ...of(visit),
    kind: 'robots',
    askingHostId,
    result,
    nextInMs: 0,
    stretchMs: 0,
    meanExchangeMs: 10,
    trouble: null,
    answered: true,
    addressGroup: null,
    ...over,
  }
}

export const urlsOf = (visit: ClaimedVisit): readonly UrlRef[] => (visit.work.kind === 'pages' ? visit.work.urls : [])

export const paths = (visits: readonly ClaimedVisit[]): string[] => visits.flatMap((visit) => urlsOf(visit).map(({ url }) => url)).sort()

/** Claims; answers robots visits with allow-all on the way, so that what is returned are visits of pages. */
export async function claimPages(frontier: Frontier, options: Partial<ClaimOptions> = {}): Promise<ClaimedVisit[]> {
  for (let round = 0; ; round++) {
    const visits = await frontier.claim({ ...LEASE, ...options })
    const asking = visits.filter((visit) => visit.work.kind === 'robots')
    if (asking.length === 0) return visits
    await frontier.settle(asking.map((visit) => robots(visit)))
    for (const visit of visits) if (visit.work.kind === 'pages') await frontier.release(visit.visitId)
    if (round > 60) throw new Error('robots visits do not end')
  }
}

export async function onePage(frontier: Frontier, options: Partial<ClaimOptions> = {}): Promise<ClaimedVisit & { url: UrlRef }> {
  const [visit] = await claimPages(frontier, options)
  const [url] = visit === undefined ? [] : urlsOf(visit)
  if (visit === undefined || url === undefined) throw new Error('nothing was claimed')
  return { ...visit, url }
}

/** Fetches everything that can be claimed, `links` telling a page's; returns the URLs in the order they were claimed. */
export async function crawlAll(frontier: Frontier, links: (url: UrlRef) => readonly Candidate[] = () => []): Promise<string[]> {
  const fetched: string[] = []
  for (;;) {
    let visits = await claimPages(frontier)
    if (visits.length === 0) {
      const changes = await frontier.advance()
      visits = await claimPages(frontier)
      if (changes.length === 0 && visits.length === 0) return fetched
    }
    for (const visit of visits) {
      fetched.push(...urlsOf(visit).map(({ url }) => url))
      await frontier.settle([...urlsOf(visit).map((url) => settled(visit, url, done(links(url)))), end(visit)])
    }
  }
}
