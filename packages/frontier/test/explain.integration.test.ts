import { type Explanation, type Frontier, openFrontier } from '@warren/frontier'
import type { CrawlConfig } from '@warren/protocol'
import type { CanonicalUrl, HostKey } from '@warren/web'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { candidate, claimPages, crawlAll, done, end, LEASE, onePage, robots, settled, startCrawl, urlsOf, World } from './support.ts'

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(() => world[Symbol.asyncDispose]())

const A = 'http://a.test/'
const KEY = 'http://a.test:80' as HostKey
const explain = (crawlId: number, url: string): Promise<Explanation> => world.frontier.explain(crawlId, url as CanonicalUrl)
/** A coordinator that claims. */
const beat = () => world.frontier.heartbeat({ name: 'one', fetchers: 1, holds: null })

describe('where a URL is', () => {
  test('not known: nothing of it, but its host and what rules refused on it', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, [A])
    expect(await explain(crawl.id, 'http://b.test/')).toMatchObject({ url: null, host: null, refusals: [] })
    const visit = await onePage(frontier)
    await frontier.addRefusals([
      { crawlId: crawl.id, hostId: visit.hostId, rule: 'scope', count: 3, sample: 'http://b.test/' },
      { crawlId: crawl.id, hostId: visit.hostId, rule: 'nofollow', count: 4, sample: 'http://a.test/x' },
    ])
    expect(await explain(crawl.id, `${A}x`)).toMatchObject({
      url: null,
      host: { key: KEY, queues: [{ crawlId: crawl.id, crawlState: 'running', closed: null }] },
      refusals: [
        { rule: 'nofollow', count: 4, sample: 'http://a.test/x' },
        { rule: 'scope', count: 3, sample: 'http://b.test/' },
      ],
    })
    const other = await startCrawl(frontier, ['http://c.test/'])
    expect(await explain(other.id, A)).toMatchObject({ url: null, host: { key: KEY }, refusals: [] })
  })

  test('from a seed to done: queued, leased by a worker, on its way, answered; the path leads back to the seed', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, [A])
    expect((await explain(crawl.id, A)).url).toMatchObject({
      state: 'queued',
      pass: 1,
      depth: 0,
      attempt: 1,
      path: [],
      foundOn: null,
      queue: { position: { place: 1, atLeast: false } },
      lease: null,
      answers: [],
    })
    const visit = await onePage(frontier)
    expect((await explain(crawl.id, A)).url).toMatchObject({
      state: 'leased',
      queue: null,
      lease: { visitId: visit.visitId, visit: { worker: null } },
    })
    await frontier.noteWorkers([{ hostId: visit.hostId, visitId: visit.visitId, worker: 'fetcher-1' }])
    expect(await explain(crawl.id, A)).toMatchObject({
      url: { lease: { visit: { worker: 'fetcher-1' } } },
      host: { visit: { id: visit.visitId, worker: 'fetcher-1', kind: 'pages', crawl: crawl.name } },
    })
    await frontier.settle([end(visit)])
    expect(await explain(crawl.id, A)).toMatchObject({ url: { state: 'leased', lease: { visit: null } }, host: { visit: null } })
    await frontier.settle([settled(visit, visit.url, done([candidate(`${A}1`, 1, visit.url.id)]))])
    expect((await explain(crawl.id, A)).url).toMatchObject({
      state: 'done',
      lease: null,
      answers: [
        { pass: 1, status: 200, changed: null, contentType: 'text/html', fetchedAt: new Date('2026-11-23T10:00:00.123Z'), attempt: 1 },
      ],
    })
    await crawlAll(frontier, (url) => (url.depth < 3 ? [candidate(`${A}${url.depth + 1}`, url.depth + 1, url.id)] : []))
    const { url } = await explain(crawl.id, `${A}3`)
    expect(url).toMatchObject({ state: 'done', depth: 3, foundOn: { url: `${A}2` } })
    expect(url?.path).toEqual(
      [A, `${A}1`, `${A}2`].map((at, depth) => ({ url: at, depth, chain: 0, fetchedAt: new Date('2026-11-23T10:00:00.123Z') })),
    )
  })

  test('a shorter way that is found later is the path; the page that brought it first is told too', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, [A, 'http://b.test/'])
    const visits = await claimPages(frontier)
    const [a] = visits.flatMap((visit) => (visit.hostKey === KEY ? urlsOf(visit).map((url) => ({ ...visit, url })) : []))
    const [b] = visits.flatMap((visit) => (visit.hostKey !== KEY ? urlsOf(visit).map((url) => ({ ...visit, url })) : []))
    if (a === undefined || b === undefined) throw new Error('both were due')
    await frontier.settle([settled(a, a.url, done([candidate('http://c.test/', 4, a.url.id)])), end(a)])
    await frontier.settle([settled(b, b.url, done([candidate('http://c.test/', 1, b.url.id)])), end(b)])
    expect((await explain(crawl.id, 'http://c.test/')).url).toMatchObject({
      depth: 1,
      path: [{ url: 'http://b.test/' }],
      foundOn: { url: A },
    })
  })

  test('of a long way the last 50 steps', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, [`${A}0`])
    await crawlAll(frontier, (url) => (url.depth < 60 ? [candidate(`${A}${url.depth + 1}`, url.depth + 1, url.id)] : []))
    const { url } = await explain(crawl.id, `${A}60`)
    expect(url?.path.map((step) => step.depth)).toEqual(Array.from({ length: 50 }, (_, i) => i + 10))
  })

  test('failed and excluded: code, rule, and every try before', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, [A, 'http://b.test/'])
    for (let attempt = 1; attempt <= 2; attempt++) {
      const visits = await claimPages(frontier)
      for (const visit of visits)
        for (const url of urlsOf(visit)) {
          const retry = { kind: 'retry', afterMs: 0, code: 'reset' } as const
          const last = { kind: 'failed', code: 'headers-timeout', detail: '2 attempts' } as const
          const fate =
            visit.hostKey !== KEY ? ({ kind: 'excluded', rule: 'robots', detail: 'line 2: /' } as const) : attempt === 1 ? retry : last
          await frontier.settle([settled(visit, url, fate), end(visit)])
        }
    }
    expect((await explain(crawl.id, A)).url).toMatchObject({
      state: 'failed',
      attempt: 2,
      failure: { code: 'headers-timeout', detail: '2 attempts' },
      tries: [{ pass: 1, attempt: 1, code: 'reset' }],
    })
    expect((await explain(crawl.id, 'http://b.test/')).url).toMatchObject({
      state: 'excluded',
      exclusion: { rule: 'robots', detail: 'line 2: /' },
    })
  })

  test('the answers of every pass, newest first, and where it is in this one', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, [A])
    await crawlAll(frontier)
    await frontier.startPass(crawl.id, { all: true })
    await frontier.advance()
    expect((await explain(crawl.id, A)).url).toMatchObject({ state: 'queued', pass: 2, answers: [{ pass: 1 }] })
    const visit = await onePage(frontier)
    await frontier.settle([settled(visit, visit.url, done([], { status: 304, digest: null })), end(visit)])
    expect((await explain(crawl.id, A)).url).toMatchObject({
      state: 'done',
      pass: 2,
      answers: [
        { pass: 2, status: 304, changed: false },
        { pass: 1, status: 200, changed: null },
      ],
    })
  })
})

describe('what a queued URL waits for', () => {
  const waits = async (crawlId: number, url = A) => (await explain(crawlId, url)).url?.queue?.waits ?? []
  /** A running crawl that discovers these one after the other. */
  const start = async (config: Partial<CrawlConfig> = {}, seeds: readonly string[] = [A]) => {
    await beat()
    const crawl = await startCrawl(world.frontier, seeds.slice(0, 1), config)
    for (const seed of seeds.slice(1)) await world.frontier.seed(crawl.id, [candidate(seed)])
    return crawl
  }
  /** Its rules are there, and nothing stands in the way. */
  const ready = () => world.rows(`update frontier.hosts set robots_access = 'allow-all', robots_expires = 'infinity'`)

  test('nothing: it is next', async () => {
    const crawl = await start()
    await ready()
    expect(await waits(crawl.id)).toEqual([])
  })
  test('a pause, an end, a crawl that has not begun', async () => {
    const { frontier } = world
    const crawl = await start()
    await ready()
    await frontier.transition(crawl.id, 'pause')
    expect(await waits(crawl.id)).toEqual([{ for: 'pause', inMs: null, detail: 'the crawl is paused' }])
    await frontier.transition(crawl.id, 'cancel')
    expect(await waits(crawl.id)).toEqual([{ for: 'crawl-state', inMs: null, detail: 'the crawl is cancelling (cancel)' }])
    const other = await frontier.createCrawl({ name: 'new', config: crawl.config })
    await frontier.seed(other.id, [candidate(A)])
    expect(await waits(other.id)).toMatchObject([{ for: 'crawl-state', detail: 'the crawl is created' }])
  })
  test('coordinators: none runs, or all of them hold back', async () => {
    const { frontier } = world
    const crawl = await start()
    await ready()
    await world.rows(`update frontier.coordinators set seen_at = now() - interval '1 min'`)
    const { url, coordinators, now } = await explain(crawl.id, A)
    expect(url?.queue?.waits).toEqual([{ for: 'coordinator', inMs: null, detail: 'no coordinator runs' }])
    expect(coordinators).toMatchObject({ alive: 0, holds: null })
    expect(now.getTime() - (coordinators.seenAt?.getTime() ?? 0)).toBeGreaterThan(59_000)
    await frontier.heartbeat({ name: 'two', fetchers: 0, holds: 'no fetcher takes visits' })
    expect(await waits(crawl.id)).toEqual([{ for: 'coordinator', inMs: null, detail: 'no fetcher takes visits' }])
    await beat() // another one does claim
    expect(await waits(crawl.id)).toEqual([])
  })
  test('budgets of the crawl: every place is reserved, bytes and time are spent', async () => {
    const { frontier } = world
    const crawl = await start({ maxPages: 1, maxBytes: 100, maxTimeMs: 1 }, [A, 'http://b.test/'])
    await ready()
    const visit = await onePage(frontier)
    const left = visit.hostKey === KEY ? 'http://b.test/' : A
    expect(await waits(crawl.id, left)).toEqual([{ for: 'budget', inMs: null, detail: 'max-pages: 0 of 1 are there, 1 under way' }])
    await frontier.settle([settled(visit, visit.url, done()), end(visit)])
    await world.rows('update frontier.crawls set ran_ms = 5')
    expect((await waits(crawl.id, left)).map(({ detail }) => detail)).toEqual([
      'max-pages: 1 of 1 are there, 0 under way',
      'max-bytes: 100 of 100 are there',
      'max-time: it is over',
    ])
  })
  test('the budget of its host: reserved, then spent', async () => {
    const { frontier } = world
    const crawl = await start({ maxPagesPerHost: 1 }, [A, `${A}2`])
    await ready()
    const visit = await onePage(frontier)
    const left = `${A}2`
    await frontier.settle([end(visit)])
    expect(await waits(crawl.id, left)).toEqual([
      { for: 'budget', inMs: null, detail: 'max-pages-per-host: 0 of 1 are there, 1 under way' },
    ])
    await frontier.settle([settled(visit, visit.url, done())])
    await world.rows('update frontier.queues set due_at = now()')
    await frontier.claim(LEASE)
    expect(await waits(crawl.id, left)).toEqual([{ for: 'budget', inMs: null, detail: 'max-pages-per-host is spent; it ends as excluded' }])
  })
  test('a level that is not open yet', async () => {
    const { frontier } = world
    const crawl = await start({ depthByLevel: true }, [A, `${A}2`])
    await ready()
    const visit = await onePage(frontier)
    const [first, second] = urlsOf(visit)
    if (first === undefined || second === undefined) throw new Error('two were seeded')
    await frontier.settle([settled(visit, first, done([candidate(`${A}3`, 1, first.id)])), end(visit)])
    expect(await waits(crawl.id, `${A}3`)).toEqual([
      { for: 'level', inMs: null, detail: 'depth 1 waits until nothing of depth 0 is queued or under way' },
    ])
  })
  test('its own retry, and why', async () => {
    const { frontier } = world
    const crawl = await start()
    await ready()
    const visit = await onePage(frontier)
    await frontier.settle([settled(visit, visit.url, { kind: 'retry', afterMs: 60_000, code: 'http-500' }), end(visit)])
    const [retry, ...rest] = await waits(crawl.id)
    expect(retry).toEqual({ for: 'retry', inMs: expect.closeTo(60_000, -4), detail: 'try 2 after http-500' })
    expect(rest).toEqual([])
    await world.rows(`update frontier.pending set crashes = 2`)
    expect(await waits(crawl.id)).toMatchObject([{ for: 'retry', detail: 'a visit with it was lost 2 times: it is asked for alone' }])
  })
  test('a visit of its host, for whichever crawl; first without, then with its fetcher', async () => {
    const { frontier } = world
    const crawl = await start()
    await ready()
    const other = await start({}, [`${A}other`])
    const visit = await onePage(frontier)
    const waiting = visit.crawlId === crawl.id ? { id: other.id, url: `${A}other` } : { id: crawl.id, url: A }
    expect(await waits(waiting.id, waiting.url)).toEqual([{ for: 'visit', inMs: null, detail: 'a visit of its host waits for a fetcher' }])
    await frontier.noteWorkers([{ hostId: visit.hostId, visitId: visit.visitId, worker: 'fetcher-1' }])
    const name = visit.crawlId === crawl.id ? crawl.name : other.name
    expect(await waits(waiting.id, waiting.url)).toEqual([
      { for: 'visit', inMs: null, detail: `fetcher-1 visits its host for crawl ${name}` },
    ])
  })
  test("the pace: the crawl's, an operator's, robots.txt's", async () => {
    const { frontier } = world
    const crawl = await start({ delayMs: 1_000 }, [A, `${A}2`])
    await ready()
    await world.rows(`update frontier.hosts set next_at = now() + interval '5 s'`)
    const [pace, ...rest] = await waits(crawl.id)
    expect(pace).toEqual({ for: 'pace', inMs: expect.closeTo(5_000, -3), detail: "1 s between requests, the crawl's" })
    expect(rest).toEqual([])
    expect(await waits(crawl.id, `${A}2`)).toMatchObject([{ for: 'pace' }, { for: 'other-urls', detail: '1 URL of its host goes first' }])
    await world.rows('update frontier.hosts set mean_exchange_ms = 1500')
    expect(await waits(crawl.id)).toMatchObject([{ for: 'pace', detail: "1 s between requests, the crawl's, stretched: one takes 1.5 s" }])
    await frontier.setPace(KEY, { delayMs: 2_000, width: null })
    expect(await waits(crawl.id)).toMatchObject([{ for: 'pace', detail: "2 s between requests, an operator's" }])
    await world.rows('update frontier.hosts set crawl_delay_ms = 30000')
    expect(await waits(crawl.id)).toMatchObject([{ for: 'pace', detail: "30 s between requests, robots.txt's Crawl-delay" }])
  })
  test('back-off, an open breaker, one that is half open, a closed one', async () => {
    const { frontier } = world
    const crawl = await start({ giveUp: { unreachable: { tries: 99, ms: 0 }, refusing: { tries: 99, ms: 0 } } }, [A, `${A}2`])
    await ready()
    const trouble = { kind: 'refusing', code: 'http-503', baseMs: 60_000, maxMs: 60_000, jitter: 1, floorMs: 0, throttled: true } as const
    for (let round = 1; round <= 3; round++) {
      const visit = await onePage(frontier)
      await frontier.settle([end(visit, { ending: 'stopped', unfetched: urlsOf(visit).map(({ id }) => id), trouble, answered: false })])
      const { url, host } = await explain(crawl.id, A)
      expect(url?.queue?.waits).toMatchObject([
        round < 3
          ? { for: 'back-off', detail: 'the host backs off: http-503' }
          : { for: 'breaker', detail: 'the breaker of the host is open: http-503, 3 visits in a row without a usable answer' },
      ])
      expect(host).toMatchObject({ breaker: { state: 'open', count: round, code: 'http-503' }, throttled: { count: round } })
      await world.rows(`update frontier.hosts set next_at = now()`)
      await world.rows(`update frontier.queues set due_at = now()`)
    }
    expect((await explain(crawl.id, A)).host?.breaker.state).toBe('half-open')
    expect(await waits(crawl.id, A)).toEqual([])
    expect(await waits(crawl.id, `${A}2`)).toEqual([
      { for: 'other-urls', inMs: null, detail: '1 URL of its host goes first; one is asked at a time until there is an answer' },
    ])
    const proof = await onePage(frontier)
    expect((await explain(crawl.id, A)).host?.breaker.state).toBe('half-open')
    await frontier.settle([settled(proof, proof.url, done()), end(proof)])
    expect((await explain(crawl.id, A)).host?.breaker).toMatchObject({ state: 'closed', count: 0, code: null })
  })
  test('robots.txt: not there yet, under way, redirected, out of reach', async () => {
    const { frontier } = world
    const crawl = await start()
    expect(await waits(crawl.id)).toEqual([{ for: 'robots', inMs: null, detail: 'robots.txt is asked for first' }])
    const [asking] = await frontier.claim(LEASE)
    if (asking === undefined) throw new Error('robots.txt is due')
    expect(await waits(crawl.id)).toEqual([{ for: 'robots', inMs: null, detail: 'robots.txt is being asked for' }])
    await frontier.settle([
      robots(asking, { kind: 'hop', url: 'http://b.test/r' as CanonicalUrl, hostKey: 'http://b.test:80' as HostKey, hop: 1 }),
    ])
    expect(await explain(crawl.id, A)).toMatchObject({
      url: { queue: { waits: [{ for: 'robots', detail: 'robots.txt was redirected to http://b.test/r' }] } },
      host: { robots: { access: null, redirect: { url: 'http://b.test/r', hop: 1 } } },
    })
    await world.rows('delete from frontier.robots_hops')
    await world.rows(`update frontier.hosts set robots_retry_at = now() + interval '1 min', trouble_code = 'dns-failed'`)
    expect(await waits(crawl.id)).toEqual([
      { for: 'robots', inMs: expect.closeTo(60_000, -3), detail: 'robots.txt is out of reach: dns-failed', code: 'dns-failed' },
    ])
  })
  test('its address: unknown, looked up, its calendar full, its slots taken', async () => {
    const { frontier } = world
    const crawl = await start({ addressSlots: 1, addressSpacingMs: 250 }, [A, 'http://b.test/'])
    await ready()
    expect(await waits(crawl.id)).toEqual([{ for: 'address', inMs: null, detail: 'its name is looked up first' }])
    const visits = await frontier.claim(LEASE)
    expect(await waits(crawl.id)).toEqual([{ for: 'address', inMs: null, detail: 'its name is being looked up' }])
    await frontier.settle(visits.map((visit) => end(visit, { addressGroup: '192.0.2.7/32', answered: false })))
    const [visit] = await frontier.claim(LEASE)
    if (visit === undefined) throw new Error('one of them is due')
    const other = visit.hostKey === KEY ? 'http://b.test/' : A
    await world.rows(`update frontier.addresses set next_at = now() + interval '10 s'`)
    expect(await waits(crawl.id, other)).toEqual([
      { for: 'address', inMs: expect.closeTo(10_000, -3), detail: 'other requests to 192.0.2.7/32 go first' },
    ])
    await world.rows(`update frontier.addresses set next_at = now()`)
    expect(await waits(crawl.id, other)).toEqual([
      { for: 'address', inMs: null, detail: '192.0.2.7/32 has as many open visits as it may have (1)' },
    ])
    expect((await explain(crawl.id, other)).host).toMatchObject({ address: { group: '192.0.2.7/32', nextAt: null, openVisits: 1 } })
  })
  test('a host that is blocked, and one that was given up: what is left of it ends', async () => {
    const { frontier } = world
    const crawl = await start()
    await frontier.block(KEY, 'asked to')
    expect(await waits(crawl.id)).toEqual([{ for: 'blocked', inMs: null, detail: 'asked to; it ends as excluded' }])
    expect((await explain(crawl.id, A)).host).toMatchObject({ blocked: 'asked to', queues: [{ closed: 'operator: asked to' }] })
    await frontier.unblock(KEY)
    await world.rows(`update frontier.queues set closed = 'given-up: connect-refused'`)
    expect(await waits(crawl.id)).toEqual([
      { for: 'closed', inMs: null, detail: 'its host was given up (connect-refused); it ends as failed' },
    ])
  })
  test('its place: retries that are due, then by priority, depth and discovery; counted up to 10 000', async () => {
    const { frontier } = world
    const crawl = await start({}, [`${A}seed`])
    await ready()
    const place = async (url: string) => (await explain(crawl.id, url)).url?.queue?.position
    for (const one of [candidate(`${A}deep`, 3), candidate(`${A}urgent`, 5, null, 0, 50), candidate(`${A}last`, 3)])
      await frontier.seed(crawl.id, [one])
    expect(await Promise.all(['urgent', 'seed', 'deep', 'last'].map((path) => place(A + path)))).toEqual(
      [1, 2, 3, 4].map((place) => ({ place, atLeast: false })),
    )
    await world.rows(`update frontier.pending set retry_at = now() where id = (select id from frontier.urls where url = $1)`, [`${A}last`])
    expect(await Promise.all(['last', 'urgent'].map((path) => place(A + path)))).toMatchObject([{ place: 1 }, { place: 2 }])
    await world.rows(
      `insert into frontier.pending (id, crawl_id, host_id, rank, pass, depth, chain, priority, attempt, crashes)
       select -n, $1, (select id from frontier.hosts), 0, 1, 0, 0, 100, 1, 0 from generate_series(1, 10001) n`,
      [crawl.id],
    )
    expect(await place(`${A}seed`)).toEqual({ place: 10_001, atLeast: true })
  })
})

test('no table that grows is read from end to end, and the partitions of other crawls are left alone', async () => {
  const { frontier } = world
  const crawl = await startCrawl(
    frontier,
    Array.from({ length: 5_000 }, (_, i) => `http://h${i % 500}.test/${i}`),
  )
  const visit = await onePage(frontier)
  await frontier.settle([settled(visit, visit.url, done()), end(visit)])
  await startCrawl(frontier, [A])
  await world.rows('analyze')
  await world.rows('select pg_stat_reset()')
  {
    await using alone: Frontier = await openFrontier({ databaseUrl: world.url, slot: 1 })
    await alone.explain(crawl.id, 'http://h7.test/7' as CanonicalUrl)
    await alone.host('http://h7.test:80' as HostKey, 100)
  }
  const read = async () =>
    await world.rows<{ relname: string; scanned: number }>(
      `select relname, seq_tup_read::int as scanned from pg_stat_all_tables
        where schemaname = 'frontier' and relname ~ '^(urls|pending|catalog|failures|exclusions|retries|hosts|queues|refusals)' and seq_scan + coalesce(idx_scan, 0) > 0`,
    )
  await expect.poll(async () => (await read()).length).toBeGreaterThan(5) // a session tells its statistics when it ends
  const tables = await read()
  expect(tables.filter(({ scanned }) => scanned > 10)).toEqual([])
  expect(tables.map(({ relname }) => relname).filter((name) => /_\d+$/.test(name) && !name.endsWith(`_${crawl.id}`))).toEqual([])
})

describe('a host', () => {
  test('nobody knows it, an operator has named it, crawls have work for it', async () => {
    const { frontier } = world
    expect(await frontier.host(KEY, 10)).toBeUndefined()
    await frontier.setPace(KEY, { delayMs: 5_000, width: 2 })
    expect(await frontier.host(KEY, 10)).toMatchObject({
      host: { pace: { delayMs: 5_000, width: 2 }, queues: [], visit: null, blocked: null },
    })
    const one = await startCrawl(frontier, [A, `${A}2`])
    const two = await startCrawl(
      frontier,
      [...Array(20).keys()].map((i) => `${A}${i}`),
    )
    const found = await frontier.host(KEY, 10)
    expect(found?.host.queues.map(({ crawl }) => crawl)).toEqual([one.name, two.name])
    expect([...(found?.queued ?? [])]).toEqual([
      [one.id, 2],
      [two.id, 10],
    ])
  })
})
