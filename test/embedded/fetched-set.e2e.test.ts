/** The set of fetched URLs is a function of the web: what `warren crawl` writes is held against the graph that is served. */
import { checkConcurrency, checkDelays, disallowed, duplicates, startWeb } from '@warren/testkit'
import { describe, expect, test } from 'vitest'
import { readPages, warren } from '../support/warren.ts'
import { crawl, crawlFolder, expectWhole, FAST, LOCAL } from './support.ts'

describe.concurrent('the fetched set', () => {
  test('equals the known set on several hosts with redirects, errors, faults and robots.txt', async () => {
    await using web = await startWeb({
      hosts: 6,
      pagesPerHost: 25,
      faults: { reset: 1, busy: 1, slow: 1, dead: 1, slowMs: 200 },
      robots: { errors: 1, redirects: true },
    })
    await using out = await crawlFolder()
    const ended = await crawl(web.roots.slice(0, 1), out.path, ...FAST)
    const counts = await expectWhole(ended, out.path, web)
    const log = await web.log()
    expect(counts.excluded).toBe(web.expected().disallowed.size)
    expect(disallowed(log)).toEqual([])
    expect(duplicates(log)).toEqual([])
    expect(checkConcurrency(log, 4)).toEqual([])
    expect(ended.stderr).toMatch(/^Impolite, as asked for: delay 0: /m)
    expect(ended.stdout).toContain(`${out.path}/pages.jsonl`)
    // an answer is written with what it came to
    const pages = new Map((await readPages(out.path)).map((page) => [page.url, page]))
    for (const url of web.expected().missing) expect([404, 410]).toContain(pages.get(url)?.status)
    for (const url of web.expected().redirects) expect(Math.floor((pages.get(url)?.status ?? 0) / 100)).toBe(3)
  })

  test('keeps the delay, robots.txt included, with one request in flight', async () => {
    await using web = await startWeb({ hosts: 3, pagesPerHost: 6, specials: 0, latencyMs: { min: 0, max: 60 } })
    await using out = await crawlFolder()
    const ended = await crawl(web.roots[0] ?? '', out.path, ...LOCAL, '--delay', '200ms')
    await expectWhole(ended, out.path, web)
    const log = await web.log()
    expect(log.filter(({ path }) => path === '/robots.txt')).toHaveLength(3)
    expect(checkDelays(log, 200)).toEqual([])
    expect(checkConcurrency(log, 1)).toEqual([])
  })

  test('stretches the delay to the Crawl-delay of robots.txt', async () => {
    await using web = await startWeb({ hosts: 2, pagesPerHost: 4, specials: 0, robots: { crawlDelaySeconds: 1 } })
    await using out = await crawlFolder()
    await expectWhole(await crawl(web.roots[0] ?? '', out.path, ...LOCAL, '--delay', '100ms'), out.path, web)
    expect(checkDelays(await web.log(), (host) => Math.max(100, web.crawlDelayMs(host)))).toEqual([])
  })

  test('follows the scope: one host, its domain by --resolve, a folder', async () => {
    await using web = await startWeb({ hosts: 3, pagesPerHost: 12, domain: 'site.example', addresses: 2 })
    const resolve = Object.entries(web.resolve).flatMap(([host, address]) => ['--resolve', `${host}:${address}`])
    const local = [...resolve, '--allow-address', '127.0.0.0/8', '--delay', '0', '--host-concurrency', '4']
    const [root = ''] = web.roots
    const [origin = ''] = web.origins
    {
      await using out = await crawlFolder()
      const ended = await crawl(root, out.path, ...local)
      await expectWhole(ended, out.path, web, web.expected({ inScope: (url) => url.startsWith(`${origin}/`) }))
    }
    {
      await using out = await crawlFolder()
      await expectWhole(await crawl(root, out.path, ...local, '--scope', 'domain'), out.path, web)
    }
    {
      const seed = [...web.expected().pages].find((url) => url.startsWith(`${origin}/s1/`)) ?? ''
      const folder = seed.slice(0, seed.lastIndexOf('/') + 1)
      await using out = await crawlFolder()
      const ended = await crawl(seed, out.path, ...local, '--scope', 'prefix')
      await expectWhole(ended, out.path, web, web.expected({ seeds: [seed], inScope: (url) => url.startsWith(folder) }))
    }
  })

  test('obeys --include and --exclude, where exclude wins, and seeds pass all but exclude', async () => {
    await using web = await startWeb({ hosts: 2, pagesPerHost: 30, specials: 0 })
    await using out = await crawlFolder()
    const [root = '', other = ''] = web.roots
    const include = /\/s[0-9]\//
    const exclude = /\/s3\/|p5\.html/
    const ended = await crawl([root, `${other}s3/p3.html`], out.path, ...FAST, '--include', include.source, '--exclude', exclude.source)
    expect(ended.stderr).toContain(`Seed ${other}s3/p3.html is refused by --exclude`)
    const inScope = (url: string): boolean => (url === root || include.test(url)) && !exclude.test(url)
    await expectWhole(ended, out.path, web, web.expected({ inScope }))
  })

  test('takes seeds from a file and from standard input', async () => {
    await using web = await startWeb({ hosts: 3, pagesPerHost: 5, specials: 0, links: { min: 0, max: 0 } })
    await using out = await crawlFolder()
    const seeds = web.roots.map((root, i) => `${i === 1 ? '# a comment\n\n' : ''}  ${root}#part\r\n`).join('')
    const options = ['--out', out.path, '--allow-address', '127.0.0.0/8', '--delay', '0']
    const ended = await warren(['crawl', '--seeds', '-', ...options], { stdin: seeds })
    await expectWhole(ended, out.path, web, web.expected({ seeds: web.roots }))
  })
})
