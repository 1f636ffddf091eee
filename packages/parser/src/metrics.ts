import type { Metrics } from '@warren/service'

/** The scanner takes a tenth of a millisecond for an ordinary page; a page that ends its thread takes seconds. */
const SECONDS = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

export type ParserMetrics = ReturnType<typeof parserMetrics>

/** What the parser counts, without its prefix `warren_`. Labels have few values: never a URL or a host. */
export const parserMetrics = (metrics: Metrics) => ({
  pages: metrics.counter('parser_pages_total', 'pages parsed, by what read them: scan or document', ['reader']),
  doubts: metrics.counter('parser_doubts_total', 'pages in which the scanner was not sure, by construct', ['doubt']),
  faults: metrics.counter('parser_thread_faults_total', 'threads ended by a page: timeout, memory or crash', ['fault']),
  givenUp: metrics.counter('parser_pages_given_up_total', 'pages without links because they ended their thread twice', ['fault']),
  seconds: metrics.histogram('parser_page_seconds', 'time of a page in its thread', { labels: ['reader'], buckets: SECONDS }),
  links: metrics.counter('parser_links_total', 'links found, and dropped beyond the limit per page', ['fate']),
  inFlight: metrics.gauge('parser_pages_in_flight', 'pages taken and not yet answered'),
  publishRetries: metrics.counter('parser_publish_retries_total', 'outcomes published again because the broker was away or full'),
})
