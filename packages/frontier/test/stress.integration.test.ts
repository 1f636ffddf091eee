// Several claimers and settlers at once over separate connections, with lost visits, zombies, retries and messages delivered twice.
// Mutants seen failing: claim without the `wait` fate (overlapping visits), expire without its counters, a retry that leaves its counters
// behind. The rare schedules are forced in schedules.integration.test.ts.
import type { ClaimedVisit, Frontier, Settlement } from '@warren/frontier'
import { expect, test } from 'vitest'
import { candidate, done, end, FAST, robots, settled, urlsOf, World } from './support.ts'

const HOSTS = 8
const PAGES = 1_500
const LEASE_MS = 400

/** Deterministic in its seed, so that a failing run can be had again. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const pageUrl = (page: number) => `http://host${page % HOSTS}.test/${page}`
const pageOf = (url: string) => Number(url.slice(url.lastIndexOf('/') + 1))

interface Tally {
  overlaps: number
  accepted: number
  readonly open: Map<string, { visitId: string; untilAtLeast: number }>
}

async function worker(frontier: Frontier, random: () => number, tally: Tally, ended: () => boolean): Promise<void> {
  const zombies: Promise<unknown>[] = []
  while (!ended()) {
    const calledAt = performance.now()
    const visits = await frontier.claim({ hosts: 3, urls: 60, visitQueueMs: 100, visitRunMs: 200, marginMs: LEASE_MS - 300 })
    for (const visit of visits) {
      const other = tally.open.get(visit.hostKey)
      if (other !== undefined && performance.now() < other.untilAtLeast) tally.overlaps++
      tally.open.set(visit.hostKey, { visitId: visit.visitId, untilAtLeast: calledAt + LEASE_MS })
    }
    for (const visit of visits) await run(visit)
    if (visits.length === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all(zombies)

  async function run(visit: ClaimedVisit): Promise<void> {
    const luck = random()
    if (luck < 0.03) return // lost: nobody ever hears of it
    const leave = () => {
      if (tally.open.get(visit.hostKey)?.visitId === visit.visitId) tally.open.delete(visit.hostKey)
    }
    if (visit.work.kind === 'robots') {
      leave()
      await frontier.settle([robots(visit)])
      return
    }
    if (luck < 0.05) {
      leave()
      await frontier.settle([end(visit, { ending: 'abandoned', answered: false })])
      return
    }
    const unfetched = urlsOf(visit).filter(() => random() < 0.05)
    const outcomes = urlsOf(visit)
      .filter((url) => !unfetched.includes(url))
      .map((url): Settlement => {
        if (random() < 0.05) return settled(visit, url, { kind: 'retry', afterMs: random() * 50, code: 'reset' })
        const page = pageOf(url.url)
        const back = Array.from({ length: 8 }, () => Math.floor(random() * PAGES))
        const links = [2 * page + 1, 2 * page + 2, ...back].filter((to) => to < PAGES)
        return settled(visit, url, done(links.map((to) => candidate(pageUrl(to), url.depth + 1, url.id))))
      })
    const report = async () => {
      tally.accepted += outcomes.length - (await frontier.settle(outcomes)).refusedStale
      if (random() < 0.1) tally.accepted += outcomes.length - (await frontier.settle(outcomes)).refusedStale
    }
    if (luck < 0.1) {
      // A zombie: stopped past its lease, then writes everything, its end included.
      zombies.push(
        new Promise((resolve) => setTimeout(resolve, LEASE_MS * 1.5)).then(async () => {
          await report()
          await frontier.settle([end(visit, { pageLeaseMs: 300 })])
        }),
      )
      return
    }
    leave()
    const ending = end(visit, { unfetched: unfetched.map(({ id }) => id), pageLeaseMs: 300 })
    if (random() < 0.5) await Promise.all([report(), frontier.settle([ending])])
    else {
      await frontier.settle([...outcomes, ending])
      await frontier.settle([...outcomes, ending])
    }
  }
}

test('frontier: every URL ends once and the counters are exact at every commit, whatever is lost, late or delivered twice', async () => {
  await using world = await World.create()
  const { frontier } = world
  const seed = Math.floor(Math.random() * 2 ** 31)
  console.info(`stress seed ${seed}`)
  const crawls = []
  for (const name of ['one', 'two']) {
    const crawl = await frontier.createCrawl({ name, config: FAST })
    await frontier.seed(crawl.id, [candidate(pageUrl(0))])
    await frontier.transition(crawl.id, 'start')
    crawls.push(crawl)
  }
  const tally: Tally = { overlaps: 0, accepted: 0, open: new Map() }
  const processes = [frontier, await world.open(1), await world.open(2)]
  let running = true
  const workers = processes.map((process, index) => worker(process, randomOf(seed + index), tally, () => !running))
  const discrepancies = []
  const judge = await world.open(3)
  const deadline = performance.now() + 25_000
  while (performance.now() < deadline) {
    await judge.expire()
    await judge.advance()
    for (const { id } of crawls) discrepancies.push(...(await judge.verify(id)))
    if ((await judge.crawls('unfinished')).length === 0) break
  }
  running = false
  await Promise.all(workers)

  expect(discrepancies).toEqual([])
  expect(tally.overlaps).toBe(0)
  for (const { id } of crawls) {
    expect(await judge.verify(id)).toEqual([])
    const counts = await judge.counts(id)
    expect(counts).toMatchObject({ discovered: PAGES, queued: 0, leased: 0, excluded: 0 })
    expect(counts.done + counts.failed).toBe(PAGES)
    expect((await judge.crawl(id))?.state).toBe('completed')
    // Only a URL whose visit was lost again and again may fail.
    expect(Object.keys((await judge.results(id)).failures).filter((code) => code !== 'crashed')).toEqual([])
  }
  expect(processes.map((process) => process.conflicts)).toEqual([0, 0, 0])
})
