import type { CatalogRow } from '@warren/frontier'
import { disallowed, duplicates, startWebProcess, testDatabase, testVhost } from '@warren/testkit'
import { expect, test } from 'vitest'
import { startCluster } from '../support/cluster.ts'
import { warren } from '../support/warren.ts'

const PAGES = 8

test('another pass asks with conditions: what has not changed costs no body, what has is parsed anew, and its interval is shorter', async () => {
  await using database = await testDatabase()
  await using vhost = await testVhost()
  await using web = await startWebProcess({ hosts: 2, pagesPerHost: PAGES, specials: 1, validators: 'both' })
  await using cluster = await startCluster({ databaseUrl: database.url, amqpUrl: vhost.url, coordinators: 2, fetchers: 2, parsers: 1 })
  const local = ['--scope', 'any', '--delay', '0', '--allow-address', '127.0.0.0/8']
  const crawl = await cluster.seed('again', [...web.roots.slice(0, 1).map(String), ...local])
  await cluster.completed(crawl)
  const { answered, pages } = web.expected()
  const first = await web.log()
  expect(first.filter(({ conditional }) => conditional)).toEqual([])

  const edited = [...pages].slice(0, 3)
  await web.change({ edited })
  const begun = await warren(['recrawl', 'again', '--all'], { env: cluster.env })
  expect(begun).toMatchObject({ code: 0, stdout: expect.stringMatching(/pass 2/) })
  const counts = await cluster.completed(crawl)
  expect(counts).toMatchObject({ queued: 0, leased: 0, done: answered.size })
  expect(await cluster.frontier.verify(crawl.id)).toEqual([])

  const second = (await web.log(first.length)).filter(({ path }) => path !== '/robots.txt')
  expect(duplicates(second)).toEqual([])
  expect(disallowed(second)).toEqual([])
  const statuses = new Map(second.map(({ host, path, status }) => [host + path, status]))
  expect([...pages].filter((url) => statuses.get(url) === 200).sort()).toEqual([...edited].sort())
  expect([...pages].filter((url) => statuses.get(url) === 304)).toHaveLength(pages.size - edited.length)

  const rows: CatalogRow[] = []
  for (let cursor: Parameters<typeof cluster.frontier.catalog>[1] = null; ; ) {
    const part = await cluster.frontier.catalog(crawl.id, cursor, 1_000)
    if (part.rows.length === 0) break
    rows.push(...part.rows)
    cursor = part.cursor
  }
  const ofPass = (pass: number) => new Map(rows.filter((row) => row.pass === pass).map((row) => [row.url, row]))
  const [one, two] = [ofPass(1), ofPass(2)]
  expect([...two.keys()].sort()).toEqual([...answered].sort())
  for (const url of pages) {
    const isEdited = edited.includes(url)
    expect(two.get(url), url).toMatchObject({ changed: isEdited, title: one.get(url)?.title, links: one.get(url)?.links })
    expect(two.get(url)?.digest === one.get(url)?.digest, url).toBe(!isEdited)
  }
})
