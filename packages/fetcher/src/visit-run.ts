import { attempt, CancelScope, onAbort, Semaphore, select, sleep, TaskGroup, TaskTracker } from '@warren/async'
import type { Broker } from '@warren/broker'
import {
  CrawlError,
  type Message,
  type RobotsOutcome,
  type UrlOutcome,
  type UrlRef,
  type Visit,
  type VisitEnd,
  type VisitStart,
} from '@warren/protocol'
import type { Logger } from '@warren/service'
import type { Connections, HostConnections } from './connections.ts'
import type { CrawlStates } from './crawl-states.ts'
import { type Exchanged, type ExchangeTools, exchange, type Order, type Starter } from './exchange.ts'
import type { HostWarnings } from './host-warnings.ts'
import type { FetcherMetrics } from './metrics.ts'
import type { NameCache } from './name-cache.ts'
import type { Publisher } from './publisher.ts'
import { conditionHeaders, requestHeaders } from './request-headers.ts'
import { ConnectError, routeUnder } from './route.ts'
import { VisitReport } from './visit-report.ts'

/** What all visits of a process share. */
export interface VisitContext {
  /** The fetcher's name, for people. */
  readonly worker: string
  readonly broker: Pick<Broker, 'publish' | 'silentMs' | 'heartbeatMs'>
  readonly publisher: Publisher
  readonly connections: Connections
  readonly names: NameCache
  /** Requests in flight in the process. */
  readonly slots: Semaphore
  readonly tools: ExchangeTools
  readonly crawls: CrawlStates
  readonly metrics: FetcherMetrics
  readonly logger: Logger
  readonly warnings: HostWarnings
  readonly publishGraceMs: number
  readonly draining: AbortSignal
  readonly aborted: AbortSignal
}

/**
 * Why a visit ended before its work was done. `fence`: the broker was silent, so the visit may be somebody else's by now; `control`: its
 * crawl does not run any more, or it was recalled; `elsewhere`: the host's name leads to another address group.
 */
type StopReason = 'time' | 'fence' | 'control' | 'drain' | 'throttled' | 'unreachable' | 'elsewhere' | 'failure'

/**
 * Runs one visit to its end: every URL is requested or given back, every result is confirmed, then the end is.
 * Errors: ERR_MESSAGE_INVALID for a visit of no host or with URLs of another one; the broker's when results could not be published within the
 * visit's time; `aborted.reason`.
 */
export async function runVisit(visit: Visit, receivedAt: number, context: VisitContext): Promise<void> {
  const { hostKey, work } = visit
  const host = URL.parse(hostKey)
  if (host === null) throw new CrawlError('ERR_MESSAGE_INVALID', `Cannot visit ${hostKey}: it is no host key`)
  const urls = work.kind === 'pages' ? work.urls : work.kind === 'robots' ? [work] : []
  const stray = urls.find(({ url }) => !url.startsWith(`${host.origin}/`))
  if (stray !== undefined) throw new CrawlError('ERR_MESSAGE_INVALID', `Cannot visit ${hostKey}: it is asked for ${stray.url}`)
  await new VisitRun(visit, receivedAt, context).run(host)
}

/** Gives a visit back without a request. */
export async function returnVisit(visit: Visit, ending: 'stopped' | 'abandoned', receivedAt: number, context: VisitContext): Promise<void> {
  await new VisitRun(visit, receivedAt, context).end(ending, visit.work.kind === 'pages' ? visit.work.urls : [])
}

class VisitRun {
  readonly #visit: Visit
  readonly #context: VisitContext
  readonly #startUntil: number
  readonly #publishUntil: number
  readonly #report = new VisitReport()
  readonly #stopping = new AbortController()
  /** With a delay, one start at a time: from its pace to its writing, however long it takes to connect. */
  readonly #gate = new Semaphore(1)
  #lastStart = Number.NEGATIVE_INFINITY
  #stopped: StopReason | undefined
  #failure: unknown

  constructor(visit: Visit, receivedAt: number, context: VisitContext) {
    this.#visit = visit
    this.#context = context
    this.#startUntil = receivedAt + visit.runMs
    this.#publishUntil = this.#startUntil + context.publishGraceMs
  }

  async run({ origin, hostname }: URL): Promise<void> {
    const { crawls, draining } = this.#context
    const { work } = this.#visit
    await using watching = new TaskGroup()
    watching.spawn(async (signal) => {
      const orders = { drain: draining, control: (signal: AbortSignal) => crawls.stopped(this.#visit, { signal }) }
      const time = (signal: AbortSignal) => sleep(Math.max(0, this.#startUntil - performance.now()), { signal })
      this.#stop((await select(work.kind === 'resolve' ? orders : { ...orders, time }, { signal })).branch)
    })
    watching.spawn((signal) => this.#tellStart(signal))
    try {
      if (work.kind === 'resolve') await this.#resolve(hostname)
      else await this.#withHost(origin, (host) => (work.kind === 'pages' ? this.#pages(host, work.urls) : this.#robots(host, work)))
    } finally {
      watching.cancel()
    }
  }

  /** Nothing depends on it: a broker that does not take it at once never gets it. */
  async #tellStart(signal: AbortSignal): Promise<void> {
    const { broker, worker } = this.#context
    const start: VisitStart = { ...this.#envelope('outcome'), of: 'start', worker }
    const isBrokers = (error: unknown) => (error instanceof CrawlError ? error : undefined)
    await attempt(() => broker.publish(start, { signal }), isBrokers, { signal })
  }

  async #withHost(origin: string, fn: (host: HostConnections) => Promise<void>): Promise<void> {
    const { connections } = this.#context
    const { addressGroup, policy, work } = this.#visit
    const host = connections.open(origin, policy, { addressGroup, isUrgent: work.kind === 'robots' })
    try {
      await fn(host)
    } finally {
      connections.close(host)
    }
  }

  /** Nothing is asked of the host, so the time to connect is the only limit: no pace, no fence, no run time. */
  async #resolve(hostname: string): Promise<void> {
    const { policy } = this.#visit
    const { signal } = this.#stopping
    using limit = new CancelScope({ signal, deadlineMs: policy.connectMs })
    const onGroup = (addressGroup: string): void => this.#report.ledTo(addressGroup)
    const { route } = routeUnder({ policy, names: this.#context.names, addressGroup: null, onGroup, isUrgent: () => true, signal })
    try {
      await route(hostname, limit.signal)
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error
      // Refused by the guard, it has a group all the same: its URLs find out one by one.
      if (error.result.kind === 'unreachable' && !signal.aborted) this.#report.unresolved(error.result.code)
    }
    await this.end(signal.aborted ? 'stopped' : 'finished', [])
  }

  async #pages(host: HostConnections, urls: readonly UrlRef[]): Promise<void> {
    const left = urls.toReversed()
    await this.#fetch(host, left)
    if (this.#failure !== undefined) throw this.#failure
    await this.end(left.length === 0 ? 'finished' : 'stopped', left.reverse())
  }

  /** Takes URLs from the end of `left` until there are none or the visit is stopped; all results are confirmed then. */
  async #fetch(host: HostConnections, left: UrlRef[]): Promise<void> {
    const { aborted, publisher } = this.#context
    const { pace, policy } = this.#visit
    const headers = requestHeaders(policy, 'page')
    await using publishing = new TaskTracker({ onError: (error) => this.#fail(error) }) // also when a worker fails
    await using workers = new TaskGroup({ signal: aborted })
    using _failing = onAbort(workers.signal, () => this.#stop('failure'))
    const work = async (): Promise<void> => {
      const starter = new VisitStarter(this)
      for (let ref = left.pop(); ref !== undefined; ref = left.pop()) {
        const conditions = ref.validators === undefined ? [] : conditionHeaders(ref.validators)
        const order: Order = { url: ref.url, purpose: 'page', headers: [...headers, ...conditions], policy }
        const exchanged = await this.#request(host, order, starter)
        if (exchanged === undefined) {
          left.push(ref)
          return
        }
        const room = await publisher.reserve(exchanged.body?.byteLength ?? 0)
        publishing.track(this.#publishResult(ref, exchanged, room))
      }
    }
    for (let i = Math.min(pace.width, left.length); i > 0; i--) workers.spawn(work)
    await workers.join()
  }

  async #robots(host: HostConnections, { url, askingHostId, hop }: Extract<Visit['work'], { kind: 'robots' }>): Promise<void> {
    const { policy } = this.#visit
    const order: Order = { url, purpose: 'robots', headers: requestHeaders(policy, 'robots'), policy }
    const exchanged = await this.#request(host, order, new VisitStarter(this))
    if (exchanged === undefined) return this.end('stopped', [])
    const { result, body } = exchanged
    const outcome: RobotsOutcome = {
      ...this.#envelope('outcome'),
      of: 'robots',
      askingHostId,
      hop,
      result,
      body: body === null ? null : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64'),
      report: this.#report.toReport(),
    }
    await this.#publish(outcome)
    this.#context.metrics.visits.inc({ ending: 'finished' })
  }

  /** Tells that the visit is over and its host free. */
  async end(ending: VisitEnd['ending'], unfetched: readonly UrlRef[]): Promise<void> {
    const { hostKey, visitId } = this.#visit
    const ids = unfetched.map(({ id }) => id)
    await this.#publish({ ...this.#envelope('outcome'), of: 'visit', ending, unfetched: ids, report: this.#report.toReport() })
    this.#context.metrics.visits.inc({ ending })
    this.#context.logger.debug({ visitId, hostKey, ending, stopped: this.#stopped, unfetched: ids.length }, 'visit ended')
  }

  /** Everything that a start depends on, looked at in the same turn in which the request is written. */
  mayStart(): boolean {
    const { broker, crawls, draining, publisher } = this.#context
    const now = performance.now()
    if (now >= this.#startUntil) this.#stop('time')
    else if (broker.silentMs() >= broker.heartbeatMs) this.#stop('fence')
    else if (!crawls.allows(this.#visit)) this.#stop('control')
    else if (draining.aborted) this.#stop('drain')
    // The last two only say: not yet. While a connection was made, a page may have been refused, or a slow answer stretched the pace.
    return this.#stopped === undefined && publisher.open && now >= this.#nextStart()
  }

  written(nowMs: number): void {
    this.#lastStart = nowMs
    this.#report.requested()
  }

  elsewhere(): void {
    if (this.#stopped === undefined) this.#context.metrics.elsewhere.inc() // others of a wide visit meet it too
    this.#stop('elsewhere')
  }

  /** One exchange, when its time has come; made a second time when it met a connection that its server had closed. */
  async #request(host: HostConnections, order: Order, starter: VisitStarter): Promise<Exchanged | undefined> {
    let stale = false
    while (await this.#clear(starter)) {
      const exchanged = await this.#exchange(host, order, starter)
      if (exchanged === undefined) continue
      this.#context.aborted.throwIfAborted() // it was cut, and means nothing
      if (exchanged.stale && !stale) {
        stale = true
        continue
      }
      this.#take(exchanged, order)
      return exchanged
    }
    this.#context.aborted.throwIfAborted()
    return undefined
  }

  /** Waits until a request may start. False: the visit is stopped. */
  async #clear(starter: VisitStarter): Promise<boolean> {
    const { publisher } = this.#context
    const { signal } = this.#stopping
    try {
      if (this.#visit.pace.delayMs > 0) {
        starter.turn = await this.#gate.acquire({ signal })
        for (let waitMs = this.#waitMs(); waitMs > 0; waitMs = this.#waitMs()) {
          if (performance.now() + waitMs >= this.#startUntil) this.#stop('time') // it would wake up for nothing
          await sleep(waitMs, { signal })
        }
      }
      if (!publisher.open) await publisher.whenOpen({ signal })
      if (this.#stopped === undefined) return true
    } catch (error) {
      if (!signal.aborted) throw error
    }
    starter.endTurn()
    return false
  }

  async #exchange(host: HostConnections, order: Order, starter: VisitStarter): Promise<Exchanged | undefined> {
    const { slots, tools } = this.#context
    const { signal } = this.#stopping
    const slot = slots.tryAcquire() ?? (await slots.acquire({ signal }).catch(() => undefined)) // stopped while waiting
    if (slot === undefined) return undefined
    const connection = host.acquire()
    try {
      return await exchange(connection, order, starter, tools)
    } finally {
      host.release(connection)
      this.#report.ledTo(host.addressGroup)
      slot[Symbol.dispose]()
      starter.endTurn()
    }
  }

  #take(exchanged: Exchanged, { url }: Order): void {
    const { metrics, warnings } = this.#context
    const { hostKey } = this.#visit
    metrics.exchanged(exchanged)
    if (exchanged.unmapped !== undefined) {
      metrics.unmapped.inc()
      warnings.warn(hostKey, 'an error that the failure table lacks; taken as protocol', { url, error: exchanged.unmapped })
    }
    const reason = this.#report.take(exchanged)
    if (reason === 'throttled') metrics.throttled.inc()
    if (reason !== undefined) this.#stop(reason)
  }

  async #publishResult(ref: UrlRef, { result, body, page }: Exchanged, room: Disposable): Promise<void> {
    using _room = room
    const outcome: UrlOutcome = { ...this.#envelope('outcome'), of: 'url', url: ref, result, facts: null, links: [] }
    if (!page || body === null || result.kind !== 'answer') return await this.#publish(outcome)
    const { hostKey, policy } = this.#visit
    try {
      await this.#publish({ ...this.#envelope('page'), url: ref, result, userAgent: policy.userAgent, body })
    } catch (error) {
      if (!(error instanceof CrawlError) || error.code !== 'ERR_MESSAGE_INVALID') throw error
      const fields = { url: ref.url, error: error.message }
      this.#context.warnings.warn(hostKey, 'a page that no broker takes; recorded without its links', fields)
      await this.#publish(outcome)
    }
  }

  #publish(message: Message): Promise<void> {
    return this.#context.publisher.publish(message, { deadlineMs: this.#publishUntil })
  }

  /** The others end what they have under way, then the visit throws. */
  #fail(error: unknown): void {
    this.#failure ??= error
    this.#stop('failure')
  }

  #stop(reason: StopReason): void {
    if (this.#stopped !== undefined) return
    this.#stopped = reason
    this.#stopping.abort()
  }

  #waitMs(): number {
    return this.#nextStart() - performance.now()
  }

  #nextStart(): number {
    return this.#lastStart + this.#report.intervalMs(this.#visit.pace.delayMs)
  }

  #envelope<T extends 'page' | 'outcome'>(type: T) {
    const { crawlId, hostId, visitId } = this.#visit
    return { v: 1 as const, type, crawlId, hostId, visitId }
  }
}

/** One worker's hand on the gate of its visit. */
class VisitStarter implements Starter {
  readonly #run: VisitRun
  turn: Disposable | undefined

  constructor(run: VisitRun) {
    this.#run = run
  }

  mayStart(): boolean {
    return this.#run.mayStart()
  }

  written(nowMs: number): void {
    this.#run.written(nowMs)
    this.endTurn()
  }

  elsewhere(): void {
    this.#run.elsewhere()
  }

  endTurn(): void {
    this.turn?.[Symbol.dispose]()
    this.turn = undefined
  }
}
