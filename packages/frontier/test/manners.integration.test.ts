import type { ClaimedVisit, Trouble } from '@warren/frontier'
import type { HostKey } from '@warren/web'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  candidate,
  claimPages,
  crawlAll,
  done,
  end,
  FAST,
  LEASE,
  onePage,
  PATIENT,
  paths,
  REFUSED,
  robots,
  settled,
  startCrawl,
  urlsOf,
  World,
} from './support.ts'

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(() => world[Symbol.asyncDispose]())

const A = 'http://a.test/'
const KEY = 'http://a.test:80' as HostKey
const GROUP = '192.0.2.7/32'
const kinds = (visits: readonly ClaimedVisit[]) => visits.map(({ work }) => work.kind)
/** Time passes for hosts, their robots.txt and queues, and the calendars of address groups. */
const later = (ms: number) =>
  world.rows(
    `with q as (update frontier.queues set due_at = due_at - $1 * interval '1 ms' where due_at < 'infinity'),
      a as (update frontier.addresses set next_at = next_at - $1 * interval '1 ms')
    update frontier.hosts set next_at = next_at - $1 * interval '1 ms', throttled_at = throttled_at - $1 * interval '1 ms',
      robots_expires = robots_expires - $1 * interval '1 ms'`,
    [ms],
  )

describe('hosts that share an address', () => {
  const LIMITS = { addressSlots: 2, addressSpacingMs: 250, delayMs: 1_000 }
  const seeds = (hosts: number, each = 1) =>
    Array.from({ length: hosts * each }, (_, i) => `http://h${i % hosts}.test/${Math.floor(i / hosts)}`)

  /** All of them are known to be in one group, and allow everything. */
  async function onOneServer(hosts: number, each: number, limits = LIMITS) {
    const crawl = await startCrawl(world.frontier, seeds(hosts, each), limits)
    await world.rows(
      `with a as (insert into frontier.addresses (prefix) values ($1) returning id)
      update frontier.hosts set address_id = a.id, robots_access = 'allow-all', robots_expires = 'infinity' from a`,
      [GROUP],
    )
    return crawl
  }

  test('the first visit of a host only resolves its name; robots.txt is asked for under its address', async () => {
    const { frontier } = world
    await startCrawl(frontier, seeds(3), LIMITS)
    const first = await frontier.claim(LEASE)
    expect(first.map(({ work, addressGroup }) => [work.kind, addressGroup])).toEqual(Array(3).fill(['resolve', null]))
    await frontier.settle(first.map((visit) => end(visit, { addressGroup: GROUP, answered: false, meanExchangeMs: null })))
    const second = await frontier.claim(LEASE)
    expect(second.map(({ work, addressGroup }) => [work.kind, addressGroup])).toEqual([['robots', GROUP]])
  })

  test('a thousand names are one server: a call takes one of them, its requests fill the calendar, the others line up', async () => {
    const { frontier } = world
    await onOneServer(1_000, 10)
    const visits = await frontier.claim(LEASE)
    expect(visits).toHaveLength(1)
    expect(visits.flatMap(urlsOf)).toHaveLength(10)
    expect(await frontier.claim(LEASE)).toEqual([]) // 2.5 s are taken
    await later(1_500)
    expect(await frontier.claim(LEASE)).toEqual([])
    await later(1_500)
    const second = await frontier.claim(LEASE)
    expect(second).toHaveLength(1)
    // Over half a minute: the rate of the spacing, never more than the slots. Time that really passes counts too.
    const since = Date.now() - 4_000
    let requests = 20
    let open = [...visits, ...second]
    for (let round = 0; round < 30; round++) {
      await later(1_000)
      const more = await frontier.claim(LEASE)
      requests += more.flatMap(urlsOf).length
      open.push(...more)
      const [slots] = await world.rows<{ n: number }>('select count(*)::int as n from frontier.visits where until > now()')
      expect(slots?.n).toBeLessThanOrEqual(2)
      if (round % 3 !== 0) continue
      await frontier.settle(open.flatMap((visit) => [...urlsOf(visit).map((url) => settled(visit, url, done())), end(visit)]))
      open = []
    }
    expect(requests).toBeLessThanOrEqual((30_000 + Date.now() - since) / 250 + 10)
    expect(requests).toBeGreaterThan(60)
  })

  test('a slot is free again when its visit ends, or when its lease has run out', async () => {
    const { frontier } = world
    await onOneServer(4, 1, { ...LIMITS, addressSpacingMs: 0, addressSlots: 1 })
    const [visit] = await frontier.claim(LEASE)
    if (visit === undefined) throw new Error('a slot was free')
    await later(1_000)
    expect(await frontier.claim(LEASE)).toEqual([])
    await frontier.settle([end(visit)])
    await later(1_000)
    expect(await frontier.claim(LEASE)).toHaveLength(1)
    await world.lapse()
    await later(1_000)
    expect(await frontier.claim(LEASE)).toHaveLength(1)
  })

  test('a host that turns out to be elsewhere moves, and waits for its new group', async () => {
    const { frontier } = world
    await onOneServer(2, 3)
    const [visit] = await frontier.claim(LEASE)
    if (visit === undefined) throw new Error('a slot was free')
    expect(visit.addressGroup).toBe(GROUP)
    const moved = {
      ending: 'stopped',
      unfetched: urlsOf(visit).map(({ id }) => id),
      addressGroup: '2001:db8::/64',
      answered: false,
    } as const
    await frontier.settle([end(visit, moved)])
    const [again] = await frontier.claim(LEASE)
    expect([again?.hostId, again?.addressGroup, urlsOf(again as ClaimedVisit)]).toEqual([visit.hostId, '2001:db8::/64', urlsOf(visit)])
  })

  test('a name that leads elsewhere each time is visited all the same, under a slot', async () => {
    const { frontier } = world
    await onOneServer(1, 3)
    const groups: (string | null)[] = []
    for (let i = 1; i <= 4; i++) {
      const [visit] = await frontier.claim(LEASE)
      if (visit === undefined) throw new Error('its new group was free')
      groups.push(visit.addressGroup)
      const slots = await world.rows('select from frontier.visits where address_id is not null')
      expect(slots).toHaveLength(1)
      const unfetched = urlsOf(visit).map(({ id }) => id)
      const elsewhere = { addressGroup: `192.0.2.${100 + i}/32`, answered: false, meanExchangeMs: null }
      await frontier.settle([end(visit, { ending: 'stopped', unfetched, ...elsewhere })])
    }
    expect(groups).toEqual([GROUP, '192.0.2.101/32', '192.0.2.102/32', null])
    const [visit] = await frontier.claim(LEASE)
    await frontier.settle([
      end(visit as ClaimedVisit, { addressGroup: '192.0.2.104/32', unfetched: urlsOf(visit as ClaimedVisit).map(({ id }) => id) }),
    ])
    await later(10_000)
    expect((await frontier.claim(LEASE))[0]?.addressGroup).toBe('192.0.2.104/32') // a request was made, so it has settled
  })

  test('without limits nobody is resolved and nobody waits', async () => {
    await startCrawl(world.frontier, seeds(5), { ...LIMITS, addressSlots: 0 })
    expect(kinds(await world.frontier.claim(LEASE))).toEqual(Array(5).fill('robots'))
  })
})

describe('the breaker of a host', () => {
  const seeds = Array.from({ length: 20 }, (_, i) => `${A}${i}`)
  const fail = async (trouble: Trouble) => {
    const [visit] = await claimPages(world.frontier)
    if (visit === undefined) throw new Error('the host was due')
    const unfetched = urlsOf(visit).map(({ id }) => id)
    await world.frontier.settle([end(visit, { ending: 'stopped', unfetched, trouble, answered: false })])
    return unfetched.length
  }

  test('after three failures one request proves the host; an answer closes the breaker', async () => {
    const { frontier } = world
    await startCrawl(frontier, seeds, { giveUp: PATIENT })
    const sizes: number[] = []
    for (let i = 0; i < 4; i++) {
      sizes.push(await fail(REFUSED))
      expect(await frontier.claim(LEASE)).toEqual([]) // open
      await later(100_000)
    }
    expect(sizes).toEqual([20, 20, 20, 1])
    const probe = await onePage(frontier)
    await frontier.settle([settled(probe, probe.url, done()), end(probe)])
    const [next] = await claimPages(frontier)
    expect(urlsOf(next as ClaimedVisit)).toHaveLength(19)
  })

  test('429 doubles its wait although pages come in between; half an hour without one forgets it', async () => {
    const { frontier } = world
    await startCrawl(frontier, seeds, { giveUp: PATIENT })
    const throttled: Trouble = { ...REFUSED, kind: 'refusing', code: 'http-429', baseMs: 1_000, maxMs: 100_000, throttled: true }
    const waits: number[] = []
    const round = async () => {
      const visit = await onePage(frontier)
      const [, ...rest] = urlsOf(visit)
      const stopped = { ending: 'stopped', unfetched: rest.map(({ id }) => id), trouble: throttled, answered: true } as const
      await frontier.settle([settled(visit, visit.url, done()), end(visit, stopped)])
      const [host] = await world.rows<{ ms: string }>('select extract(epoch from next_at - now()) * 1000 as ms from frontier.hosts')
      waits.push(Math.round(Number(host?.ms) / 1_000))
    }
    for (let i = 0; i < 3; i++) {
      await round()
      await later(10_000)
    }
    await later(31 * 60_000)
    await round()
    expect(waits).toEqual([1, 2, 4, 1])
  })
})

describe("an operator's word", () => {
  test('setPace: at once, for every crawl; a longer Crawl-delay holds; null gives the pace back', async () => {
    const { frontier } = world
    await startCrawl(frontier, [`${A}1`, `${A}2`])
    const visit = await onePage(frontier)
    await frontier.setPace(KEY, { delayMs: 5_000, width: 3 })
    expect(await frontier.recalledVisits()).toEqual([visit.visitId])
    await frontier.settle([end(visit, { ending: 'stopped', unfetched: urlsOf(visit).map(({ id }) => id) })])
    expect(await frontier.recalledVisits()).toEqual([])
    await later(4_000)
    expect(await frontier.claim(LEASE)).toEqual([]) // it counts from the end of a visit too
    const next = async () => {
      await later(100_000)
      const [visit] = await claimPages(frontier)
      if (visit === undefined) throw new Error('the host was due')
      await frontier.release(visit.visitId)
      return [visit.delayMs, visit.width]
    }
    expect(await next()).toEqual([5_000, 3])
    await world.rows('update frontier.hosts set crawl_delay_ms = 7000')
    expect(await next()).toEqual([7_000, 3])
    await world.rows('update frontier.hosts set crawl_delay_ms = null')
    await frontier.setPace(KEY, { delayMs: null, width: null })
    expect(await next()).toEqual([0, 1])
  })

  test("setPace: a faster pace holds between visits too, but for the host's own slowness", async () => {
    const { frontier } = world
    await startCrawl(frontier, [`${A}1`, `${A}2`, `${A}3`])
    const first = await onePage(frontier)
    await frontier.setPace(KEY, { delayMs: 500, width: null })
    const rest = (visit: ClaimedVisit) => ({ ending: 'stopped', unfetched: urlsOf(visit).map(({ id }) => id) }) as const
    await frontier.settle([end(first, { ...rest(first), nextInMs: 10_000, stretchMs: 100 })])
    await later(600)
    const second = await onePage(frontier)
    await frontier.settle([end(second, { ...rest(second), nextInMs: 10_000, stretchMs: 5_000 })])
    await later(4_000)
    expect(await frontier.claim(LEASE)).toEqual([])
    await later(1_100)
    await onePage(frontier)
  })

  test('block: the visit is recalled, what is queued and what is found later ends as excluded, unblock queues it again', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, [`${A}1`, `${A}2`])
    const visit = await onePage(frontier)
    await frontier.block(KEY, 'the owner asked')
    expect(await frontier.recalledVisits()).toEqual([visit.visitId])
    await frontier.settle([end(visit, { ending: 'stopped', unfetched: urlsOf(visit).map(({ id }) => id) })])
    expect(await claimPages(frontier)).toEqual([])
    expect(await frontier.closeStep()).toBe(2)
    await frontier.seed(crawl.id, [candidate(`${A}3`), candidate('http://b.test/')])
    expect(await frontier.closeStep()).toBe(1)
    expect((await frontier.results(crawl.id)).exclusions).toEqual({ operator: 3 })
    expect(await world.rows('select distinct detail from frontier.exclusions')).toEqual([{ detail: 'the owner asked' }])
    expect(await frontier.verify(crawl.id)).toEqual([])
    expect(await frontier.unblock(KEY)).toBe(3)
    expect(await frontier.unblock(KEY)).toBe(0)
    expect(await frontier.verify(crawl.id)).toEqual([])
    expect((await crawlAll(frontier)).toSorted()).toEqual([`${A}1`, `${A}2`, `${A}3`, 'http://b.test/'])
  })

  test('block: a host that no crawl has met yet is never fetched', async () => {
    const { frontier } = world
    await frontier.block(KEY, 'the owner asked')
    const crawl = await startCrawl(frontier, [A])
    expect(await frontier.claim(LEASE)).toEqual([])
    await frontier.closeStep()
    await frontier.advance()
    expect(await frontier.crawl(crawl.id)).toMatchObject({ state: 'completed' })
    expect(await frontier.counts(crawl.id)).toMatchObject({ excluded: 1 })
  })

  test('revive: a host that was given up is tried again, its URLs are queued again', async () => {
    const { frontier } = world
    const giveUp = { unreachable: { tries: 1, ms: 0 }, refusing: { tries: 1, ms: 0 } }
    const crawl = await startCrawl(frontier, [`${A}1`, `${A}2`, 'http://b.test/'], { giveUp })
    const visits = await claimPages(frontier)
    const visit = visits.find(({ hostKey }) => hostKey === KEY) as ClaimedVisit
    await frontier.settle([
      end(visit, {
        ending: 'stopped',
        unfetched: urlsOf(visit).map(({ id }) => id),
        trouble: { ...REFUSED, baseMs: 60_000 },
        answered: false,
      }),
    ])
    expect(await frontier.closeStep()).toBe(2)
    expect((await frontier.results(crawl.id)).failures).toEqual({ 'given-up: connect-refused': 2 })
    expect(await frontier.revive(KEY)).toBe(2)
    expect(await frontier.revive('http://nobody.test:80' as HostKey)).toBeUndefined()
    expect(await frontier.verify(crawl.id)).toEqual([])
    await later(1_100)
    expect(paths(await claimPages(frontier))).toEqual([`${A}1`, `${A}2`])
  })
})

describe('budgets of a host', () => {
  const seeds = Array.from({ length: 5 }, (_, i) => [`${A}${i}`, `http://b.test/${i}`]).flat()

  test('pages: exact for each host; what is no page gives its place back; the rest is excluded', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, seeds, { maxPagesPerHost: 3 })
    const visits = await claimPages(frontier)
    expect(visits.map((visit) => urlsOf(visit).length)).toEqual([3, 3])
    for (const visit of visits) {
      const [first, ...rest] = urlsOf(visit)
      if (first === undefined) throw new Error('three were claimed')
      await frontier.settle([
        settled(visit, first, { kind: 'failed', code: 'reset', detail: '' }),
        ...rest.map((url) => settled(visit, url, done())),
        end(visit),
      ])
    }
    const more = await claimPages(frontier)
    expect(more.map((visit) => urlsOf(visit).length)).toEqual([1, 1])
    for (const visit of more) await frontier.settle([...urlsOf(visit).map((url) => settled(visit, url, done())), end(visit)])
    expect(await claimPages(frontier)).toEqual([])
    await frontier.closeStep()
    await frontier.advance()
    expect(await frontier.crawl(crawl.id)).toMatchObject({ state: 'completed' })
    expect(await frontier.counts(crawl.id)).toMatchObject({ done: 6, failed: 2, excluded: 2 })
    expect(await frontier.verify(crawl.id)).toEqual([])
    expect(await world.rows('select distinct rule, detail from frontier.exclusions')).toEqual([
      { rule: 'budget', detail: 'max-pages-per-host' },
    ])
  })

  test('pages: a lost visit gives all its places back', async () => {
    const { frontier } = world
    await startCrawl(
      frontier,
      seeds.filter((url) => url.startsWith(A)),
      { maxPagesPerHost: 3 },
    )
    await claimPages(frontier)
    await world.lapse()
    await frontier.expire()
    expect(await world.rows('select leased, done from frontier.queues')).toEqual([{ leased: 0, done: 0 }])
    const [visit] = await claimPages(frontier)
    await frontier.release((visit as ClaimedVisit).visitId)
    expect(await world.rows('select leased, done from frontier.queues')).toEqual([{ leased: 0, done: 0 }])
  })

  test.each([
    { name: 'bytes', budget: { maxBytesPerHost: 150 }, claims: 2 },
    { name: 'time', budget: { maxTimePerHostMs: 60_000 }, claims: 1 },
  ])('$name: nothing more of the host is claimed when it is spent, other hosts go on', async ({ budget, claims }) => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, seeds, { ...budget, hostConcurrency: 1 })
    await world.rows('update frontier.hosts set mean_exchange_ms = 2000') // a visit of one URL
    for (let i = 0; i < claims; i++) {
      const visits = await claimPages(frontier)
      expect(visits).toHaveLength(2)
      await world.rows(`update frontier.visits set began_at = began_at - interval '61 s'`)
      for (const visit of visits)
        await frontier.settle([...urlsOf(visit).map((url) => settled(visit, url, done())), end(visit, { meanExchangeMs: null })])
    }
    expect(await claimPages(frontier)).toEqual([])
    await frontier.closeStep()
    await frontier.advance()
    expect(await frontier.counts(crawl.id)).toMatchObject({ done: 2 * claims, excluded: 10 - 2 * claims })
    expect((await frontier.crawl(crawl.id))?.state).toBe('completed')
  })
})

describe('priorities', () => {
  const order = async () => {
    const fetched: string[] = []
    for (let visit = (await claimPages(world.frontier, { urls: 1 }))[0]; visit !== undefined; ) {
      fetched.push(...urlsOf(visit).map(({ url }) => url.slice(A.length)))
      await world.frontier.settle([...urlsOf(visit).map((url) => settled(visit as ClaimedVisit, url, done())), end(visit)])
      visit = (await claimPages(world.frontier, { urls: 1 }))[0]
    }
    return fetched
  }
  const offers = [candidate(`${A}deep-high`, 3, null, 0, 50), candidate(`${A}low`, 0, null, 0, -50), candidate(`${A}high`, 1, null, 0, 50)]

  test('higher first, then depth, then discovery', async () => {
    const crawl = await startCrawl(world.frontier, [`${A}first`, `${A}second`])
    await world.frontier.seed(crawl.id, offers)
    expect(await order()).toEqual(['high', 'deep-high', 'first', 'second', 'low'])
  })

  test('with levels the depth comes first; switching levels on and off orders what is queued anew', async () => {
    const crawl = await startCrawl(world.frontier, [`${A}first`], { depthByLevel: true })
    await world.frontier.seed(crawl.id, offers)
    expect(await world.frontier.verify(crawl.id)).toEqual([])
    await world.frontier.setConfig(crawl.id, { ...crawl.config, depthByLevel: false })
    expect(await world.frontier.verify(crawl.id)).toEqual([])
    await world.frontier.setConfig(crawl.id, { ...crawl.config, depthByLevel: true })
    const first: string[] = []
    for (let round = 0; round < 3; round++) {
      first.push(...(await order()))
      await world.frontier.advance()
    }
    expect(first).toEqual(['first', 'low', 'high', 'deep-high'])
  })

  test('a queued URL that is offered with a higher priority takes it', async () => {
    const crawl = await startCrawl(world.frontier, [`${A}first`, `${A}second`])
    await world.frontier.seed(crawl.id, [candidate(`${A}second`, 2, null, 0, 10)])
    expect(await world.rows('select depth, priority from frontier.pending order by priority')).toEqual([
      { depth: 0, priority: 0 },
      { depth: 0, priority: 10 },
    ])
    expect(await order()).toEqual(['second', 'first'])
  })
})

test('crawls: a crawl of twice the weight has twice as much leased', async () => {
  const { frontier } = world
  const many = (name: string) => Array.from({ length: 400 }, (_, i) => `http://${name}${i}.test/`)
  const light = await startCrawl(frontier, many('a'), { weight: 1 })
  const heavy = await startCrawl(frontier, many('b'), { weight: 2 })
  await world.rows(`update frontier.hosts set robots_access = 'allow-all', robots_expires = 'infinity'`)
  for (let i = 0; i < 30; i++) await frontier.claim({ ...LEASE, hosts: 10, urls: 10 })
  const [a, b] = [(await frontier.counts(light.id)).leased, (await frontier.counts(heavy.id)).leased]
  expect(a + b).toBe(300)
  expect(b / a).toBeGreaterThan(1.7)
  expect(b / a).toBeLessThan(2.3)
})

test('start: who runs a visit is noted, and only of the visit that is open', async () => {
  const { frontier } = world
  await startCrawl(frontier, [A], FAST)
  const visit = await onePage(frontier)
  const { hostId, visitId } = visit
  await frontier.noteWorkers([{ hostId, visitId, worker: 'one:1' }])
  await frontier.noteWorkers([{ hostId, visitId: crypto.randomUUID(), worker: 'two:2' }])
  expect(await world.rows('select worker from frontier.visits')).toEqual([{ worker: 'one:1' }])
})

test('robots: a day of a site without robots.txt costs one request', async () => {
  const { frontier } = world
  await startCrawl(frontier, [`${A}1`, `${A}2`])
  const next = async () => {
    const [visit] = await frontier.claim(LEASE)
    if (visit === undefined) throw new Error('the host was due')
    return visit
  }
  await frontier.settle([robots(await next(), { kind: 'allow-all', ttlMs: 86_400_000 })])
  await later(43_200_000)
  const visit = await next()
  expect(visit.work.kind).toBe('pages')
  await frontier.release(visit.visitId)
  await later(43_200_000)
  expect((await next()).work.kind).toBe('robots')
})
