import type { FetchResult } from '@warren/protocol'
import type { Metrics } from '@warren/service'
import type { Exchanged } from './exchange.ts'
import type { NameCacheStats } from './name-cache.ts'

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60]
const CLASSES = ['0xx', '1xx', '2xx', '3xx', '4xx', '5xx'] as const

export interface Gauges {
  inFlight(): number
  visits(): number
  hosts(): number
  names: { readonly names: number; readonly stats: Readonly<NameCacheStats> }
}

/** All metrics of the role. Nothing here has a host, a URL or a crawl in its labels. */
export function fetcherMetrics(metrics: Metrics, { inFlight, visits, hosts, names }: Gauges) {
  const fetches = metrics.counter('fetcher_fetches_total', 'Answers by status class', ['class'])
  const errors = metrics.counter('fetcher_errors_total', 'Exchanges without an answer, by code', ['code'])
  const denied = metrics.counter('fetcher_denied_total', 'Exchanges that the address guard refused, by reason', ['by'])
  const truncated = metrics.counter('fetcher_truncated_total', 'Answers whose body was cut, by reason', ['by'])
  const bytes = metrics.counter('fetcher_body_bytes_total', 'Body bytes, on the wire and decoded as kept', ['form'])
  const seconds = metrics.histogram('fetcher_exchange_seconds', 'Duration of an exchange, from the request to its end', {
    buckets: SECONDS,
  })
  metrics.gauge('fetcher_in_flight', 'Exchanges under way', [], (gauge) => gauge.set(inFlight()))
  metrics.gauge('fetcher_open_visits', 'Visits under way', [], (gauge) => gauge.set(visits()))
  metrics.gauge('fetcher_connected_hosts', 'Hosts with connections, visited or kept alive', [], (gauge) => gauge.set(hosts()))
  metrics.gauge('fetcher_dns_names', 'Names in the DNS cache', [], (gauge) => gauge.set(names.names))
  metrics.gauge('fetcher_dns_lookups', 'Questions to the DNS cache since the start, by answer', ['answer'], (gauge) => {
    for (const [answer, count] of Object.entries(names.stats)) gauge.set({ answer }, count)
  })
  const result = (result: FetchResult): void => {
    switch (result.kind) {
      case 'answer':
        fetches.inc({ class: CLASSES[Math.floor(result.status / 100)] ?? '0xx' })
        bytes.inc({ form: 'wire' }, result.wireBytes)
        bytes.inc({ form: 'decoded' }, result.bodyBytes)
        if (result.truncated !== null) truncated.inc({ by: result.truncated })
        return
      case 'denied':
        denied.inc({ by: result.by })
        return
      case 'unreachable':
        errors.inc({ code: result.code })
        return
    }
  }
  return {
    exchanged(exchanged: Exchanged): void {
      result(exchanged.result)
      if (exchanged.requested) seconds.observe(exchanged.exchangeMs / 1_000)
    },
    unmapped: metrics.counter('fetcher_unmapped_errors_total', 'Errors that the failure table lacks'),
    throttled: metrics.counter('fetcher_throttled_total', 'Answers 429 and 503'),
    elsewhere: metrics.counter('fetcher_elsewhere_visits_total', 'Visits that found their host in another address group'),
    visits: metrics.counter('fetcher_visits_total', 'Visits by how they ended', ['ending']),
    redelivered: metrics.counter('fetcher_redelivered_visits_total', 'Visits that had been delivered before'),
    refused: metrics.counter('fetcher_refused_publishes_total', 'Publishes that the broker refused because a queue was full'),
  }
}
export type FetcherMetrics = ReturnType<typeof fetcherMetrics>
