import type { ClaimedVisit } from '@warren/frontier'
import type { UrlRef } from '@warren/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { candidate, claimPages, crawlAll, done, end, onePage, paths, settled, startCrawl, urlsOf, World } from './support.ts'

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(() => world[Symbol.asyncDispose]())

const A = 'http://a.test/'
const HOUR = 3_600_000
const RECRAWL = { firstIntervalMs: 24 * HOUR, minIntervalMs: 10 * HOUR, maxIntervalMs: 40 * HOUR, schedule: null }

/** Every answer is due, as time would make it. */
const becomeDue = () => world.rows(`update frontier.catalog set recrawl_at = now() - interval '1 s'`)

async function walkPass(): Promise<void> {
  while ((await world.rows('select from frontier.crawls where pass_cursor is not null')).length > 0) await world.frontier.advance()
}

async function settleAll(visits: readonly ClaimedVisit[], fate: (url: UrlRef) => ReturnType<typeof done>): Promise<void> {
  for (const visit of visits) await world.frontier.settle([...urlsOf(visit).map((url) => settled(visit, url, fate(url))), end(visit)])
}

const intervals = async (crawlId: number) =>
  (
    await world.rows<{ pass: number; hours: number; changed: boolean | null; status: number }>(
      `select pass, recrawl_ms / 3600000.0 as hours, changed, status from frontier.catalog where crawl_id = $1 order by pass`,
      [crawlId],
    )
  ).map(({ pass, hours, changed, status }) => ({ pass, hours: Number(hours), changed, status }))

describe('another pass', () => {
  test('asks again with the validators of the last answer; 304 keeps what the page was', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, [A], { recrawl: RECRAWL })
    const first = await onePage(frontier)
    expect([first.url.pass, first.url.validators]).toEqual([1, undefined])
    await frontier.settle([
      settled(first, first.url, done([], { etag: '"v1"', lastModified: 'Mon, 23 Nov 2026 10:00:00 GMT' })),
      end(first),
    ])
    await frontier.advance()
    expect(await frontier.startPass(crawl.id, { all: true })).toBe(2)
    await walkPass()
    const second = await onePage(frontier)
    expect(second.url).toMatchObject({
      id: first.url.id,
      pass: 2,
      attempt: 1,
      validators: { etag: '"v1"', lastModified: 'Mon, 23 Nov 2026 10:00:00 GMT' },
    })
    await frontier.settle([settled(second, second.url, done([], { status: 304, etag: null, digest: null, bodyBytes: 0 })), end(second)])
    expect(await frontier.verify(crawl.id)).toEqual([])
    const { rows } = await frontier.catalog(crawl.id, null, 10)
    expect(rows.map(({ pass, status, digest, changed }) => ({ pass, status, digest, changed }))).toEqual([
      { pass: 1, status: 200, digest: 'ab'.repeat(32), changed: null },
      { pass: 2, status: 304, digest: 'ab'.repeat(32), changed: false },
    ])
    await frontier.advance()
    await frontier.startPass(crawl.id, { all: true })
    await walkPass()
    expect((await onePage(frontier)).url.validators).toEqual({ etag: '"v1"', lastModified: 'Mon, 23 Nov 2026 10:00:00 GMT' })
    expect(await world.rows('select pass, body_pass from frontier.catalog order by pass')).toEqual([
      { pass: 1, body_pass: 1 },
      { pass: 2, body_pass: 1 },
    ])
  })

  test('the interval of a URL halves when it changed and grows by half when it did not, within bounds', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, [A], { recrawl: RECRAWL })
    const bodies = ['aa', 'bb', 'cc', 'cc', 'cc', 'cc', 'cc', 'cc'].map((byte) => byte.repeat(32))
    for (const [round, digest] of bodies.entries()) {
      if (round > 0) {
        await frontier.startPass(crawl.id, { all: true })
        await walkPass()
      }
      await settleAll(await claimPages(frontier), () => done([], { digest }))
      await frontier.advance()
    }
    expect((await intervals(crawl.id)).map(({ hours, changed }) => [hours, changed])).toEqual([
      [24, null],
      [12, true],
      [10, true],
      [15, false],
      [22.5, false],
      [33.75, false],
      [40, false],
      [40, false],
    ])
  })

  test('takes what is due, and what failed or was excluded; the rest stays done; --all takes everything', async () => {
    const { frontier } = world
    const seeds = ['due', 'later', 'failed', 'excluded'].map((name) => A + name)
    const crawl = await startCrawl(frontier, seeds, { recrawl: RECRAWL })
    const [visit] = await claimPages(frontier)
    if (visit === undefined) throw new Error('one host was seeded')
    for (const url of urlsOf(visit)) {
      if (url.url.endsWith('failed')) await frontier.settle([settled(visit, url, { kind: 'failed', code: 'reset', detail: '' })])
      else if (url.url.endsWith('excluded'))
        await frontier.settle([settled(visit, url, { kind: 'excluded', rule: 'robots', detail: 'line 1' })])
      else await frontier.settle([settled(visit, url, done())])
    }
    await frontier.settle([end(visit)])
    await frontier.advance()
    await world.rows(
      `update frontier.catalog c set recrawl_at = now() - interval '1 s' from frontier.urls u where u.id = c.id and u.url like '%/due'`,
    )
    await frontier.startPass(crawl.id, { all: false })
    await walkPass()
    expect(await frontier.counts(crawl.id)).toMatchObject({ discovered: 4, queued: 3, done: 1, failed: 0, excluded: 0 })
    expect(await frontier.verify(crawl.id)).toEqual([])
    expect(await crawlAll(frontier)).toHaveLength(3)
    expect(await frontier.crawl(crawl.id)).toMatchObject({ state: 'completed', pass: 2 })
    await frontier.startPass(crawl.id, { all: true })
    await walkPass()
    expect((await frontier.counts(crawl.id)).queued).toBe(4)
  })

  test('what it finds anew is crawled once; it ends only when all URLs were looked at', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, [A], { recrawl: RECRAWL })
    await crawlAll(frontier, (url) => (url.depth === 0 ? Array.from({ length: 30 }, (_, i) => candidate(`${A}${i}`, 1, url.id)) : []))
    await becomeDue()
    await frontier.startPass(crawl.id, { all: false })
    await world.rows('select * from frontier.advance(0, $1, 10)', [crawl.id]) // ten of the 31
    const fresh = candidate(`${A}new`, 1)
    let visits = await claimPages(frontier)
    await settleAll(visits, (url) => done(url.depth === 0 ? [{ ...fresh, parentId: url.id }] : []))
    visits = await claimPages(frontier)
    expect(paths(visits)).toEqual([fresh.url])
    await settleAll(visits, () => done())
    expect(await frontier.counts(crawl.id)).toMatchObject({ queued: 0, leased: 0 }) // and yet there is more to do
    await world.rows('select * from frontier.advance(0, $1, 10)', [crawl.id])
    expect((await frontier.crawl(crawl.id))?.state).toBe('running')
    expect(await crawlAll(frontier)).toHaveLength(21)
    expect((await frontier.crawl(crawl.id))?.state).toBe('completed')
    expect(await frontier.verify(crawl.id)).toEqual([])
    const rows = await world.rows<{ n: string }>('select count(*) as n from frontier.catalog where crawl_id = $1 and pass = 2', [crawl.id])
    expect(Number(rows[0]?.n)).toBe(32)
  })

  test('what another pass brings is ignored', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, [A])
    const first = await onePage(frontier)
    const late = settled(first, first.url, done())
    await frontier.settle([late, end(first)])
    await frontier.advance()
    await frontier.startPass(crawl.id, { all: true })
    await walkPass()
    expect(await frontier.settle([late])).toMatchObject({ refusedStale: 1 })
    const second = await onePage(frontier)
    expect(await frontier.settle([late])).toMatchObject({ refusedStale: 1 })
    expect(await frontier.settle([settled(second, second.url, done())])).toMatchObject({ refusedStale: 0 })
  })

  test('begins with budgets of its own, also those by host', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, [`${A}1`, `${A}2`], { maxBytes: 200, maxPagesPerHost: 2 })
    await crawlAll(frontier)
    expect((await frontier.counts(crawl.id)).bytes).toBe(200)
    await frontier.startPass(crawl.id, { all: true })
    await walkPass()
    expect(await crawlAll(frontier)).toHaveLength(2)
    expect(await frontier.counts(crawl.id)).toMatchObject({ done: 2, excluded: 0, bytes: 400 })
  })

  test('keeps as many passes as it is told to, and the counters agree', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, [A], { keepPasses: 2 })
    await crawlAll(frontier)
    for (let pass = 2; pass <= 4; pass++) {
      await frontier.startPass(crawl.id, { all: true })
      await walkPass()
      await crawlAll(frontier)
      expect(await frontier.verify(crawl.id)).toEqual([])
    }
    // The pruning goes with the walk, before the pass adds its own.
    expect((await intervals(crawl.id)).map(({ pass }) => pass)).toEqual([2, 3, 4])
  })

  test('is refused while the crawl is unfinished', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, [A])
    await expect(frontier.startPass(crawl.id, { all: true })).rejects.toMatchObject({ code: 'ERR_CRAWL_CONFLICT' })
    await expect(frontier.startPass(99, { all: true })).rejects.toMatchObject({ code: 'ERR_CRAWL_CONFLICT' })
  })

  test('starts once, whoever asks for it at the same time', async () => {
    const { frontier } = world
    const schedule = { cron: '0 4 * * *', timeZone: 'Europe/Berlin' }
    const crawl = await startCrawl(frontier, [A], { recrawl: { ...RECRAWL, schedule } })
    const [due, ...more] = await frontier.scheduledPasses()
    expect([due, more]).toMatchObject([{ crawlId: crawl.id, schedule, nextAt: null, ended: false }, []])
    const at = new Date(Date.now() - 1_000)
    const moves = await Promise.all([0, 1, 2].map(() => frontier.setNextPass(crawl.id, null, at)))
    expect(moves.filter(Boolean)).toHaveLength(1)
    expect(await frontier.scheduledPasses()).toMatchObject([{ nextAt: at }])
    await frontier.setNextPass(crawl.id, at, new Date(Date.now() + HOUR))
    expect(await frontier.scheduledPasses()).toEqual([])
    await frontier.setConfig(crawl.id, { ...crawl.config, recrawl: { ...RECRAWL, schedule: { ...schedule, cron: '0 5 * * *' } } })
    expect(await frontier.scheduledPasses()).toMatchObject([{ nextAt: null }])
  })
})

describe('deleting a crawl', () => {
  test('takes all of it and nothing else, and is refused while it runs', async () => {
    const { frontier } = world
    const kept = await startCrawl(frontier, [`${A}kept`])
    const crawl = await startCrawl(frontier, [A])
    await expect(frontier.deleteCrawl(crawl.id)).rejects.toMatchObject({ code: 'ERR_CRAWL_CONFLICT' })
    await crawlAll(frontier)
    await frontier.addRefusals([{ crawlId: crawl.id, hostId: 1, rule: 'scope', count: 3, sample: 'http://x.test/' }])
    await frontier.deleteCrawl(crawl.id)
    expect(await frontier.crawl(crawl.id)).toBeUndefined()
    for (const table of ['urls', 'pending', 'leases', 'catalog', 'failures', 'exclusions', 'retries', 'refusals', 'queues', 'crawl_counts'])
      expect(await world.rows(`select from frontier.${table} where crawl_id = $1`, [crawl.id]), table).toEqual([])
    expect(await world.rows(`select from pg_class where relname like '%\\_${crawl.id}' and relkind = 'r'`)).toEqual([])
    expect(await frontier.counts(kept.id)).toMatchObject({ done: 1 })
    expect(await frontier.verify(kept.id)).toEqual([])
    await frontier.deleteCrawl(crawl.id) // once more does no harm
    await startCrawl(frontier, [A])
  })

  test('gives its disk space back at once', async () => {
    const { frontier } = world
    const size = async () => Number((await world.rows<{ n: string }>('select pg_database_size(current_database()) as n'))[0]?.n)
    const before = await size()
    const crawl = await frontier.createCrawl({ name: 'large', config: (await startCrawl(frontier, [A])).config })
    await world.rows(
      `insert into frontier.urls (fp, crawl_id, host_id, depth, chain, priority, url)
       select gen_random_uuid(), $1, 1, 0, 0, 0, repeat('x', 100) || n from generate_series(1, 20000) n`,
      [crawl.id],
    )
    const large = await size()
    expect(large - before).toBeGreaterThan(4_000_000)
    await frontier.deleteCrawl(crawl.id)
    expect((await size()) - before).toBeLessThan((large - before) / 4)
  })

  test('is due when its retention is over, or when it was interrupted', async () => {
    const { frontier } = world
    const crawl = await startCrawl(frontier, [A], { retentionMs: HOUR })
    const scheduled = await startCrawl(frontier, ['http://b.test/'], {
      retentionMs: HOUR,
      recrawl: { ...RECRAWL, schedule: { cron: '0 4 * * *', timeZone: 'UTC' } },
    })
    await crawlAll(frontier)
    expect(await frontier.outdatedCrawls()).toEqual([])
    await world.rows(`update frontier.crawls set ended_at = now() - interval '61 min'`)
    expect(await frontier.outdatedCrawls()).toEqual([crawl.id])
    await world.rows(`select frontier.delete_step($1, 1)`, [scheduled.id]) // its process dies after the first step
    expect((await frontier.outdatedCrawls()).toSorted()).toEqual([crawl.id, scheduled.id])
    await expect(frontier.startPass(scheduled.id, { all: true })).rejects.toMatchObject({ code: 'ERR_CRAWL_CONFLICT' })
  })
})
