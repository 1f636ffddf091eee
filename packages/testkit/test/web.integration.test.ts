import { answeredUrls, checkConcurrency, checkDelays, disallowed, duplicates, startWeb, startWebProcess, type Web } from '@warren/testkit'
import { expect, test } from 'vitest'

/** A crawler of thirty lines that obeys what the synthetic web's expectation is about; the judge of the judge. */
async function crawl(web: Web): Promise<Set<string>> {
  const queue = [{ url: web.roots[0] ?? '', chain: 0 }]
  const known = new Set(queue.map((entry) => entry.url))
  const rules = new Map<string, boolean>()
  const admit = (href: string, base: string, chain: number): void => {
    const url = new URL(href, base)
    url.hash = ''
    if (!url.protocol.startsWith('http') || !web.origins.includes(url.origin) || known.has(url.href)) return
    known.add(url.href)
    queue.push({ url: url.href, chain })
  }
  const get = async (url: string): Promise<Response> => {
    for (let attempt = 1; ; attempt++) {
      const response = await fetch(url, { redirect: 'manual' }).catch((error: unknown) => {
        if (attempt > 3) throw error
      })
      if (response !== undefined && response.status < 500) return response
    }
  }
  const answered = new Set<string>()
  for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
    const { url, chain } = entry
    const { origin, pathname } = new URL(url)
    if (!rules.has(origin)) {
      const robots = await fetch(`${origin}/robots.txt`)
      rules.set(origin, robots.ok && /Disallow: \/private\//.test(await robots.text()))
    }
    if (rules.get(origin) && pathname.startsWith('/private/') && !pathname.startsWith('/private/open-')) continue
    const response = await get(url).catch(() => undefined)
    if (response === undefined) continue
    answered.add(url)
    const location = response.headers.get('location')
    if (location !== null && chain < 10) admit(location, url, chain + 1)
    const html = (await response.text()).replaceAll(/<!--.*?-->|<script>.*?<\/script>/gs, '')
    if (
      !response.headers.get('content-type')?.includes('html') ||
      response.headers.has('x-robots-tag') ||
      html.includes('content="nofollow"')
    )
      continue
    const base = /<base href="([^"]*)"/.exec(html)?.[1] ?? url
    for (const [, href = ''] of html.matchAll(/<a href="([^"]*)"/g)) admit(href.replaceAll('&amp;', '&'), base, 0)
    const refresh = /http-equiv="refresh" content="5; url=([^"]*)"/.exec(html)?.[1]
    if (refresh !== undefined) admit(refresh, url, 0)
  }
  return answered
}

const sorted = (urls: Iterable<string>): string[] => [...urls].sort()

test('synthetic web: a crawler that obeys the rules fetches exactly the expected set', async () => {
  const faults = { reset: 1, busy: 1, slow: 1, dead: 1, slowMs: 20 }
  await using web = await startWeb({ hosts: 8, specials: 2, faults, robots: { redirects: true } })
  const expected = web.expected()
  const answered = await crawl(web)
  expect(sorted(answered)).toEqual(sorted(expected.answered))
  const log = await web.log()
  expect(sorted(answeredUrls(log)).filter((url) => expected.never.has(url))).toEqual([])
  expect(sorted(answeredUrls(log))).toEqual(sorted(expected.answered))
  expect(duplicates(log)).toEqual([])
  expect(disallowed(log)).toEqual([])
  expect(checkConcurrency(log, 1)).toEqual([])
  const perHost = (set: ReadonlySet<string>): number => set.size / 8
  expect(perHost(expected.pages)).toBe(20 + 2 * 11 + 3) // ordinary; behind or among specials; faults that end
  expect(perHost(expected.redirects)).toBe(2 * (1 + 3 + 2 + 1 + 11)) // go, chain, loop, away, long
  expect(perHost(expected.missing)).toBe(2 * 2)
  expect(perHost(expected.disallowed)).toBe(2)
  expect(perHost(expected.never)).toBe(2 * 6) // rel, meta and header nofollow, comment, script, the twelfth redirect
  expect(perHost(expected.failed)).toBe(1)
})

test('synthetic web: the same spec gives the same web, in this process or in its own', async () => {
  const options = { hosts: 2, seed: 7, ports: 'shared', addresses: 2 } as const
  await using here = await startWeb(options)
  await using there = await startWebProcess(options)
  const bodies = async (web: Web): Promise<string[]> =>
    Promise.all(web.roots.map(async (root) => (await (await fetch(root)).text()).replaceAll(/127\.0\.0\.\d+:\d+/g, 'host')))
  expect(await bodies(there)).toEqual(await bodies(here))
  await there.reached(2)
  expect((await there.log()).map((record) => record.path)).toEqual(['/', '/'])
  expect(there.expected().pages.size).toBe(here.expected().pages.size)
})

test('synthetic web: a host that is down resets, and answers again when it is up', async () => {
  await using web = await startWeb({ hosts: 1 })
  await web.change({ down: [0] })
  await expect(fetch(web.roots[0] ?? '')).rejects.toThrow()
  await web.change({ down: [] })
  expect((await fetch(web.roots[0] ?? '')).status).toBe(200)
})

test('judges see what is wrong: pace, width, repetition, robots', async () => {
  await using web = await startWeb({ hosts: 2, latencyMs: { min: 30, max: 30 } })
  const [first = '', second = ''] = web.origins
  await Promise.all([fetch(`${first}/`), fetch(`${first}/`), fetch(`${second}/private/0.html`)])
  const log = await web.log()
  expect(checkDelays(log, 1_000)).toMatchObject([{ first: { host: first } }])
  expect(checkDelays(log, (host) => (host === second ? 1_000 : 0))).toEqual([])
  expect(checkConcurrency(log, 1)).toEqual([{ host: first, most: 2 }])
  expect(duplicates(log)).toEqual([{ url: `${first}/`, count: 2 }])
  expect(disallowed(log)).toMatchObject([{ host: second, path: '/private/0.html' }])
})
