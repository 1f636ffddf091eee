import { createWriteStream, type WriteStream } from 'node:fs'
import type { Expected, ExpectedOptions } from './expected.ts'
import { expectedOf } from './expected.ts'
import { WebGraph } from './graph.ts'
import type { RequestRecord } from './log.ts'
import { crawlDelayMs } from './robots.ts'
import { listenAll, type WebState } from './server.ts'
import { addressOf, type WebOptions, webSpec } from './spec.ts'

/** A synthetic web that is being served, in this process or in its own. */
export interface Web extends AsyncDisposable {
  /** `http://127.0.0.2:34001`, by host number. */
  readonly origins: readonly string[]
  /** The root page of each host; the first one alone leads to everything. */
  readonly roots: readonly string[]
  /** Names to addresses, for `--resolve`; empty without a domain. */
  readonly resolve: Readonly<Record<string, string>>
  /** The right answer of a crawl. */
  expected(options?: ExpectedOptions): Expected
  /** Milliseconds that robots.txt of an origin asks for; 0: it does not. */
  crawlDelayMs(origin: string): number
  /** The requests that have ended, from the `from`-th on. */
  log(from?: number): Promise<RequestRecord[]>
  /** Resolves when at least so many requests have ended. Cancel safety: yes. */
  reached(requests: number, options?: { signal?: AbortSignal }): Promise<void>
  /** Changes the web while it is crawled. */
  change(change: WebChange): Promise<void>
}

export interface WebChange {
  readonly latencyMs?: { readonly min: number; readonly max: number }
  /** Numbers of the hosts whose connections are reset at once; replaces the earlier list. */
  readonly down?: readonly number[]
  /** URLs of pages whose text, ETag and Last-Modified change, once more each time; their links stay. */
  readonly edited?: readonly string[]
}

/** Serves a web from this process. Cost: one listening socket a host; pages are rendered when first asked for. */
export async function startWeb(options: WebOptions = {}): Promise<Web> {
  const spec = webSpec(options)
  const records: RequestRecord[] = []
  const waiters = new Set<{ requests: number; resolve: () => void }>()
  const file: WriteStream | undefined = spec.logFile === null ? undefined : createWriteStream(spec.logFile, { flags: 'a' })
  const state: WebState = {
    latencyMs: spec.latencyMs,
    down: new Set(),
    editions: new Map(),
    record: (record) => {
      records.push(record)
      file?.write(`${JSON.stringify(record)}\n`)
      for (const waiter of waiters) if (records.length >= waiter.requests) waiter.resolve()
    },
  }
  const { graph, close } = await listenAll(spec, (origins) => new WebGraph(spec, origins), state)
  return {
    ...describeWeb(graph),
    log: (from = 0) => Promise.resolve(records.slice(from)),
    reached: async (requests, { signal } = {}) => {
      signal?.throwIfAborted()
      if (records.length >= requests) return
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const waiter = { requests, resolve }
      const cancel = (): void => reject(signal?.reason)
      waiters.add(waiter)
      signal?.addEventListener('abort', cancel, { once: true })
      try {
        await promise
      } finally {
        waiters.delete(waiter)
        signal?.removeEventListener('abort', cancel)
      }
    },
    change: async ({ latencyMs, down, edited = [] }) => {
      if (latencyMs !== undefined) state.latencyMs = latencyMs
      if (down !== undefined) state.down = new Set(down)
      for (const url of edited) state.editions.set(url, (state.editions.get(url) ?? 0) + 1)
    },
    [Symbol.asyncDispose]: async () => {
      await close()
      if (file !== undefined) await new Promise((resolve) => file.end(resolve))
    },
  }
}

/** What follows from the spec and the origins alone, wherever the web is served. */
export function describeWeb(graph: WebGraph): Pick<Web, 'origins' | 'roots' | 'resolve' | 'expected' | 'crawlDelayMs'> {
  const { domain } = graph.spec
  return {
    origins: graph.origins,
    roots: graph.roots,
    resolve:
      domain === null ? {} : Object.fromEntries(graph.origins.map((origin, i) => [new URL(origin).hostname, addressOf(i, graph.spec)])),
    expected: (options) => expectedOf(graph, options),
    crawlDelayMs: (origin) => crawlDelayMs(graph, graph.origins.indexOf(origin)),
  }
}
