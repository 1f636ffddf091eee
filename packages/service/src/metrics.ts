import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

const PREFIX = 'warren_'
/** Values of these are without bound; each would be a time series of its own. They belong in logs. */
const UNBOUNDED_LABEL = /host|url|domain|address|path|crawl_?name|visit/i

export interface HistogramOptions<L extends string> {
  readonly labels?: readonly L[] | undefined
  /** Upper bounds, ascending. Default: prom-client's, 5 ms to 10 s in seconds. */
  readonly buckets?: readonly number[] | undefined
}

/**
 * The metrics of one process. Names come without prefix and follow Prometheus: seconds, bytes, `_total` for counters.
 * Asking again for a counter or histogram gives the same one, so that roles in one process can share.
 * Errors: RangeError for a label with unbounded values (hosts, URLs) and for a name that is taken by another kind, by other
 * labels, or by a gauge with its own `collect`.
 */
export interface Metrics {
  readonly contentType: string
  /** `read`, for a count that somebody else keeps: asked for its value when it is scraped. */
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[], read?: () => number): Counter<L>
  /** `collect` sets the value when it is scraped; if it fails, the gauge is left out of that scrape and the failure counted. */
  gauge<L extends string = never>(
    name: string,
    help: string,
    labels?: readonly L[],
    collect?: (gauge: Gauge<L>) => void | Promise<void>,
  ): Gauge<L>
  histogram<L extends string = never>(name: string, help: string, options?: HistogramOptions<L>): Histogram<L>
  /** The exposition that a Prometheus server scrapes. */
  text(): Promise<string>
}

/** A registry of its own with the process's CPU, memory, garbage collection and event loop lag; `role` is a label of everything. */
export function createMetrics({ role }: { readonly role: string }): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels({ role })
  collectDefaultMetrics({ register: registry, prefix: PREFIX })
  const known = new Map<string, { readonly shape: string; readonly metric: unknown }>()

  const once = <M>(kind: string, name: string, labels: readonly string[], make: (name: string) => M, shared = true): M => {
    const unbounded = labels.find((label) => UNBOUNDED_LABEL.test(label))
    if (unbounded !== undefined) throw new RangeError(`Cannot use label: ${unbounded} is not a label with few values`)
    const shape = `${kind}(${labels.join(',')})`
    const present = known.get(name)
    if (present === undefined) {
      const metric = make(PREFIX + name)
      known.set(name, { shape: shared ? shape : `${shape} with collect`, metric })
      return metric
    }
    if (present.shape !== shape) throw new RangeError(`Cannot use metric name: ${name} is not free, it is a ${present.shape}`)
    return present.metric as M
  }
  const counter = <L extends string = never>(name: string, help: string, labels: readonly L[] = [], read?: () => number): Counter<L> => {
    const make = (fullName: string) =>
      new Counter<L>({
        name: fullName,
        help,
        labelNames: labels,
        registers: [registry],
        ...(read && {
          collect() {
            this.reset()
            this.inc(read())
          },
        }),
      })
    return once('counter', name, labels, make, read === undefined)
  }
  const failures = counter('metrics_collect_failures_total', 'Gauges that could not be read for a scrape', ['metric'])

  return {
    contentType: registry.contentType,
    counter,
    gauge: (name, help, labels = [], collect) => {
      const make = (fullName: string) =>
        new Gauge({
          name: fullName,
          help,
          labelNames: labels,
          registers: [registry],
          ...(collect && {
            async collect() {
              try {
                await collect(this)
              } catch {
                if (labels.length > 0)
                  this.reset() // an old value would look like a fresh one
                else this.remove() // reset would make a 0 of it
                failures.inc({ metric: name })
              }
            },
          }),
        })
      return once('gauge', name, labels, make, collect === undefined)
    },
    histogram: (name, help, { labels = [], buckets } = {}) =>
      once('histogram', name, labels, (name) => {
        return new Histogram({ name, help, labelNames: labels, registers: [registry], ...(buckets && { buckets: [...buckets] }) })
      }),
    text: () => registry.metrics(),
  }
}
