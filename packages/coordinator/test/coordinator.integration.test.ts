// Mutants seen failing: claim without demand; a visit that cannot be prepared, or is refused, without release; release after a lost confirm;
// no refill; known URLs remembered from a stale page; a refused batch dead-lettered whole; a crawl not announced before its first visit, states
// told only when due; a failed read kept; any redirect widens the scope; the window not looked at, for visits or for URLs.
import type { Frontier } from '@warren/frontier'
import { CrawlError, defaultCrawlConfig, type UrlOutcome } from '@warren/protocol'
import type { HostKey } from '@warren/web'
import { afterEach, expect, test, vi } from 'vitest'
import { type Scene, startScene } from './scene.ts'

let scene: Scene
afterEach(async () => {
  vi.restoreAllMocks()
  expect(await scene.frontier.accountingGap()).toBe(0)
  for (const { id } of await scene.frontier.crawls()) expect(await scene.frontier.verify(id)).toEqual([])
  await scene[Symbol.asyncDispose]()
})

const A = 'http://a.test'
const B = 'http://b.test'
const pages = () => scene.requested.filter((url) => !url.endsWith('/robots.txt')).sort()
const redirect = (location: string) => ({ status: 301, location })
const away = () => new CrawlError('ERR_STORE_UNAVAILABLE', 'away')
async function catalog(frontier: Frontier, crawlId: number) {
  const { rows } = await frontier.catalog(crawlId, null, 1_000)
  return rows
}

test('robots: what its rules forbid is settled as excluded between claim and publish, and never in a visit', async () => {
  scene = await startScene()
  const crawl = await scene.crawl([`${A}/`])
  await scene.answer({
    [`${A}/robots.txt`]: { text: 'User-agent: *\nDisallow: /no' },
    [`${A}/`]: { links: [`${A}/1`, `${A}/no/1`, `${A}/no/2`, `${A}/2`] },
    [`${A}/1`]: 200,
    [`${A}/2`]: 200,
  })
  await scene.ended(crawl)
  expect(pages()).toEqual([`${A}/`, `${A}/1`, `${A}/2`])
  expect((await scene.frontier.results(crawl.id)).exclusions).toEqual({ robots: 2 })
})

test('robots: a visit whose first URLs are all forbidden is refilled until one is allowed', async () => {
  scene = await startScene({ CLAIM_URLS: 3 })
  const release = vi.spyOn(scene.frontier, 'release')
  const crawl = await scene.crawl([...Array.from({ length: 20 }, (_, i) => `${A}/no/${i}`), `${A}/yes`])
  await scene.answer({ [`${A}/robots.txt`]: { text: 'User-agent: *\nDisallow: /no' }, [`${A}/yes`]: 200 })
  await scene.ended(crawl)
  expect(pages()).toEqual([`${A}/yes`])
  expect(scene.visits.map(({ work }) => work.kind)).toEqual(['robots', 'pages'])
  expect(release).not.toHaveBeenCalled() // one lease did for all of them
  expect((await scene.frontier.counts(crawl.id)).excluded).toBe(20)
})

test('robots: a redirect to another host is followed there, and what it says holds for the host that asked', async () => {
  scene = await startScene()
  const crawl = await scene.crawl([`${A}/`, `${A}/no`])
  await scene.answer({
    [`${A}/robots.txt`]: redirect(`${B}/rules/robots.txt`),
    [`${B}/rules/robots.txt`]: { text: 'User-agent: *\nDisallow: /no' },
    [`${A}/`]: 200,
  })
  await scene.ended(crawl)
  expect(scene.visits.map(({ hostKey, work }) => `${work.kind} ${hostKey}`)).toEqual([
    'robots http://a.test:80',
    'robots http://b.test:80',
    'pages http://a.test:80',
  ])
  expect(pages()).toEqual([`${A}/`])
  expect((await scene.frontier.counts(crawl.id)).excluded).toBe(1)
})

test("canonical rules: links that differ by what a rule is about are one URL, a redirect's target stays as it is", async () => {
  scene = await startScene()
  await scene.answer({
    [`${A}/`]: { status: 200, links: [`${A}/a/`, `${A}/a?utm_source=x`, `${A}/b?utm_source=y&id=1`, `${A}/b?id=1`] },
    [`${A}/a`]: redirect(`${A}/a/`),
    [`${A}/a/`]: 200,
    [`${A}/b?id=1`]: 200,
  })
  await scene.ended(await scene.crawl([`${A}/`], { canonical: ['no-tracking', 'no-trailing-slash'] }))
  expect(pages()).toEqual([`${A}/`, `${A}/a`, `${A}/a/`, `${A}/b?id=1`])
})

test('redirects: that of a seed widens the scope, that of any other page does not', async () => {
  scene = await startScene()
  const crawl = await scene.crawl([`${A}/`, `${A}/moved`])
  await scene.answer({
    [`${A}/`]: { links: [`${A}/away`] },
    [`${A}/away`]: redirect('http://c.test/'),
    [`${A}/moved`]: redirect(`${B}/`),
    [`${B}/`]: { links: [`${B}/1`, 'http://c.test/1'] },
    [`${B}/1`]: 200,
  })
  await scene.ended(crawl)
  expect(pages()).toEqual([`${A}/`, `${A}/away`, `${A}/moved`, `${B}/`, `${B}/1`])
})

test('redirects: a chain keeps its depth and ends at the limit', async () => {
  scene = await startScene()
  const crawl = await scene.crawl([`${A}/`], { maxRedirects: 2, maxDepth: 1 })
  await scene.answer({
    [`${A}/`]: { links: [`${A}/r0`] },
    ...Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`${A}/r${i}`, redirect(`${A}/r${i + 1}`)])),
  })
  await scene.ended(crawl)
  expect(pages()).toEqual([`${A}/`, `${A}/r0`, `${A}/r1`, `${A}/r2`])
  expect((await catalog(scene.frontier, crawl.id)).map(({ depth }) => depth).sort()).toEqual([0, 1, 1, 1])
  expect(await scene.metrics()).toMatch(/warren_frontier_rejected_total\{[^}]*reason="chain"[^}]*\} 1/)
})

test('depth: links beyond the limit are counted, not fetched', async () => {
  scene = await startScene()
  const crawl = await scene.crawl([`${A}/0`], { maxDepth: 2 })
  await scene.answer(Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`${A}/${i}`, { links: [`${A}/${i + 1}`] }])))
  await scene.ended(crawl)
  expect(pages()).toEqual([`${A}/0`, `${A}/1`, `${A}/2`])
  expect(await scene.metrics()).toMatch(/warren_frontier_rejected_total\{[^}]*reason="depth"[^}]*\} 1/)
})

test('retries: a URL that keeps failing is tried as often as its crawl says, then it has failed', async () => {
  scene = await startScene()
  const crawl = await scene.crawl([`${A}/`, `${A}/bad`, `${A}/better`], { maxAttempts: 3 })
  await scene.answer({ [`${A}/`]: 200, [`${A}/bad`]: 500, [`${A}/better`]: [500, 500, 200] })
  await scene.ended(crawl)
  expect(scene.requested.filter((url) => url === `${A}/bad`)).toHaveLength(3)
  expect((await scene.frontier.results(crawl.id)).failures).toEqual({ 'http-500': 1 })
  expect(await scene.frontier.counts(crawl.id)).toMatchObject({ done: 2, failed: 1 })
})

test('429: the host waits, the URL loses no attempt, and what was not requested is given back', async () => {
  scene = await startScene()
  const crawl = await scene.crawl([`${A}/1`, `${A}/2`, `${A}/3`], { maxAttempts: 1 })
  await scene.answer({ [`${A}/1`]: [{ status: 429, retryAfterMs: 1 }, 200], [`${A}/2`]: [503, 503, 200], [`${A}/3`]: 200 })
  await scene.ended(crawl)
  expect(await scene.frontier.counts(crawl.id)).toMatchObject({ done: 3, failed: 0 })
})

test('settle: an outcome that the database refuses is dead-lettered alone; its neighbours of the same commit are settled', async () => {
  scene = await startScene({ SETTLE_WAIT_MS: 200, SETTLE_CONCURRENCY: 1 })
  const crawl = await scene.crawl(Array.from({ length: 30 }, (_, i) => `${A}/${i}`))
  await scene.answer({
    ...Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`${A}/${i}`, 200])),
    [`${A}/7`]: { fetchedAt: 'no time' },
  })
  await vi.waitFor(async () => expect(await scene.frontier.counts(crawl.id)).toMatchObject({ done: 29, leased: 1, visits: 0 }), 10_000)
  await vi.waitFor(async () => expect(await scene.broker.depths()).toMatchObject({ dead: 1 }), 10_000)
  const [dead] = await scene.broker.deadLetters(1)
  expect(dead).toMatchObject({ queue: 'outcomes', reason: expect.stringMatching(/no time/) })
})

test('settle: while the database is away outcomes wait, and none is lost', async () => {
  scene = await startScene()
  const settle = vi
    .spyOn(scene.frontier, 'settle')
    .mockRejectedValueOnce(away())
    .mockRejectedValueOnce(away())
    .mockRejectedValueOnce(away())
  const crawl = await scene.crawl([`${A}/`])
  await scene.answer({ [`${A}/`]: { links: [`${A}/1`] }, [`${A}/1`]: 200 })
  await scene.ended(crawl)
  expect(settle.mock.calls.length).toBeGreaterThan(3)
  expect(await scene.frontier.counts(crawl.id)).toMatchObject({ done: 2 })
  expect(await scene.broker.depths()).toMatchObject({ dead: 0, outcomes: 0 })
})

test('settle: links of a page that came too late are not remembered as known', async () => {
  scene = await startScene()
  const publish = scene.broker.publish.bind(scene.broker)
  let first: UrlOutcome | undefined
  vi.spyOn(scene.broker, 'publish').mockImplementation(async (message, options) => {
    if (message.type === 'outcome' && message.of === 'url') {
      if (message.url.url === `${A}/`) first = message
      else if (message.url.url === `${A}/1` && first !== undefined) {
        await publish({ ...first, links: [{ url: `${A}/x`, kind: 'a', nofollow: false }] })
        await vi.waitFor(async () => expect(await scene.metrics()).toMatch(/warren_frontier_stale_total\{[^}]*\} 1/), 10_000)
      }
    }
    await publish(message, options)
  })
  const crawl = await scene.crawl([`${A}/`])
  await scene.answer({ [`${A}/`]: { links: [`${A}/1`] }, [`${A}/1`]: { links: [`${A}/x`] }, [`${A}/x`]: 200 })
  await scene.ended(crawl)
  expect(pages()).toEqual([`${A}/`, `${A}/1`, `${A}/x`])
})

test('dispatch: without a fetcher nothing is claimed', async () => {
  scene = await startScene()
  const looked = vi.spyOn(scene.broker, 'queue')
  const claimed = vi.spyOn(scene.frontier, 'claim')
  const crawl = await scene.crawl([`${A}/`])
  await vi.waitFor(() => expect(looked.mock.calls.length).toBeGreaterThan(2), 10_000)
  expect(claimed).not.toHaveBeenCalled()
  await scene.answer({ [`${A}/`]: 200 })
  await scene.ended(crawl)
  expect(await scene.frontier.counts(crawl.id)).toMatchObject({ done: 1 })
})

test('dispatch: no more visits are open and no more URLs leased than the window has room for', async () => {
  scene = await startScene({ WINDOW_VISITS: 2, WINDOW_URLS: 5 })
  const open: number[] = []
  const leased: number[] = []
  const claim = scene.frontier.claim.bind(scene.frontier)
  vi.spyOn(scene.frontier, 'claim').mockImplementation(async (options) => {
    const visits = await claim(options)
    const totals = await scene.frontier.totals()
    open.push(totals.openVisits)
    leased.push(totals.leased)
    return visits
  })
  const urls = Array.from({ length: 24 }, (_, i) => `http://h${i % 6}.test/${i}`)
  const crawl = await scene.crawl(urls, { scope: 'any' })
  await scene.answer(Object.fromEntries(urls.map((url) => [url, 200])))
  await scene.ended(crawl)
  expect(pages().sort()).toEqual([...urls].sort())
  expect(Math.max(...open)).toBe(2)
  expect(Math.max(...leased)).toBeGreaterThan(1)
  expect(Math.max(...leased)).toBeLessThanOrEqual(5)
})

test('dispatch: a visit that the broker refuses frees its host at once', async () => {
  scene = await startScene()
  const publish = scene.broker.publish.bind(scene.broker)
  let refusals = 3
  vi.spyOn(scene.broker, 'publish').mockImplementation(async (message, options) => {
    if (message.type === 'visit' && refusals-- > 0) throw new CrawlError('ERR_BROKER_REFUSED', 'full')
    await publish(message, options)
  })
  const crawl = await scene.crawl([`${A}/`])
  await scene.answer({ [`${A}/`]: 200 })
  await scene.ended(crawl) // long before the lease of 75 s
  expect(await scene.metrics()).toMatch(/warren_coordinator_unpublished_visits_total\{[^}]*\} 3/)
})

test('dispatch: a visit whose confirm was lost keeps its lease, for it may be on its way', async () => {
  scene = await startScene()
  const publish = scene.broker.publish.bind(scene.broker)
  let losses = 1
  vi.spyOn(scene.broker, 'publish').mockImplementation(async (message, options) => {
    if (message.type === 'visit' && losses-- > 0) throw new CrawlError('ERR_BROKER_UNAVAILABLE', 'gone')
    await publish(message, options)
  })
  const release = vi.spyOn(scene.frontier, 'release')
  const crawl = await scene.crawl([`${A}/`, `${B}/`])
  await scene.answer({ [`${A}/`]: 200, [`${B}/`]: 200 })
  await vi.waitFor(async () => expect(await scene.frontier.counts(crawl.id)).toMatchObject({ done: 1, visits: 1 }), 10_000)
  expect(release).not.toHaveBeenCalled()
})

test('dispatch: a visit that cannot be prepared is released, and the others of its claim go out', async () => {
  scene = await startScene({ CLAIM_URLS: 2 })
  vi.spyOn(scene.frontier, 'refill').mockRejectedValueOnce(away())
  vi.spyOn(scene.frontier, 'release').mockRejectedValueOnce(away())
  const crawl = await scene.crawl([`${A}/no/1`, `${A}/no/2`, `${A}/no/3`, `${A}/yes`, `${B}/`])
  await scene.answer({ [`${A}/robots.txt`]: { text: 'User-agent: *\nDisallow: /no' }, [`${A}/yes`]: 200, [`${B}/`]: 200 })
  await scene.ended(crawl)
  expect(await scene.frontier.counts(crawl.id)).toMatchObject({ done: 2, excluded: 3 })
})

test('control: fetchers hear of a new crawl before its first visit, and of a pause at once', async () => {
  scene = await startScene({ CONTROL_MS: 60_000 })
  const heard: string[] = []
  await using _feed = await scene.broker.onControl(({ crawls }) => void heard.push(crawls.map(({ state }) => state).join()))
  const seen: string[] = []
  await scene.broker.consume('visits', { prefetch: 1 }, async () => {
    seen.push(heard.at(-1) ?? '')
    return 'ack'
  })
  const crawl = await scene.crawl([`${A}/`])
  await vi.waitFor(() => expect(seen).toEqual(['running']), 10_000)
  await scene.frontier.transition(crawl.id, 'pause')
  await vi.waitFor(() => expect(heard.at(-1)).toBe('paused'), 10_000)
})

test('a failed read of the database ends no coordinator', async () => {
  scene = await startScene()
  for (const call of ['roots', 'crawls', 'totals', 'claim', 'advance', 'expire', 'closeStep'] as const)
    vi.spyOn(scene.frontier, call).mockRejectedValueOnce(away())
  const crawl = await scene.crawl([`${A}/`])
  await scene.answer({ [`${A}/`]: 200 })
  await scene.ended(crawl)
  expect(await scene.frontier.counts(crawl.id)).toMatchObject({ done: 1 })
})

test('passes: another one asks with validators, 304 is an answer, and a schedule starts the next by itself', async () => {
  scene = await startScene()
  const schedule = { cron: '* * * * *', timeZone: 'Europe/Berlin' }
  const recrawl = { firstIntervalMs: 1, minIntervalMs: 1, maxIntervalMs: 1_000, schedule }
  const spy = vi.spyOn(scene.frontier, 'setNextPass')
  const crawl = await scene.crawl([`${A}/`], { recrawl })
  await scene.answer({ [`${A}/`]: [{ etag: '"1"', links: [`${A}/b`] }, { status: 304 }], [`${A}/b`]: 200 })
  await scene.ended(crawl)
  await vi.waitFor(() => expect(spy).toHaveBeenCalled(), 10_000)
  const next = spy.mock.lastCall?.[2] ?? null
  await scene.frontier.setNextPass(crawl.id, next, new Date(Date.now() - 1_000)) // its minute has come
  await vi.waitFor(async () => expect(await catalog(scene.frontier, crawl.id)).toHaveLength(4), 20_000)
  const asked = scene.visits.flatMap(({ work }) => (work.kind === 'pages' ? work.urls : []))
  expect(asked.map(({ url, pass, validators }) => [url, pass, validators]).sort()).toEqual([
    [`${A}/`, 1, undefined],
    [`${A}/`, 2, { etag: '"1"', lastModified: null }],
    [`${A}/b`, 1, undefined],
    [`${A}/b`, 2, undefined],
  ])
  expect((await catalog(scene.frontier, crawl.id)).map(({ pass, status, changed }) => [pass, status, changed]).sort()).toEqual([
    [1, 200, null],
    [1, 200, null],
    [2, 200, false],
    [2, 304, false],
  ])
})

test('usage: what robots.txt and the answer prefer is kept with the page, the stricter of both', async () => {
  scene = await startScene()
  const crawl = await scene.crawl([`${A}/`, `${A}/free`])
  const text = 'User-agent: *\nContent-Usage: train-ai=n\nAllow: /'
  await scene.answer({
    [`${A}/robots.txt`]: { text },
    [`${A}/`]: { contentUsage: 'train-ai=y, search=y' },
    [`${A}/free`]: 200,
  })
  await scene.ended(crawl)
  const rows = await catalog(scene.frontier, crawl.id)
  expect(Object.fromEntries(rows.map(({ url, usage }) => [url, usage]))).toEqual({
    [`${A}/`]: 'search=y, train-ai=n',
    [`${A}/free`]: 'train-ai=n',
  })
})

test('priorities: what an expression prefers is fetched first', async () => {
  scene = await startScene()
  const priorities = [
    { match: '/news/', priority: 10 },
    { match: '/n', priority: -10 },
  ]
  const crawl = await scene.crawl([`${A}/`], { priorities, delayMs: 0, maxPagesPerHost: null })
  await scene.answer({
    [`${A}/`]: { links: ['/nothing', '/plain', '/news/1'].map((path) => A + path) },
    ...Object.fromEntries(['/nothing', '/plain', '/news/1'].map((path) => [A + path, 200])),
  })
  await scene.ended(crawl)
  expect(scene.requested.slice(-3)).toEqual(['/news/1', '/plain', '/nothing'].map((path) => A + path))
})

test('refusals: a counter and one link for each rule and host', async () => {
  scene = await startScene()
  const crawl = await scene.crawl([`${A}/`], { exclude: ['private'] })
  const spy = vi.spyOn(scene.frontier, 'addRefusals')
  await scene.answer({ [`${A}/`]: { links: [`${B}/1`, `${B}/2`, `${A}/private`] } })
  await scene.ended(crawl)
  await vi.waitFor(() => expect(spy.mock.calls.flatMap(([refusals]) => refusals)).toHaveLength(2), 10_000)
  expect(
    spy.mock.calls
      .flatMap(([refusals]) => refusals)
      .map(({ rule, count, sample }) => [rule, count, sample])
      .sort(),
  ).toEqual([
    ['filter', 1, `${A}/private`],
    ['scope', 2, `${B}/1`],
  ])
})

test('heartbeat: a coordinator tells what it waits for', async () => {
  scene = await startScene()
  const spy = vi.spyOn(scene.frontier, 'heartbeat')
  await vi.waitFor(() => expect(spy.mock.lastCall?.[0]).toMatchObject({ fetchers: 0, holds: 'no fetcher takes visits' }), 10_000)
  await scene.answer({})
  await vi.waitFor(() => expect(spy.mock.lastCall?.[0]).toMatchObject({ fetchers: 1, holds: null }), 10_000)
})

test('control: fetchers hear of a recalled visit at once', async () => {
  scene = await startScene({ CONTROL_MS: 60_000 })
  const heard: (readonly string[])[] = []
  await using _feed = await scene.broker.onControl(({ recalled }) => void heard.push(recalled))
  const taken: string[] = []
  await scene.broker.consume('visits', { prefetch: 1 }, async ({ message }) => {
    taken.push(message.visitId)
    return 'ack'
  })
  await scene.crawl([`${A}/`])
  await vi.waitFor(() => expect(taken).toHaveLength(1), 10_000)
  await scene.frontier.block('http://a.test:80' as HostKey, 'asked to')
  await vi.waitFor(() => expect(heard.at(-1)).toEqual(taken), 10_000)
})

test('a crawl whose expressions cannot be read fails with the reason, and the others go on', async () => {
  scene = await startScene()
  const config = { ...defaultCrawlConfig('Test/1'), exclude: ['('] }
  const broken = await scene.frontier.createCrawl({ name: 'broken', config })
  const crawl = await scene.crawl([`${B}/`])
  await scene.answer({ [`${B}/`]: 200 })
  await scene.ended(crawl)
  await vi.waitFor(async () => expect(await scene.frontier.crawl(broken.id)).toMatchObject({ state: 'failed' }), 10_000)
  expect((await scene.frontier.crawl(broken.id))?.reason).toMatch(/Cannot compile exclude expression "\("/)
  expect(pages()).toEqual([`${B}/`])
})

test('retention: a crawl is deleted when its time is over', async () => {
  scene = await startScene()
  const crawl = await scene.crawl([`${A}/`], { retentionMs: 1 })
  await scene.answer({ [`${A}/`]: 200 })
  await vi.waitFor(async () => expect(await scene.frontier.crawl(crawl.id)).toBeUndefined(), 10_000)
})
