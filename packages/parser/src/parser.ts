import { onAbort, type Result, retry, type ShutdownScope, select } from '@warren/async'
import type { Broker, Verdict } from '@warren/broker'
import { CrawlError, type Page, type PageFacts, type UrlOutcome } from '@warren/protocol'
import type { Logger, Metrics } from '@warren/service'
import type { ParserConfig } from './config.ts'
import { type ParserMetrics, parserMetrics } from './metrics.ts'
import { type PageFault, ParserPool } from './parser-pool.ts'
import type { Parsed } from './parser-thread.ts'

export interface ParserParts {
  readonly broker: Broker
  readonly logger: Logger
  readonly metrics: Metrics
  readonly config: ParserConfig
  /** Another worker file; tests use it. */
  readonly file?: URL
}

/**
 * The parser role: takes pages, parses them in threads, publishes what became of their URLs, and only then acknowledges.
 * Runs until `shutdown.draining`, then finishes the pages it has taken; on `shutdown.aborted` gives them back and stops at once.
 * A page that costs its thread twice becomes an outcome with `parseError` and no links, so its URL ends. A broker that is away or full is
 * waited for, with growing pauses; the parsed page is kept meanwhile.
 * Errors: ERR_SERVICE_START when threads cannot start; whatever ends the subscription for good (wrong credential).
 */
export async function runParser(parts: ParserParts, shutdown: ShutdownScope): Promise<void> {
  const { broker, logger, config } = parts
  if (shutdown.draining.aborted) return
  const metrics = parserMetrics(parts.metrics)
  await using pool = new ParserPool({
    threads: config.PARSE_THREADS,
    pageMs: config.PARSE_PAGE_MS,
    heapMb: config.PARSE_HEAP_MB,
    ...(parts.file && { file: parts.file }),
    onFault: (fault, page, tries) => {
      metrics.faults.inc({ fault })
      logger.warn({ url: page.url, bodyBytes: page.body.byteLength, fault, tries }, 'a page ended its parser thread')
    },
  })
  const handle = async ({ message }: { readonly message: Page }): Promise<Verdict> => {
    metrics.inFlight.inc()
    try {
      const parsing = await parse(pool, message, config)
      count(metrics, parsing)
      await publish(parts, outcomeOf(message, parsing), metrics, shutdown.aborted)
      return 'ack'
    } finally {
      metrics.inFlight.dec()
    }
  }
  using _abort = onAbort(shutdown.aborted, (reason) => void pool.stop(reason))
  await using consumer = await broker.consume('pages', { prefetch: config.PARSE_SLOTS, signal: shutdown.aborted }, handle)
  logger.info({ threads: config.PARSE_THREADS, slots: config.PARSE_SLOTS }, 'parser takes pages')
  const ended = await select({ failed: consumer.failed, draining: shutdown.draining })
  if (ended.branch === 'failed') throw ended.value
}

type Parsing = Result<Parsed, PageFault>

const parse = (pool: ParserPool, page: Page, config: ParserConfig): Promise<Parsing> =>
  pool.parse({
    body: page.body,
    contentType: page.result.contentType,
    url: page.url.url,
    headers: { link: page.result.linkHeaders, 'x-robots-tag': page.result.robotsTags },
    userAgent: page.userAgent,
    maxLinks: config.PARSE_MAX_LINKS,
  })

/** Waits for the confirm; tries again as long as the broker has no room or is away. Errors: `signal.reason`; what no retry can mend. */
function publish({ broker, logger }: ParserParts, outcome: UrlOutcome, metrics: ParserMetrics, signal: AbortSignal): Promise<void> {
  return retry((signal) => broker.publish(outcome, { signal }), {
    baseMs: 100,
    maxMs: 5_000,
    signal,
    retryable: (error) => error instanceof CrawlError && error.disposition === 'retry',
    onRetry: (error, { attempt, delayMs }) => {
      metrics.publishRetries.inc()
      logger.debug({ err: error, attempt, delayMs }, 'publishing an outcome again')
    },
  })
}

const NOTHING_KNOWN = {
  encoding: null,
  title: null,
  lang: null,
  canonical: null,
  noindex: false,
  nofollow: false,
  linksDropped: 0,
} as const satisfies Partial<PageFacts>

function outcomeOf({ v, crawlId, hostId, visitId, url, result }: Page, parsing: Parsing): UrlOutcome {
  const found = parsing.ok
    ? { facts: parsing.value.facts, links: parsing.value.links }
    : { facts: { ...NOTHING_KNOWN, parseError: parsing.error }, links: [] }
  return { v, crawlId, hostId, visitId, type: 'outcome', of: 'url', url, result, ...found }
}

function count(metrics: ParserMetrics, parsing: Parsing): void {
  if (!parsing.ok) {
    metrics.givenUp.inc({ fault: parsing.error })
    return
  }
  const { reader, ms, links, facts, doubt } = parsing.value
  metrics.pages.inc({ reader })
  if (doubt !== null) metrics.doubts.inc({ doubt })
  metrics.seconds.observe({ reader }, ms / 1_000)
  metrics.links.inc({ fate: 'found' }, links.length)
  metrics.links.inc({ fate: 'dropped' }, facts.linksDropped)
}
