import { ShutdownScope } from '@warren/async'
import { type Broker, createInProcessBroker } from '@warren/broker'
import { CrawlError, type Message, type Page, type UrlOutcome } from '@warren/protocol'
import { createLogger, createMetrics, type Metrics } from '@warren/service'
import { describe, expect, test } from 'vitest'
import { parserConfig, runParser } from '../src/index.ts'

const config = parserConfig.parse({ PARSE_THREADS: 1 })
const logger = createLogger({ role: 'parser', level: 'silent' })

const page = (id: number, html: string, path = `/${id}`): Page => {
  const body = new TextEncoder().encode(html)
  return {
    v: 1,
    type: 'page',
    crawlId: 1,
    hostId: 2,
    visitId: '7d444840-9dc0-11d1-b245-5ffdce74fad2',
    url: { id, url: `https://example.org${path}`, depth: 3, chain: 0, attempt: 1, pass: 1 },
    userAgent: 'Warren/1',
    body,
    result: {
      kind: 'answer',
      status: 200,
      contentType: 'text/html; charset=utf-8',
      location: null,
      retryAfterMs: null,
      robotsTags: ['noindex'],
      linkHeaders: ['</next>; rel=next'],
      contentUsage: null,
      etag: null,
      lastModified: null,
      maxAgeMs: null,
      bodyBytes: body.byteLength,
      wireBytes: 10,
      digest: 'a'.repeat(64),
      truncated: null,
      fetchedAt: '2026-01-01T00:00:00Z',
      firstByteMs: 1,
      totalMs: 2,
    },
  }
}

/** Takes outcomes off the queue; `next` waits for so many of them. */
async function outcomesOf(broker: Broker) {
  const seen: UrlOutcome[] = []
  let wake = (): void => {}
  const consumer = await broker.consume('outcomes', { prefetch: 10 }, async ({ message }) => {
    seen.push(message as UrlOutcome)
    wake()
    return 'ack'
  })
  return {
    async next(count: number): Promise<UrlOutcome[]> {
      while (seen.length < count) await new Promise<void>((resolve) => (wake = resolve))
      return seen.splice(0, count)
    },
    [Symbol.asyncDispose]: () => consumer[Symbol.asyncDispose](),
  }
}

const metric = async (metrics: Metrics, line: RegExp): Promise<number> => Number(line.exec(await metrics.text())?.[1])

describe('runParser', { timeout: 30_000 }, () => {
  test('answers each page with an outcome, acknowledges it, and counts', async () => {
    await using broker = createInProcessBroker()
    await using outcomes = await outcomesOf(broker)
    const metrics = createMetrics({ role: 'parser' })
    const shutdown = new ShutdownScope()
    const running = runParser({ broker, logger, metrics, config }, shutdown)
    const sent = page(1, '<html lang=en><title>t</title><a href=/a>')
    await broker.publish(sent)
    const { body: _, userAgent: __, type: ___, ...kept } = sent
    expect(await outcomes.next(1)).toEqual([
      {
        ...kept,
        type: 'outcome',
        of: 'url',
        facts: {
          encoding: 'UTF-8',
          title: 't',
          lang: 'en',
          canonical: null,
          noindex: true,
          nofollow: false,
          linksDropped: 0,
          parseError: null,
        },
        links: [
          { url: 'https://example.org/next', kind: 'header', nofollow: false },
          { url: 'https://example.org/a', kind: 'a', nofollow: false },
        ],
      },
    ])
    await broker.publish(page(2, '<frameset><frame src=x>'))
    await outcomes.next(1)
    shutdown.drain()
    await running
    expect(broker.stats).toMatchObject({ deadLettered: 0, requeued: 0 })
    expect((await broker.depths()).pages).toBe(0)
    expect(await metric(metrics, /^warren_parser_pages_total\{reader="scan".*\} (\d+)$/m)).toBe(1)
    expect(await metric(metrics, /^warren_parser_pages_total\{reader="document".*\} (\d+)$/m)).toBe(1)
    expect(await metric(metrics, /^warren_parser_links_total\{fate="found".*\} (\d+)$/m)).toBe(4)
    expect(await metric(metrics, /^warren_parser_pages_in_flight\{.*\} (\d+)$/m)).toBe(0)
  })

  test('an outcome that is refused or finds no broker is offered again until it is confirmed, and the page parsed once', async () => {
    await using inner = createInProcessBroker()
    await using outcomes = await outcomesOf(inner)
    const troubles = ['ERR_BROKER_REFUSED', 'ERR_BROKER_UNAVAILABLE', 'ERR_BROKER_UNROUTABLE'] as const
    let tries = 0
    const broker = new Proxy(inner, {
      get(target, name) {
        if (name !== 'publish') return Reflect.get(target, name, target)?.bind?.(target) ?? Reflect.get(target, name, target)
        return async (message: Message) => {
          const code = troubles[tries++]
          if (code !== undefined) throw new CrawlError(code, 'Cannot publish: as told')
          await target.publish(message)
        }
      },
    })
    const metrics = createMetrics({ role: 'parser' })
    const shutdown = new ShutdownScope()
    const running = runParser({ broker, logger, metrics, config }, shutdown)
    await inner.publish(page(1, '<title>t</title>'))
    expect(await outcomes.next(1)).toMatchObject([{ facts: { title: 't' } }])
    shutdown.drain()
    await running
    expect(tries).toBe(4)
    expect(inner.stats).toMatchObject({ deadLettered: 0, redelivered: 0, retried: 0 })
    expect(await metric(metrics, /^warren_parser_publish_retries_total\{.*\} (\d+)$/m)).toBe(3)
    expect(await metric(metrics, /^warren_parser_pages_total\{reader="scan".*\} (\d+)$/m)).toBe(1)
  })

  test('a page that hangs ends with parseError and no links; the next one is parsed', async () => {
    await using broker = createInProcessBroker()
    await using outcomes = await outcomesOf(broker)
    const metrics = createMetrics({ role: 'parser' })
    const shutdown = new ShutdownScope()
    const file = new URL('./hostile-worker.ts', import.meta.url)
    const running = runParser({ broker, logger, metrics, config: { ...config, PARSE_PAGE_MS: 1_000 }, file }, shutdown)
    await broker.publish(page(1, '<a href=x>', '/hang'))
    await broker.publish(page(2, '<title>t</title>'))
    expect(await outcomes.next(2)).toMatchObject([
      { url: { id: 1 }, facts: { parseError: 'timeout', title: null }, links: [] },
      { url: { id: 2 }, facts: { parseError: null, title: 't' } },
    ])
    shutdown.drain()
    await running
    expect(broker.stats).toMatchObject({ acked: 4, deadLettered: 0 })
    expect(await metric(metrics, /^warren_parser_thread_faults_total\{fault="timeout".*\} (\d+)$/m)).toBe(2)
    expect(await metric(metrics, /^warren_parser_pages_given_up_total\{fault="timeout".*\} (\d+)$/m)).toBe(1)
  })

  test('drain finishes what was taken; what was not stays in the queue', async () => {
    await using broker = createInProcessBroker()
    await using outcomes = await outcomesOf(broker)
    const shutdown = new ShutdownScope()
    const running = runParser(
      { broker, logger, metrics: createMetrics({ role: 'parser' }), config: { ...config, PARSE_SLOTS: 1 } },
      shutdown,
    )
    for (let id = 1; id <= 20; id++) await broker.publish(page(id, '<title>t</title>'))
    const [first] = await outcomes.next(1)
    shutdown.drain()
    await running
    const { pages } = await broker.depths()
    expect(first?.url.id).toBe(1)
    expect(pages).toBeGreaterThan(0)
    expect(broker.stats).toMatchObject({ deadLettered: 0, requeued: 0 })
    const rest = await outcomes.next(19 - pages)
    expect(rest.map(({ url }) => url.id)).toEqual(rest.map((_, i) => i + 2))
  })

  test('abort gives back at once what is not answered', async () => {
    await using inner = createInProcessBroker()
    const shutdown = new ShutdownScope()
    let asked = (): void => {}
    const publishing = new Promise<void>((resolve) => (asked = resolve))
    const broker = new Proxy(inner, {
      get(target, name) {
        if (name !== 'publish') return Reflect.get(target, name, target)?.bind?.(target) ?? Reflect.get(target, name, target)
        return async () => {
          asked()
          throw new CrawlError('ERR_BROKER_UNAVAILABLE', 'Cannot publish: as told')
        }
      },
    })
    const running = runParser({ broker, logger, metrics: createMetrics({ role: 'parser' }), config }, shutdown)
    for (let id = 1; id <= 3; id++) await inner.publish(page(id, '<title>t</title>'))
    await publishing
    shutdown.abort()
    await running
    expect((await inner.depths()).pages).toBe(3)
    expect(inner.stats).toMatchObject({ acked: 0, deadLettered: 0 })
  })

  test('nothing is started for a shutdown that is already under way', async () => {
    await using broker = createInProcessBroker()
    const shutdown = new ShutdownScope()
    shutdown.drain()
    await runParser({ broker, logger, metrics: createMetrics({ role: 'parser' }), config }, shutdown)
    expect(broker.stats.delivered).toBe(0)
  })
})
