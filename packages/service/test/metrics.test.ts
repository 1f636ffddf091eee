import { createMetrics } from '@warren/service'
import { expect, test } from 'vitest'

const lineOf = (text: string, name: string): string | undefined => text.split('\n').find((line) => line.startsWith(name))

test('metrics carry the prefix and the role, next to those of the process and the event loop', async () => {
  const metrics = createMetrics({ role: 'fetcher' })
  metrics.counter('fetches_total', 'Fetches by status class', ['class']).inc({ class: '2xx' }, 3)
  metrics.gauge('in_flight', 'Requests in flight').set(2)
  metrics.histogram('claim_seconds', 'Claims', { buckets: [0.1, 1] }).observe(0.5)
  const text = await metrics.text()
  expect(lineOf(text, 'warren_fetches_total')).toBe('warren_fetches_total{class="2xx",role="fetcher"} 3')
  expect(lineOf(text, 'warren_in_flight')).toBe('warren_in_flight{role="fetcher"} 2')
  expect(lineOf(text, 'warren_claim_seconds_bucket{le="1"')).toBe('warren_claim_seconds_bucket{le="1",role="fetcher"} 1')
  for (const name of ['warren_process_resident_memory_bytes', 'warren_nodejs_eventloop_lag_p99_seconds'])
    expect(lineOf(text, name)).toBeDefined()
  for (const line of text.split('\n')) expect(line).toMatch(/^(#|warren_|$)/)
})

test('roles in one process share a metric of one name, and cannot disagree about it', () => {
  const metrics = createMetrics({ role: 'crawl' })
  expect(metrics.counter('published_total', 'x', ['queue'])).toBe(metrics.counter('published_total', 'x', ['queue']))
  expect(() => metrics.counter('published_total', 'x')).toThrow('Cannot use metric name: published_total is not free')
  expect(() => metrics.gauge('published_total', 'x', ['queue'])).toThrow(RangeError)
  metrics.gauge('depth', 'x', [], (gauge) => gauge.set(1))
  expect(() => metrics.gauge('depth', 'x', [], (gauge) => gauge.set(2))).toThrow(RangeError)
})

test('a label with unbounded values is refused', () => {
  const metrics = createMetrics({ role: 'x' })
  for (const label of ['host', 'hostKey', 'url', 'domain', 'address'])
    expect(() => metrics.counter(`${label}_total`, 'x', [label])).toThrow(RangeError)
})

test('a gauge that cannot be read is left out of the scrape and counted; the rest is served', async () => {
  const metrics = createMetrics({ role: 'x' })
  let broken = false
  metrics.gauge('urls', 'x', ['state'], async (gauge) => {
    if (broken) throw new Error('database')
    gauge.set({ state: 'queued' }, 5)
  })
  metrics.gauge('plain', 'x', [], (gauge) => {
    if (broken) throw new Error('database')
    gauge.set(1)
  })
  expect(lineOf(await metrics.text(), 'warren_urls{')).toBe('warren_urls{state="queued",role="x"} 5')
  broken = true
  const text = await metrics.text()
  expect(lineOf(text, 'warren_urls{')).toBeUndefined()
  expect(lineOf(text, 'warren_plain{')).toBeUndefined()
  expect(lineOf(await metrics.text(), 'warren_metrics_collect_failures_total{metric="urls"')).toMatch(/ [12]$/)
  expect(lineOf(text, 'warren_process_cpu_seconds_total')).toBeDefined()
})
