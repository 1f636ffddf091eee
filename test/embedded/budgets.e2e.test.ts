/** Limits: exact where the command promises it, and ends of the crawl everywhere. */
import { duplicates, startWeb } from '@warren/testkit'
import { describe, expect, test } from 'vitest'
import { readPages, WarrenProcess } from '../support/warren.ts'
import { crawl, crawlFolder, expectWhole, FAST, fetchedUrls, readLeft } from './support.ts'

describe.concurrent('budgets', () => {
  test('--max-pages N gives exactly N, and a finished crawl stays finished', async () => {
    await using web = await startWeb({ hosts: 4, pagesPerHost: 20, faults: { reset: 1, dead: 1 } })
    await using out = await crawlFolder()
    const [root = ''] = web.roots
    expect(await crawl(root, out.path, ...FAST, '--max-pages', '33')).toMatchObject({ code: 0 })
    const urls = await fetchedUrls(out.path)
    expect(urls).toHaveLength(33)
    expect(urls.filter((url) => !web.expected().answered.has(url))).toEqual([])
    const { crawl: left, counts } = await readLeft(out.path)
    expect(left).toMatchObject({ state: 'completed', reason: 'max-pages' })
    expect(counts).toMatchObject({ done: 33, queued: 0, leased: 0 })
    const requests = (await web.log()).length
    expect(requests).toBeLessThan(33 + 4 + 10) // robots.txt, and what was retried
    expect(await crawl(root, out.path, ...FAST, '--max-pages', '60')).toMatchObject({ code: 0 })
    expect(await fetchedUrls(out.path)).toEqual(urls)
    expect((await web.log()).length).toBe(requests)
  })

  test('--max-pages holds over kills and interrupts, and may be raised before the end', async () => {
    await using web = await startWeb({ hosts: 4, pagesPerHost: 20, latencyMs: { min: 5, max: 20 } })
    await using out = await crawlFolder()
    const [root = ''] = web.roots
    const start = (pages: number): WarrenProcess =>
      new WarrenProcess(['crawl', root, '--out', out.path, ...FAST, '--max-pages', String(pages)])
    {
      await using running = start(70)
      await web.reached(16)
      running.kill('SIGKILL')
    }
    {
      await using running = start(70)
      await web.reached(32) // far from the end: what is in flight is finished, also on a slow machine
      running.interrupt()
      expect(await running.ended).toMatchObject({ code: 130 })
    }
    expect((await fetchedUrls(out.path)).length).toBeLessThan(70)
    expect(await crawl(root, out.path, ...FAST, '--max-pages', '80')).toMatchObject({ code: 0 })
    expect(await fetchedUrls(out.path)).toHaveLength(80)
    expect((await readLeft(out.path)).counts).toMatchObject({ done: 80, queued: 0, leased: 0 })
  })

  test('--max-pages beyond what there is, is no limit', async () => {
    await using web = await startWeb({ hosts: 1, pagesPerHost: 7, specials: 0 })
    await using out = await crawlFolder()
    await expectWhole(await crawl(web.roots[0] ?? '', out.path, ...FAST, '--max-pages', '8'), out.path, web)
  })

  test('--max-depth gives the set of the web, each URL at its shortest distance', async () => {
    await using web = await startWeb({ hosts: 3, pagesPerHost: 30, latencyMs: { min: 0, max: 20 } })
    await using out = await crawlFolder()
    const [root = ''] = web.roots
    const ended = await crawl(root, out.path, ...FAST, '--max-depth', '2')
    await expectWhole(ended, out.path, web, web.expected({ maxDepth: 2 }))
    const pages = await readPages(out.path)
    for (const maxDepth of [0, 1]) {
      const near = pages.filter(({ depth }) => depth <= maxDepth).map(({ url }) => url)
      expect(near.sort()).toEqual([...web.expected({ maxDepth }).answered].sort())
    }
  })

  test('--max-time ends the crawl, and what was fetched is kept', async () => {
    await using web = await startWeb({ hosts: 1, pagesPerHost: 1_000, specials: 0, latencyMs: { min: 100, max: 100 } })
    await using out = await crawlFolder()
    const ended = await crawl(web.roots[0] ?? '', out.path, ...FAST, '--max-time', '5s')
    expect(ended).toMatchObject({ code: 0 })
    expect(ended.stdout).toMatch(/^Finished\n/)
    const fetched = await fetchedUrls(out.path)
    expect(fetched.length).toBeGreaterThan(0)
    expect(fetched.length).toBeLessThan(web.expected().answered.size)
    expect(duplicates(await web.log())).toEqual([])
    expect((await readLeft(out.path)).crawl).toMatchObject({ state: 'completed', reason: 'max-time' })
  })

  test('--max-bytes ends the crawl soon after that many bytes', async () => {
    await using web = await startWeb({ hosts: 1, pagesPerHost: 120, specials: 0, pageBytes: { median: 10_000, spread: 0 } })
    await using out = await crawlFolder()
    const ended = await crawl(web.roots[0] ?? '', out.path, ...FAST, '--max-bytes', '200KB', '--host-concurrency', '1')
    expect(ended).toMatchObject({ code: 0 })
    const { crawl: left, counts } = await readLeft(out.path)
    expect(left).toMatchObject({ state: 'completed', reason: 'max-bytes' })
    expect(counts.bytes).toBeGreaterThanOrEqual(200_000)
    expect(counts).toMatchObject({ queued: 0, leased: 0 })
  })

  test('--max-body cuts a body and says so', async () => {
    await using web = await startWeb({ hosts: 1, pagesPerHost: 1, specials: 0, pageBytes: { median: 40_000, spread: 0 } })
    await using out = await crawlFolder()
    expect(await crawl(web.roots[0] ?? '', out.path, ...FAST, '--max-body', '1000')).toMatchObject({ code: 0 })
    expect(await readPages(out.path)).toMatchObject([{ truncated: 'body-limit', bodyBytes: 1_000 }])
  })
})
