import {
  answeredUrls,
  checkConcurrency,
  checkDelays,
  checkRetryAfter,
  checkRobotsFetches,
  checkRobotsFirst,
  disallowed,
  duplicates,
  startWeb,
  startWebProcess,
  type Web,
} from '@warren/testkit'
import { expect, test, vi } from 'vitest'

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
  expect(checkRobotsFirst(log)).toEqual([])
  expect(checkRobotsFetches(log, 60_000)).toEqual([])
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

test('synthetic web: a condition that holds is answered 304 without a body, until the page is edited', async () => {
  await using web = await startWeb({ hosts: 1 })
  const url = String(web.roots[0])
  const get = async (headers: Record<string, string> = {}) => {
    const response = await fetch(url, { headers })
    return { status: response.status, body: await response.text(), headers: response.headers }
  }
  const first = await get()
  const etag = String(first.headers.get('etag'))
  const date = String(first.headers.get('last-modified'))
  expect(etag).toMatch(/^"[^"]+"$/)
  expect(new Date(date).toUTCString()).toBe(date)
  for (const condition of [
    { 'if-none-match': etag },
    { 'if-none-match': `"other", W/${etag}` },
    { 'if-none-match': '*' },
    { 'if-modified-since': date },
  ]) {
    const answer = await get(condition)
    expect(answer, JSON.stringify(condition)).toMatchObject({ status: 304, body: '' })
    expect(answer.headers.get('etag')).toBe(etag)
    expect(answer.headers.has('content-length')).toBe(false)
  }
  for (const condition of [
    { 'if-none-match': '"other"' },
    { 'if-none-match': '"other"', 'if-modified-since': date }, // RFC 9110, 13.1.3: ignored beside If-None-Match
    { 'if-modified-since': new Date(Date.parse(date) - 1_000).toUTCString() },
    { 'if-modified-since': 'yesterday' },
  ])
    expect(await get(condition), JSON.stringify(condition)).toMatchObject({ status: 200, body: first.body })

  await web.change({ edited: [url] })
  const second = await get({ 'if-none-match': etag, 'if-modified-since': date })
  expect(second.status).toBe(200)
  expect(second.body).not.toBe(first.body)
  expect(second.headers.get('etag')).not.toBe(etag)
  expect(await get({ 'if-modified-since': date })).toMatchObject({ status: 200 })
  const links = (text: string): string[] => [...text.matchAll(/href="([^"]*)"/g)].map(([link]) => link)
  expect(links(second.body)).toEqual(links(first.body))
  await web.change({ edited: [url] })
  expect((await get({ 'if-none-match': String(second.headers.get('etag')) })).status).toBe(200)

  const log = await web.log()
  expect(log.map(({ status, conditional }) => (conditional ? status : -status))).toEqual([
    -200, 304, 304, 304, 304, 200, 200, 200, 200, 200, 200, 200,
  ])
})

test('synthetic web: pages have the validators that the spec says, files too; an answer that is none has no condition', async () => {
  for (const [validators, names] of [
    ['etag', ['etag']],
    ['last-modified', ['last-modified']],
    ['none', []],
  ] as const) {
    await using web = await startWeb({ hosts: 1, validators })
    for (const path of ['/', '/files/0.txt']) {
      const { headers } = await fetch(web.origins[0] + path)
      expect(['etag', 'last-modified'].filter((name) => headers.has(name))).toEqual(names)
    }
  }
  await using web = await startWeb({ hosts: 1 })
  for (const [path, status] of [
    ['/files/0.txt', 304],
    ['/gone/0.html', 410],
    ['/go/0', 301],
    ['/robots.txt', 200],
  ] as const)
    expect((await fetch(web.origins[0] + path, { headers: { 'if-none-match': '*' }, redirect: 'manual' })).status, path).toBe(status)
})

test('synthetic web: Retry-After in both forms says the same', async () => {
  for (const retryAfterForm of ['seconds', 'date'] as const) {
    await using web = await startWeb({ hosts: 1, faults: { busy: 1, retryAfterSeconds: 5, retryAfterForm } })
    const url = `${web.origins[0]}/fault/busy-0.html`
    const { status, headers } = await fetch(url)
    const said = String(headers.get('retry-after'))
    expect(status).toBe(503)
    if (retryAfterForm === 'seconds') expect(said).toBe('5')
    else expect(Date.parse(said) - Date.parse(String(headers.get('date')))).toBeOneOf([5_000, 6_000]) // both in whole seconds
    const [{ retryAfterMs = 0 } = {}] = await web.log()
    expect(retryAfterMs).toBeGreaterThan(4_000)
    expect(retryAfterMs).toBeLessThanOrEqual(5_000)
    // What was under way when the answer came is forgiven, so the first requests may be.
    await vi.waitFor(async () => {
      await fetch(url)
      expect(checkRetryAfter(await web.log())).toHaveLength(1)
    })
  }
})

test('judges see what is wrong: pace, width, repetition, robots', async () => {
  await using web = await startWeb({ hosts: 2, latencyMs: { min: 30, max: 30 } })
  const [first = '', second = ''] = web.origins
  await Promise.all([fetch(`${first}/`), fetch(`${first}/`), fetch(`${second}/private/0.html`)])
  const log = await web.log()
  expect(checkDelays(log, 1_000)).toMatchObject([{ first: { host: first } }])
  expect(checkDelays(log, (host) => (host === second ? 1_000 : 0))).toEqual([])
  expect(checkConcurrency(log, 1)).toEqual([{ of: first, most: 2 }])
  expect(duplicates(log)).toEqual([{ url: `${first}/`, count: 2 }])
  expect(checkRobotsFirst(log)).toHaveLength(3)
  expect(checkConcurrency(log, 1, { of: 'address' })).toMatchObject([{ of: '127.0.0.1', most: 2 }]) // the second host has another one
  expect(disallowed(log)).toMatchObject([{ host: second, path: '/private/0.html' }])
})
