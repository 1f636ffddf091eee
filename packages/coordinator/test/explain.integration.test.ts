import { explainUrl, type UrlExplanation } from '@warren/coordinator'
import type { Crawl } from '@warren/frontier'
import type { CrawlConfig } from '@warren/protocol'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Scene, startScene, type Web } from './scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await startScene()
})
afterEach(() => scene[Symbol.asyncDispose]())

const A = 'http://a.test/'
const explain = (crawl: Crawl, url: string): Promise<UrlExplanation> => explainUrl(scene.frontier, crawl, url)
async function crawled(web: Web, config: Partial<CrawlConfig> = {}, seeds: readonly string[] = [A]): Promise<Crawl> {
  await scene.answer(web)
  const crawl = await scene.crawl(seeds, config)
  await scene.ended(crawl)
  return crawl
}
const verdict = ({ rules }: UrlExplanation, rule: string) => {
  const found = rules.find((one) => one.rule === rule)
  return [found?.passes, found?.detail]
}

test('any spelling is explained as the URL that it is; known already, whoever brings it', async () => {
  const crawl = await crawled({ [A]: { links: [`${A}b?q=1`] }, [`${A}b?q=1`]: 200 })
  for (const spelling of [`${A}b?q=1`, '  HTTP://A.test:80/x/../b?q=1#part ', 'a.test/b?q=1', 'http://user:pw@a.test./%62?q=1']) {
    const { asked, url, facts } = await explain(crawl, spelling)
    expect({ asked, url }).toEqual({ asked: spelling, url: `${A}b?q=1` })
    expect(facts?.url).toMatchObject({ state: 'done', depth: 1, path: [{ url: A }], foundOn: { url: A }, answers: [{ status: 200 }] })
  }
  expect(await explain(crawl, 'https://a.test/b?q=1')).toMatchObject({ url: 'https://a.test/b?q=1', facts: { url: null } })
})

test.each([
  ['ftp://a.test/x', /^scheme ftp: only http and https/],
  ['mailto:me@a.test', /^scheme mailto: /],
  ['', /it is no URL/],
  ['http://', /it is no URL/],
  [`http://a.test/${'x'.repeat(9_000)}`, /longer than 8,192/],
])('%s is nothing that is ever crawled', async (text, refused) => {
  const crawl = await scene.crawl([A])
  expect(await explain(crawl, text)).toMatchObject({ url: null, facts: null, robots: null, refused: expect.stringMatching(refused) })
})

test('scope: why it is in, and which seeds there are when it is not', async () => {
  const crawl = await scene.crawl([A, 'http://b.test/', 'http://c.test/', 'http://d.test/', 'http://e.test/'])
  expect(verdict(await explain(crawl, `${A}x`), 'scope')).toEqual([true, 'host: a.test is the host of a seed'])
  expect(verdict(await explain(crawl, 'http://www.a.test/x'), 'scope')).toEqual([
    false,
    'host: www.a.test is the host of no seed; those are a.test, b.test, c.test, ...',
  ])
  expect(verdict(await explain(crawl, A), 'scope')).toEqual([true, 'a seed always passes'])
  const domain = await scene.crawl(['http://www.example.org/'], { scope: 'domain' })
  expect(verdict(await explain(domain, 'http://docs.example.org/'), 'scope')).toEqual([true, 'domain: example.org is the domain of a seed'])
  const folder = await scene.crawl([`${A}docs/x/`], { scope: 'prefix' })
  expect(verdict(await explain(folder, `${A}docs/x/y/z`), 'scope')).toEqual([true, 'prefix: a.test/docs/x/ is the folder of a seed'])
  expect(verdict(await explain(folder, `${A}docs/`), 'scope')).toEqual([
    false,
    'prefix: a.test/docs/ is the folder of no seed; those are a.test/docs/x/',
  ])
  const any = await scene.crawl([A], { scope: 'any' })
  expect(verdict(await explain(any, 'http://z.test/'), 'scope')).toEqual([true, 'any: links may lead anywhere'])
})

test('expressions: which one refuses it, which one lets it in; a seed needs none; priorities', async () => {
  const config = {
    include: ['/docs/', '/blog/'],
    exclude: ['\\?print', 'secret'],
    priorities: [
      { match: 'blog', priority: 7 },
      { match: '.', priority: -3 },
    ],
  }
  const crawl = await scene.crawl([A, `${A}docs/secret`], config)
  const filter = async (url: string) => verdict(await explain(crawl, url), 'filter')
  expect(await filter(`${A}blog/1`)).toEqual([true, 'include: /blog/'])
  expect(await filter(`${A}docs/1?print`)).toEqual([false, 'exclude: \\?print'])
  expect(await filter(`${A}other`)).toEqual([false, 'include: none matches'])
  expect(await filter(A)).toEqual([true, 'a seed always passes'])
  expect(await filter(`${A}docs/secret`)).toEqual([false, 'exclude: secret'])
  expect((await explain(crawl, `${A}blog/1`)).priority).toEqual({ value: 7, match: 'blog' })
  expect((await explain(crawl, `${A}docs/1`)).priority).toEqual({ value: -3, match: '.' })
})

test('limits: length, depth and redirects of a known URL are judged, of an unknown one told', async () => {
  const web = { [A]: { links: [`${A}1`] }, [`${A}1`]: { links: [`${A}2`] }, [`${A}2`]: { status: 302, location: `${A}3` }, [`${A}3`]: 200 }
  const crawl = await crawled(web, { maxDepth: 2, maxUrlLength: 30, maxRedirects: 5 })
  expect(verdict(await explain(crawl, `${A}3`), 'depth')).toEqual([true, '2 of at most 2 links from a seed'])
  expect(verdict(await explain(crawl, `${A}3`), 'chain')).toEqual([true, '1 of at most 5 redirects in a row'])
  expect(verdict(await explain(crawl, `${A}unknown`), 'depth')).toEqual([
    null,
    'the page with the link must be less than 2 links from a seed',
  ])
  expect(verdict(await explain(crawl, `${A}${'x'.repeat(30)}`), 'length')).toEqual([false, '44 of at most 30 characters'])
})

test('robots.txt: the line that decides, from the stored text; none; not there yet', async () => {
  const text = 'User-agent: Test\nDisallow: /private\nAllow: /private/open\n'
  const crawl = await crawled({ [`${A}robots.txt`]: { text }, [A]: { links: [`${A}private/1`] } })
  expect(await explain(crawl, `${A}private/1`)).toMatchObject({
    robots: {
      url: `${A}robots.txt`,
      agent: 'Test',
      allowed: false,
      line: 2,
      rule: 'Disallow: /private',
      detail: 'line 2: Disallow: /private',
    },
    facts: {
      url: { state: 'excluded', exclusion: { rule: 'robots', detail: 'line 2: Disallow: /private' } },
      host: { robots: { access: 'rules' } },
    },
  })
  expect((await explain(crawl, `${A}private/open`)).robots).toMatchObject({ allowed: true, line: 3 })
  expect((await explain(crawl, `${A}x`)).robots).toMatchObject({ allowed: true, line: null, detail: 'no line is about it' })
  expect((await explain(crawl, 'http://b.test/')).robots).toMatchObject({ allowed: null, detail: 'not fetched yet' })
  const other = await scene.crawl(['http://c.test/'])
  await scene.ended(other)
  expect((await explain(other, 'http://c.test/')).robots).toMatchObject({ allowed: true, detail: 'there is none, which allows all' })
})

test('what refused a link is told by its host: rule, how many, one of them', async () => {
  const crawl = await crawled({ [A]: { links: ['http://b.test/1', 'http://b.test/2', `${A}x`] }, [`${A}x`]: 200 })
  await expect
    .poll(async () => (await explain(crawl, `${A}y`)).facts?.refusals)
    .toEqual([{ rule: 'scope', count: 2, sample: 'http://b.test/1' }])
})

test('an address that may not be dialled, as far as it is known without DNS', async () => {
  const base = (await scene.crawl([A])).config.fetch
  const fetch = { ...base, allowAddresses: ['10.0.0.0/8'], resolve: { 'a.test': '127.0.0.1', 'b.test': '10.1.2.3' } }
  const crawl = await scene.crawl([A], { scope: 'any', fetch })
  const address = async (url: string) => verdict(await explain(crawl, url), 'address')
  expect(await address(A)).toEqual([false, '127.0.0.1 is not public; --allow-address opens it'])
  expect(await address('http://b.test/')).toEqual([true, '10.1.2.3 may be dialled'])
  expect(await address('http://[::1]/')).toEqual([false, '::1 is not public; --allow-address opens it'])
  expect(await address('http://93.184.215.14/')).toEqual([false, '93.184.215.14 is public, and the crawl names no contact'])
  expect(await address('http://c.test/')).toEqual([undefined, undefined])
})
