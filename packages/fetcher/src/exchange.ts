import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { type OneshotSender, oneshot, type TokenBucket } from '@warren/async'
import type { Answer, FetchPolicy, FetchResult, UnreachableCode } from '@warren/protocol'
import type { Dispatcher } from 'undici'
import { contentTypeOf, headerFacts } from './answer.ts'
import { type Body, BodyReader, type Flow } from './body.ts'
import { codingsOf } from './coding.ts'
import type { Connection } from './connections.ts'
import { failureOf } from './failure.ts'
import { bodyUse, isPage } from './media.ts'
import { ConnectError, ElsewhereError } from './route.ts'
import type { Watchdog, Watched } from './watchdog.ts'

/** What one exchange is for: `robots` reads a body of any type, up to ROBOTS_BYTES. */
export type Purpose = 'page' | 'robots'

export interface Order {
  /** Canonical, on the connection's host. */
  readonly url: string
  readonly purpose: Purpose
  /** Name, value, name, value. */
  readonly headers: string[]
  readonly policy: FetchPolicy
}

/** Who asked for the exchange, asked back at the moment the request is written. */
export interface Starter {
  /** False: the request is not written, and the exchange has not been. */
  mayStart(): boolean
  written(nowMs: number): void
  /** The host's name leads to no address of the visit's group: nothing was dialled, and the exchange has not been. */
  elsewhere(): void
}

export interface ExchangeTools {
  readonly watchdog: Watchdog
  /** Received bytes per second of the process; undefined: no limit. */
  readonly bandwidth: TokenBucket | undefined
  /** Time after the headers before the minimum rate counts. */
  readonly rateGraceMs: number
}

export interface Exchanged {
  readonly result: FetchResult
  /** The decoded body as kept; null when there is none or it was not read. */
  readonly body: Uint8Array | null
  /** The body goes to a parser. */
  readonly page: boolean
  /** From the request's start to the end; 0 when it was never written. */
  readonly exchangeMs: number
  /** The request was written. */
  readonly requested: boolean
  /** A connection that had served before was closed when the request came: the request may be made again. Source: RFC 9110, 9.2.2. */
  readonly stale: boolean
  /** An error that the failure table lacks. */
  readonly unmapped: string | undefined
}

/** RFC 9309, 2.5: at least 500 KiB of a robots.txt are read; this is where ours ends. */
const ROBOTS_BYTES = 524_288
/** Read past the end of a body that is not kept, because a new connection costs more than these bytes. */
const DISCARD_BYTES = 65_536

type Timeout = Extract<UnreachableCode, 'headers-timeout' | 'exchange-timeout'>

/** The reason given to undici when an exchange ends by our own doing; what it means is in the exchange's state. */
const ENDED = new Error('the exchange was ended')

/**
 * One GET and its answer. Redirects are not followed, nothing is retried.
 * Resolves with undefined when `starter` did not let the request be written, or was told that the host is elsewhere. Never rejects: what goes wrong is a result.
 * Time limits (`policy`): connect in the connector; headers, whole exchange and minimum rate by the watchdog.
 * Cancel safety: destroy the connections; it then ends as `reset`.
 */
export function exchange(connection: Connection, order: Order, starter: Starter, tools: ExchangeTools): Promise<Exchanged | undefined> {
  const { sender, receiver } = oneshot<Exchanged>()
  const { url, headers } = order
  const handler = new Handler(connection, order, starter, tools, sender)
  connection.client.dispatch({ method: 'GET', path: url.slice(url.indexOf('/', 8)), headers, headersTimeout: 0, bodyTimeout: 0 }, handler)
  return receiver.recv()
}

class Handler implements Dispatcher.DispatchHandler, Watched, Flow {
  readonly #connection: Connection
  readonly #connectsBefore: number
  readonly #order: Order
  readonly #starter: Starter
  readonly #tools: ExchangeTools
  readonly #result: OneshotSender<Exchanged>
  #controller: Dispatcher.DispatchController | undefined
  #wallMs = 0
  #startMs = -1
  #firstByteMs = -1
  #headersMs = -1
  #status = 0
  #headers: IncomingHttpHeaders = {}
  #body: BodyReader | undefined
  #wireBytes = 0
  /** Time the exchange was held back by our own bandwidth limit or decoders: not the peer's. */
  #heldMs = 0
  #heldSince = -1
  #holds = 0
  #timeout: Timeout | undefined
  /** The rest of the body is not wanted: a limit was passed, or it is of no use. */
  #enough = false
  #undecodable: string | undefined
  #over = false

  constructor(connection: Connection, order: Order, starter: Starter, tools: ExchangeTools, result: OneshotSender<Exchanged>) {
    this.#connection = connection
    this.#connectsBefore = connection.connects
    this.#order = order
    this.#starter = starter
    this.#tools = tools
    this.#result = result
  }

  /** undici calls this immediately before it writes the request. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (!this.#starter.mayStart()) {
      this.#endUnwritten()
      controller.abort(ENDED)
      return
    }
    this.#controller = controller
    this.#wallMs = Date.now()
    this.#startMs = performance.now()
    this.#tools.watchdog.add(this)
    this.#starter.written(this.#startMs)
  }

  onResponseStarted(): void {
    if (this.#firstByteMs === -1) this.#firstByteMs = performance.now()
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return
    this.#headersMs = performance.now()
    this.#status = status
    this.#headers = headers
    const { purpose, policy } = this.#order
    if (purpose === 'page' ? bodyUse(status, contentTypeOf(headers)) === 'discard' : status < 200 || status >= 300) {
      if (Number(headers['content-length']) > DISCARD_BYTES) this.stop()
      return
    }
    const codings = codingsOf(headers['content-encoding'])
    if (codings === undefined) {
      this.#undecodable = String(headers['content-encoding'])
      if (Number(headers['content-length']) > DISCARD_BYTES) this.stop()
      return
    }
    const maxBytes = purpose === 'robots' ? Math.min(ROBOTS_BYTES, policy.maxBodyBytes) : policy.maxBodyBytes
    this.#body = new BodyReader(codings, { maxBytes, maxRatio: policy.maxBodyRatio }, this)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    // After a pause the parser comes with an empty chunk: to pause again on that would never end.
    if (this.#enough || chunk.byteLength === 0) return
    this.#wireBytes += chunk.byteLength
    if (this.#tools.bandwidth !== undefined) this.#pay(this.#tools.bandwidth, chunk.byteLength)
    if (this.#body !== undefined) this.#body.push(chunk)
    else if (this.#wireBytes > DISCARD_BYTES) this.stop()
  }

  onResponseEnd(): void {
    if (!this.#over) void this.#answer(null)
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#over) return
    if (this.#enough) void this.#answer(null)
    else if (this.#timeout !== undefined) this.#broken(this.#timeout, this.#timeoutDetail(), undefined)
    else if (error instanceof ElsewhereError) {
      this.#starter.elsewhere()
      this.#endUnwritten()
    } else if (error instanceof ConnectError) this.#end({ result: error.result, unmapped: error.known ? undefined : error.message })
    else {
      const { code, detail, known } = failureOf(error, 'exchange')
      this.#broken(code, detail, known ? undefined : detail)
    }
  }

  check(nowMs: number): void {
    const { headersMs, exchangeMs, minBytesPerSecond } = this.#order.policy
    if (this.#headersMs === -1) {
      if (nowMs - this.#startMs > Math.min(headersMs, exchangeMs))
        this.#abort(headersMs <= exchangeMs ? 'headers-timeout' : 'exchange-timeout')
      return
    }
    const heldMs = this.#heldMs + (this.#heldSince === -1 ? 0 : nowMs - this.#heldSince)
    const bodyMs = nowMs - this.#headersMs - heldMs
    const tooLong = nowMs - this.#startMs - heldMs > exchangeMs
    const tooSlow = bodyMs > this.#tools.rateGraceMs && this.#wireBytes < (bodyMs / 1_000) * minBytesPerSecond
    if (tooLong || tooSlow) this.#abort('exchange-timeout')
  }

  // Flow: how the body holds the exchange back. Several may hold it at once.

  pause(): void {
    if (this.#holds++ > 0) return
    this.#heldSince = performance.now()
    this.#controller?.pause()
  }

  resume(): void {
    if (--this.#holds > 0) return
    this.#heldMs += performance.now() - this.#heldSince
    this.#heldSince = -1
    this.#controller?.resume()
  }

  stop(): void {
    if (this.#enough || this.#over) return
    this.#enough = true
    this.#controller?.abort(ENDED)
  }

  #pay(bandwidth: TokenBucket, bytes: number): void {
    this.pause()
    bandwidth.take(bytes).then(
      () => this.resume(),
      () => this.resume(),
    )
  }

  #abort(timeout: Timeout): void {
    this.#tools.watchdog.delete(this)
    this.#timeout = timeout
    this.#controller?.abort(ENDED)
  }

  #timeoutDetail(): string {
    const { headersMs, exchangeMs, minBytesPerSecond } = this.#order.policy
    return this.#timeout === 'headers-timeout'
      ? `no answer within ${headersMs} ms`
      : `${this.#wireBytes} bytes, neither whole within ${exchangeMs} ms nor ${minBytesPerSecond} bytes/s`
  }

  /** The transport failed. With some of a body it is still an answer, cut; before that it is none. */
  #broken(code: UnreachableCode, detail: string, unmapped: string | undefined): void {
    const stale = code === 'reset' && this.#firstByteMs === -1 && this.#startMs !== -1 && this.#connection.connects === this.#connectsBefore
    if (this.#headersMs === -1 || (this.#body !== undefined && this.#wireBytes === 0)) {
      this.#body?.destroy()
      this.#end({ result: { kind: 'unreachable', code, detail }, stale, unmapped })
    } else void this.#answer(code === 'exchange-timeout' ? 'exchange-timeout' : 'reset', unmapped)
  }

  async #answer(fault: 'exchange-timeout' | 'reset' | null, unmapped?: string): Promise<void> {
    this.#over = true
    this.#tools.watchdog.delete(this)
    const nowMs = performance.now()
    const { url, purpose } = this.#order
    if (this.#status > 599) return this.#end({ result: unreachable('protocol', `status ${this.#status}`) })
    if (this.#undecodable !== undefined && (this.#wireBytes > 0 || this.#enough))
      return this.#end({ result: unreachable('decode', `Content-Encoding ${this.#undecodable.slice(0, 100)}`) })
    const read: Body | undefined = await this.#body?.finish()
    if (read !== undefined && read.bytes.byteLength === 0 && this.#wireBytes > 0) {
      if (read.cut === 'decode') return this.#end({ result: unreachable('decode', `broken ${String(this.#headers['content-encoding'])}`) })
      if (fault !== null) return this.#end({ result: unreachable(fault, 'before the first decoded byte') })
    }
    const body = read?.bytes ?? null
    const result: Answer = {
      kind: 'answer',
      ...headerFacts(this.#status, this.#headers, { url, nowMs: Date.now() }),
      bodyBytes: body?.byteLength ?? 0,
      wireBytes: this.#wireBytes,
      digest: body === null || body.byteLength === 0 ? null : hash('sha256', body, 'hex'),
      // A body that is not kept was not cut: nothing of it was wanted.
      truncated: body === null ? null : (read?.cut ?? fault),
      fetchedAt: new Date(this.#wallMs).toISOString(),
      firstByteMs: Math.max(0, Math.round((this.#firstByteMs === -1 ? this.#headersMs : this.#firstByteMs) - this.#startMs)),
      totalMs: Math.round(nowMs - this.#startMs),
    }
    const page = purpose === 'page' && body !== null && isPage(result.status, result.contentType, body)
    this.#end({ result, body, page, exchangeMs: nowMs - this.#startMs, unmapped })
  }

  #endUnwritten(): void {
    this.#over = true
    this.#result.close()
  }

  #end(exchanged: Partial<Exchanged> & Pick<Exchanged, 'result'>): void {
    this.#over = true
    this.#tools.watchdog.delete(this)
    const requested = this.#startMs !== -1
    this.#result.send({
      body: null,
      page: false,
      exchangeMs: requested ? performance.now() - this.#startMs : 0,
      requested,
      stale: false,
      unmapped: undefined,
      ...exchanged,
    })
  }
}

const unreachable = (code: UnreachableCode, detail: string): FetchResult => ({ kind: 'unreachable', code, detail })
