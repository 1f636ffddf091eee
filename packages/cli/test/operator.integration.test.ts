/** What operators type, against a database: what it says, what it changes, and how it refuses what is mistyped. */
import { ShutdownScope } from '@warren/async'
import { type ClaimedVisit, type Crawl, type Frontier, migrate, openFrontier } from '@warren/frontier'
import { type CrawlConfig, type CrawlError, defaultCrawlConfig } from '@warren/protocol'
import { testAnswer, testDatabase } from '@warren/testkit'
import type { HostKey } from '@warren/web'
import { Command, CommanderError } from 'commander'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { admitSeeds } from '../src/admit-seeds.ts'
import { addExplainCommand } from '../src/command-explain.ts'
import { addHostCommands } from '../src/command-hosts.ts'
import { addOperateCommands } from '../src/command-operate.ts'
import { addPassCommands } from '../src/command-passes.ts'
import { operatorOf } from '../src/operator.ts'
import { openSeeds } from '../src/seeds.ts'

let scope: AsyncDisposableStack
let frontier: Frontier
let databaseUrl: string
beforeEach(async () => {
  scope = new AsyncDisposableStack()
  databaseUrl = scope.use(await testDatabase({ template: { name: 'cli', prepare: migrate } })).url
  frontier = scope.use(await openFrontier({ databaseUrl, slot: 1 }))
  vi.stubEnv('DATABASE_URL', databaseUrl)
  vi.stubEnv('NO_COLOR', '1')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  for (const crawl of await frontier.crawls()) expect(await frontier.verify(crawl.id)).toEqual([])
  await scope.disposeAsync()
})

/** Runs a command in this process; what it writes to stdout. Warnings are collected in `told`. */
async function run(...args: string[]): Promise<string> {
  let out = ''
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text
    return true
  })
  const warn = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    told.push(String(text).trimEnd())
    return true
  })
  const program = new Command('warren').exitOverride()
  const operator = operatorOf(program, new ShutdownScope(), () => {})
  addOperateCommands(operator, () => {})
  addExplainCommand(operator)
  addHostCommands(operator)
  addPassCommands(operator)
  for (const command of program.commands) command.exitOverride().configureOutput({ outputError: () => {} })
  try {
    await program.parseAsync(args, { from: 'user' })
    return out
  } finally {
    write.mockRestore()
    warn.mockRestore()
  }
}
let told: string[] = []
beforeEach(() => {
  told = []
})
/** What the refusal of a command says, with its code. */
const refusal = (...args: string[]): Promise<string> =>
  run(...args).then(
    (out) => `not refused: ${out}`,
    (error: CrawlError | CommanderError) => (error instanceof CommanderError ? error.message : `${error.code}: ${error.message}`),
  )

const A = 'http://a.test/'
async function start(name: string, urls: readonly string[], config: Partial<CrawlConfig> = {}): Promise<Crawl> {
  const crawl = await frontier.createCrawl({ name, config: { ...defaultCrawlConfig('Test/1'), delayMs: 0, addressSlots: 0, ...config } })
  await admitSeeds(frontier, crawl, await openSeeds(urls, []))
  await frontier.transition(crawl.id, 'start')
  return { ...crawl, state: 'running' }
}
const claim = () => frontier.claim({ hosts: 50, urls: 500, visitQueueMs: 20_000, visitRunMs: 20_000, marginMs: 20_000 })
const end = ({ crawlId, hostId, visitId }: ClaimedVisit) => ({
  crawlId,
  hostId,
  visitId,
  nextInMs: 0,
  stretchMs: 0,
  meanExchangeMs: 5,
  trouble: null,
  answered: true,
  addressGroup: null,
})
/** Answers whatever is due with 200, until nothing is; robots.txt is not there. */
async function fetchAll(): Promise<void> {
  for (let idle = 0; idle < 3; ) {
    const visits = await claim()
    idle = visits.length === 0 ? idle + 1 : 0
    for (const visit of visits) {
      const { work } = visit
      if (work.kind === 'robots')
        await frontier.settle([
          { ...end(visit), kind: 'robots', askingHostId: work.askingHostId, result: { kind: 'allow-all', ttlMs: 3_600_000 } },
        ])
      if (work.kind !== 'pages') continue
      const { crawlId, hostId, visitId } = visit
      const fate = { kind: 'done', result: testAnswer(), facts: null, candidates: [] } as const
      await frontier.settle([
        ...work.urls.map((url) => ({ kind: 'url', crawlId, hostId, visitId, url, fate }) as const),
        { ...end(visit), kind: 'end', ending: 'finished', unfetched: [], pageLeaseMs: 60_000 },
      ])
    }
    await frontier.advance()
  }
}

describe('hosts', () => {
  test('pace: set in parts, reset, told with what was before; impolite ones with a warning', async () => {
    expect(await run('pace', A, '--delay', '5s')).toBe("http://a.test:80: 5 s between requests (before: each crawl's own pace)\n")
    expect(told).toEqual([])
    expect(await run('pace', A, '--host-concurrency', '4')).toBe(
      'http://a.test:80: 5 s between requests, 4 at a time (before: 5 s between requests)\n',
    )
    expect(told).toEqual(['Impolite, as asked for: http://a.test:80: host concurrency 4: a host has up to so many requests in flight'])
    expect((await frontier.host('http://a.test:80' as HostKey, 1))?.host.pace).toEqual({ delayMs: 5_000, width: 4 })
    expect(await run('pace', A, '--reset')).toBe("http://a.test:80: each crawl's own pace (before: 5 s between requests, 4 at a time)\n")
    expect(await run('pace', 'a.test', '--delay', '2s')).toMatch(/^https:\/\/a\.test:443: 2 s .*\nhttp:\/\/a\.test:80: 2 s .*\n$/)
  })

  test('block and unblock: what is queued ends, and comes back', async () => {
    const crawl = await start('docs', [A, `${A}2`, 'http://b.test/'])
    expect(await run('block', A, '--reason', ' asked to ')).toBe('http://a.test:80 is blocked: 2 URLs are excluded now\n')
    expect(await run('host', A)).toMatch(/blocked +asked to\n/)
    expect(await frontier.closeStep()).toBe(2)
    expect(await run('explain', A)).toMatch(/^http:\/\/a\.test\/\nexcluded {2}by operator: asked to, (now|\d+ m?s ago)\n/)
    expect(await run('unblock', A)).toBe('http://a.test:80 is no longer blocked, 2 URLs are queued again\n')
    expect(await run('unblock', A)).toBe('http://a.test:80 was not blocked, 0 URLs are queued again\n')
    expect(await frontier.counts(crawl.id)).toMatchObject({ queued: 3, excluded: 0 })
  })

  test('revive: a host that was given up is tried again', async () => {
    const once = { tries: 1, ms: 0 }
    await start('docs', [A], { giveUp: { unreachable: once, refusing: once } })
    const [visit] = await claim()
    if (visit === undefined) throw new Error('robots.txt is due')
    const trouble = {
      kind: 'unreachable',
      code: 'connect-refused',
      baseMs: 60_000,
      maxMs: 60_000,
      jitter: 1,
      floorMs: 0,
      throttled: false,
    } as const
    await frontier.settle([
      { ...end(visit), kind: 'robots', askingHostId: visit.hostId, result: { kind: 'unreachable' }, trouble, answered: false },
    ])
    await frontier.closeStep()
    expect(await run('explain', A)).toMatch(/\nfailed {2}given-up: connect-refused: its host gave no usable answer, /)
    expect(await run('host', 'a.test')).toMatch(/breaker +open {2}connect-refused, 1 visit without a usable answer/)
    expect(await run('revive', A)).toBe('http://a.test:80 starts anew after connect-refused, 1 URL is queued again\n')
    expect(await run('revive', A)).toBe('http://a.test:80 had no trouble, 0 URLs are queued again\n')
  })

  test('host: as text and as JSON, for both schemes of a bare name', async () => {
    await start('docs', [A, `${A}2`, 'https://a.test/'])
    const text = await run('host', 'a.test')
    expect(text).toMatch(
      /^https:\/\/a\.test:443\n {2}pace +each crawl's own delay\n {2}next visit {2}now\n {2}breaker +closed\n {2}robots\.txt +not fetched yet\n/,
    )
    expect(text).toMatch(/http:\/\/a\.test:80\n(?:.*\n)* {2}docs {2}running {2}2 queued {2}due\n$/)
    expect(JSON.parse(await run('host', A, '--json'))).toMatchObject([
      { key: 'http://a.test:80', queues: [{ crawl: 'docs' }], breaker: { state: 'closed' } },
    ])
  })

  test('what is mistyped is refused with the value and the remedy, and changes nothing', async () => {
    expect(await refusal('pace', A)).toBe(
      `ERR_INPUT_INVALID: Cannot set the pace of ${A}: give --delay or --host-concurrency or both, or --reset alone`,
    )
    expect(await refusal('pace', A, '--reset', '--delay', '1s')).toMatch(/or --reset alone$/)
    expect(await refusal('pace', A, '--delay', '5')).toMatch(/--delay <D>' argument '5' is invalid. write a number and a unit: 100ms/)
    expect(await refusal('pace', A, '--host-concurrency', '0')).toMatch(/argument '0' is invalid. write a whole number from 1 to 256/)
    expect(await refusal('pace', 'http://', '--reset')).toMatch(/ERR_INPUT_INVALID: Cannot crawl host "http:\/\/": it is no URL/)
    expect(await refusal('block', A)).toMatch(/required option '--reason <TEXT>' not specified/)
    expect(await refusal('block', A, '--reason', ' ')).toBe(
      `ERR_INPUT_INVALID: Cannot block ${A}: --reason is empty; say why, for whoever asks later`,
    )
    for (const command of ['host', 'unblock', 'revive'])
      expect(await refusal(command, 'nobody.test')).toBe(
        'ERR_INPUT_INVALID: Cannot find host https://nobody.test:443 or http://nobody.test:80: no crawl has met it, and no operator has named it',
      )
    expect(await frontier.host('http://a.test:80' as HostKey, 1)).toBeUndefined()
  })
})

describe('passes', () => {
  test('recrawl: says what is due and when; nothing to do begins no pass; --all asks for all', async () => {
    const crawl = await start('docs', [A, `${A}2`])
    expect(await refusal('recrawl', 'docs')).toBe(
      'ERR_CRAWL_CONFLICT: Cannot recrawl docs: it is running; wait for its end, or cancel it (warren cancel docs)',
    )
    await fetchAll()
    expect(await run('recrawl', 'docs')).toBe(
      'docs: nothing to do, 0 of 2 answered URLs are due, the first is due in 24 h; --all asks for all of them\n',
    )
    expect((await frontier.crawl('docs'))?.pass).toBe(1)
    expect(await run('recrawl', 'docs', '--all')).toBe('docs: pass 2 has begun, all 2 answered URLs are asked for again\n')
    await fetchAll()
    expect(await frontier.crawl('docs')).toMatchObject({ state: 'completed', pass: 2 })
    expect(await run('status', 'docs')).toMatch(/^crawl +state +discovered.*\ndocs +completed, pass 2 +2 +0 +0 +2 /)
    await frontier.setConfig(crawl.id, { ...crawl.config, recrawl: { ...crawl.config.recrawl, firstIntervalMs: 1 } })
    expect(await refusal('recrawl', 'dosc')).toBe('ERR_INPUT_INVALID: Cannot find crawl "dosc": there is docs')
  })

  test('schedule: set, shown, switched off; the next three times in its zone', async () => {
    await start('docs', [A])
    expect(await run('schedule', 'docs')).toBe("docs: there is no schedule; give one with --cron '0 4 * * *'\n")
    const set = await run('schedule', 'docs', '--cron', '0 4 * * *', '--time-zone', 'Europe/Berlin')
    expect(set).toMatch(/^docs: '0 4 \* \* \*' in Europe\/Berlin, next\n( {2}\w+,? \d+ \w+ \d{4} at 04:00:00 \S+, in \d+ (min|h|d)\n){3}$/)
    expect(await run('schedule', 'docs')).toBe(set)
    expect((await frontier.crawl('docs'))?.config.recrawl.schedule).toEqual({ cron: '0 4 * * *', timeZone: 'Europe/Berlin' })
    expect(await run('schedule', 'docs', '--time-zone', 'Asia/Tokyo')).toMatch(/^docs: '0 4 \* \* \*' in Asia\/Tokyo, next\n/)
    expect(await run('schedule', 'docs', '--off')).toBe("docs: no more passes by themselves (it was '0 4 * * *' in Asia/Tokyo)\n")
    expect(await run('schedule', 'docs', '--off')).toBe('docs: there was no schedule\n')
    expect(await run('schedule', 'docs', '--cron', '*/5 * * * *')).toMatch(/ in UTC, next\n/)
  })

  test.each([
    [
      ['--cron', 'daily'],
      /Cannot read schedule "daily" in "UTC": .*; write five fields, such as '0 4 \* \* \*', and a zone such as Europe\/Berlin$/,
    ],
    [['--cron', '0 4 * *'], /Cannot read schedule "0 4 \* \*"/],
    [['--cron', '0 0 4 * * *'], /Cannot read schedule "0 0 4 \* \* \*"/],
    [['--cron', '61 4 * * *'], /Cannot read schedule "61 4 \* \* \*"/],
    [['--cron', '0 4 * * *', '--time-zone', 'Mars/Base'], /Cannot read schedule "0 4 \* \* \*" in "Mars\/Base"/],
    [['--cron', '0 4 30 2 *'], /"0 4 30 2 \*" names no time that ever comes$/],
    [['--time-zone', 'Europe/Berlin'], /a time zone alone is no schedule; add --cron/],
    [['--off', '--cron', '0 4 * * *'], /--off goes with no other option$/],
  ])('schedule %j is refused, and the crawl has none', async (args, text) => {
    await start('docs', [A])
    expect(await refusal('schedule', 'docs', ...args)).toMatch(text)
    expect(await refusal('schedule', 'docs', ...args)).toMatch(/^ERR_INPUT_INVALID: Cannot schedule docs: /)
    expect((await frontier.crawl('docs'))?.config.recrawl.schedule).toBeNull()
  })

  test('delete: not while it runs, not without being asked for it, then with all it knows', async () => {
    await start('docs', [A, `${A}2`])
    expect(await refusal('delete', 'docs', '--yes')).toBe(
      'ERR_CRAWL_CONFLICT: Cannot delete docs: it is running; end it first (warren cancel docs)',
    )
    await fetchAll()
    expect(await refusal('delete', 'docs')).toMatch(
      /^ERR_INPUT_INVALID: Cannot delete docs \(2 URLs, 2 answers, [\d.]+ [KM]B\) without being asked for it: add --yes$/,
    )
    expect(await run('delete', 'docs', '--yes')).toMatch(/^docs is deleted: 2 URLs, [\d.]+ [KM]B of disk are free again\n$/)
    expect(await frontier.crawls()).toEqual([])
    expect(await refusal('delete', 'docs', '--yes')).toBe(
      'ERR_INPUT_INVALID: Cannot find crawl "docs": there is none yet; create one with warren seed',
    )
  })
})

describe('explain and status', () => {
  test('explain: in the only crawl, in the one that knows it, or in the one that is named', async () => {
    expect(await refusal('explain', A)).toBe(`ERR_INPUT_INVALID: Cannot explain ${A}: there is none yet; create one with warren seed`)
    await start('one', [A])
    expect(await run('explain', 'HTTP://A.test')).toMatch(
      /^http:\/\/a\.test\/\nqueued {2}waits: no coordinator runs\n\nURL\n {2}crawl {2}one, running\n {2}asked {2}HTTP:\/\/A\.test\n/,
    )
    await start('two', ['http://b.test/'])
    expect(await run('explain', 'http://b.test/')).toMatch(/crawl {2}two, running/)
    expect(await refusal('explain', 'http://c.test/')).toBe(
      'ERR_INPUT_INVALID: Cannot explain http://c.test/: no crawl knows it; name one with --crawl, there are one, two',
    )
    expect(await run('explain', 'http://c.test/', '--crawl', 'two')).toMatch(
      /^http:\/\/c\.test\/\nnot known {2}refused by scope: host: c\.test is the host of no seed; those are b\.test\n/,
    )
    expect(await run('explain', 'javascript:alert(1)', '--crawl', 'two')).toBe(
      'javascript:alert(1)\nnever crawled  scheme javascript: only http and https are crawled\n',
    )
    expect(JSON.parse(await run('explain', A, '--json', '--crawl', 'one'))).toMatchObject({
      url: A,
      crawl: { name: 'one' },
      facts: { url: { state: 'queued', queue: { position: { place: 1 } } } },
    })
    expect(await refusal('explain', A, '--crawl', 'three')).toMatch(/Cannot find crawl "three": there are one, two/)
  })

  test('explain: what a site wrote cannot steer the terminal', async () => {
    const crawl = await start('one', [A])
    const [asking] = await claim()
    if (asking === undefined) throw new Error('robots.txt is due')
    const body = Buffer.from('User-agent: *\nDisallow: /x\u001b]0;owned\u0007*\nDisallow: /\n')
    await frontier.settle([
      {
        ...end(asking),
        kind: 'robots',
        askingHostId: asking.hostId,
        result: { kind: 'rules', digest: 'd', body, ttlMs: 60_000, crawlDelayMs: null },
      },
    ])
    await frontier.addRefusals([{ crawlId: crawl.id, hostId: asking.hostId, rule: 'scope', count: 1, sample: 'http://b.test/\u001b[2J' }])
    const text = await run('explain', `${A}x%1B]0;owned%07`)
    expect(text).toContain('such as http://b.test/\\u001b[2J')
    expect(text).toContain('✗  robots.txt  line 2: Disallow: /x\\u001b]0;owned\\u0007* (for Test)')
    expect(text).not.toContain('\u001b')
  })

  test('status: why a crawl does not move', async () => {
    const crawl = await start('docs', [A])
    const text = await run('status')
    expect(text).toMatch(/\n\ndocs is stalled because no coordinator runs\n$/)
    await frontier.heartbeat({ name: 'c', fetchers: 0, holds: 'no fetcher takes visits' })
    expect(await run('status', 'docs')).toMatch(
      /docs is stalled because no fetcher takes visits\n\nWaits\n {2}no fetcher takes visits\n {2}a\.test waits for robots\.txt\n\nHosts that are due next\n/,
    )
    await frontier.transition(crawl.id, 'pause')
    expect(JSON.parse(await run('status', 'docs', '--json'))).toMatchObject([
      { name: 'docs', stalls: { stalled: true, reasons: [{ for: 'pause' }, {}, {}] } },
    ])
  })

  test('seed: priorities, by expression and by hand; impolite settings are told, one line each', async () => {
    await run(
      'seed',
      '--crawl',
      'news',
      A,
      '--priority',
      'live=5',
      '--allow-address',
      '127.0.0.0/8',
      '--resolve',
      'a.test:127.0.0.1',
      '--delay',
      '0',
    )
    expect(told).toEqual([
      'Impolite, as asked for: delay 0: requests to a host follow each other without a pause',
      'Impolite, as asked for: address slots 0: hosts that share an address are asked as if each had a server of its own',
    ])
    await run('seed', '--crawl', 'news', `${A}live/1`)
    await run('seed', '--crawl', 'news', `${A}live/2`, '--seed-priority', '-20')
    const priorityOf = async (url: string) => JSON.parse(await run('explain', url, '--json')).facts.url.priority
    expect([await priorityOf(A), await priorityOf(`${A}live/1`), await priorityOf(`${A}live/2`)]).toEqual([0, 5, -20])
    expect(await refusal('seed', '--crawl', 'news', A, '--priority', 'live=high')).toMatch(
      /--priority <RE=N>' argument 'live=high' is invalid/,
    )
  })
})
