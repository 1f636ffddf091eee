/** A process of bench/frontier/main.ts: does what a coordinator asks of the frontier, as fast as it gets answers, and says how long each call took. */
import { interval } from '@warren/async'
import { type Candidate, type ClaimedVisit, type Fate, type Frontier, openFrontier, type Settlement } from '@warren/frontier'
import type { UrlRef } from '@warren/protocol'
import { testAnswer } from '@warren/testkit'
import { fingerprint, hostKeyOf } from '@warren/web'
import { addLinks, type Link, linksOfPages, random, urlOf } from './links.ts'

export interface Order {
  readonly databaseUrl: string
  readonly slot: number
  readonly crawlId: number
  readonly hosts: number
}

/** What a phase asks for, and how much of it at most. */
export interface Phase {
  readonly name: 'admit' | 'claim and settle' | 'with links'
  readonly seconds: number
  /** Calls to admit, or to claim. */
  readonly calls: number
  /** The first page number that nobody knows, for this process and phase alone. */
  readonly fresh: number
}

/** Milliseconds of each call, and how many rows all of them dealt with. */
export interface Timed {
  readonly ms: number[]
  rows: number
}
export type Report = Readonly<Record<'admit' | 'claim' | 'settle', Timed>> & { readonly seconds: number; readonly conflicts: number }

const BATCH = 500
const NEW = 50
const DEPTH = 6
const PAGES_PER_SETTLE = 100
const LINKS_PER_PAGE = 10
const NEW_PER_PAGE = 1
const CLAIM = { hosts: 50, urls: 500, visitQueueMs: 60_000, visitRunMs: 60_000, marginMs: 60_000 }
/** After a claim that met another one, as a coordinator that found nothing. */
const IDLE_MS = 5

const order: Order = JSON.parse(process.argv[2] ?? '{}')
const frontier = await openFrontier({ databaseUrl: order.databaseUrl, slot: order.slot })
process.on('message', (message: Phase | 'end') => {
  if (message === 'end') void frontier[Symbol.asyncDispose]().then(() => process.disconnect?.())
  else void run(frontier, message).then((report) => process.send?.(report))
})
process.send?.('ready')

async function run(frontier: Frontier, { name, seconds, calls, fresh }: Phase): Promise<Report> {
  const report: Record<'admit' | 'claim' | 'settle', Timed> = {
    admit: { ms: [], rows: 0 },
    claim: { ms: [], rows: 0 },
    settle: { ms: [], rows: 0 },
  }
  const idle = interval({ everyMs: IDLE_MS, missed: 'delay' })
  const pool = { hosts: order.hosts, rand: random(fresh), serial: { next: fresh } }
  const conflicts = frontier.conflicts
  const startedAt = performance.now()
  const until = startedAt + seconds * 1_000
  for (let call = 0; call < calls && performance.now() < until; call++) {
    if (name === 'admit') {
      const candidates = linksOfPages(BATCH, NEW, pool).map((link) => candidateOf(link, null))
      await timed(report.admit, BATCH, () => frontier.seed(order.crawlId, candidates))
      continue
    }
    const visits = await claim()
    for (const batch of settlements(visits, name === 'with links')) {
      const pages = batch.filter((entry) => entry.kind === 'url').length
      const { refusedStale } = await timed(report.settle, pages, () => frontier.settle(batch))
      if (refusedStale > 0) throw new Error(`${refusedStale} settlements were refused`)
    }
  }
  return { ...report, seconds: (performance.now() - startedAt) / 1_000, conflicts: frontier.conflicts - conflicts }

  async function claim(): Promise<ClaimedVisit[]> {
    for (;;) {
      const startedAt = performance.now()
      const visits = await frontier.claim(CLAIM)
      if (visits.length > 0) {
        report.claim.ms.push(performance.now() - startedAt)
        report.claim.rows += visits.reduce((sum, { work }) => sum + (work.kind === 'pages' ? work.urls.length : 0), 0)
        return visits
      }
      if (performance.now() > until) return []
      idle.reset()
      await idle.tick()
    }
  }

  /** Commits of about a hundred pages, each with the ends of the visits whose last page it has. */
  function settlements(visits: readonly ClaimedVisit[], withLinks: boolean): Settlement[][] {
    const batches: Settlement[][] = []
    let batch: Settlement[] = []
    let pages = 0
    for (const visit of visits) {
      const of = { crawlId: visit.crawlId, hostId: visit.hostId, visitId: visit.visitId }
      const urls = visit.work.kind === 'pages' ? visit.work.urls : []
      batch.push(...urls.map((url): Settlement => ({ ...of, kind: 'url', url, fate: done(visit, url, withLinks) })), { ...of, ...END })
      pages += urls.length
      if (pages < PAGES_PER_SETTLE) continue
      batches.push(batch)
      batch = []
      pages = 0
    }
    return batch.length > 0 ? [...batches, batch] : batches
  }

  function done(visit: ClaimedVisit, url: UrlRef, withLinks: boolean): Fate {
    const links = new Map<string, Link>()
    if (withLinks) addLinks(links, visit.hostId, LINKS_PER_PAGE, NEW_PER_PAGE, pool) // a host's id is its number here
    return { kind: 'done', result: ANSWER, facts: null, candidates: [...links.values()].map((link) => candidateOf(link, url.id)) }
  }
}

function candidateOf({ host, page }: Link, parentId: number | null): Candidate {
  const url = urlOf(host, page)
  return { url, hostKey: hostKeyOf(url), fingerprint: fingerprint(url), depth: DEPTH, chain: 0, priority: 0, parentId }
}

async function timed<T>(into: Timed, rows: number, call: () => Promise<T>): Promise<T> {
  const startedAt = performance.now()
  const result = await call()
  into.ms.push(performance.now() - startedAt)
  into.rows += rows
  return result
}

const END = {
  kind: 'end',
  ending: 'finished',
  unfetched: [],
  pageLeaseMs: 60_000,
  nextInMs: 0,
  stretchMs: 0,
  meanExchangeMs: null,
  trouble: null,
  answered: true,
  addressGroup: null,
} as const

const ANSWER = testAnswer({
  etag: '"33a64df551425fcc55e4d42a148795d9f25f89d4"',
  bodyBytes: 40_000,
  wireBytes: 9_000,
  firstByteMs: 50,
  totalMs: 90,
})
