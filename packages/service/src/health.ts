import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { CrawlError } from '@warren/protocol'
import type { Metrics } from './metrics.ts'

/** A scraper asks in one packet; who takes longer is no scraper. */
const REQUEST_MS = 5_000

export interface HealthOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly metrics: Metrics
  /** Whether this process can do its work now, and if not, why. */
  readonly ready: () => Readiness | Promise<Readiness>
}

interface Readiness {
  readonly ok: boolean
  readonly reason?: string | undefined
}

/**
 * Serves /metrics, /livez (the event loop turns) and /readyz (it can work; else 503 with the reason) until disposed.
 * Errors: ERR_SERVICE_START when it cannot listen, saying what to change.
 */
export async function serveHealth(options: HealthOptions): Promise<{ readonly port: number } & AsyncDisposable> {
  const server = createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, connectionsCheckingInterval: REQUEST_MS },
    (request, response) => {
      void answer(options, request, response)
    },
  )
  try {
    server.listen(options.port, options.host)
    await once(server, 'listening')
  } catch (cause) {
    throw cannotListen(options, cause)
  }
  const address = server.address()
  let closed: Promise<unknown> | undefined
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    [Symbol.asyncDispose]: async () => {
      closed ??= once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function answer(options: HealthOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, body, contentType = 'text/plain; charset=utf-8' } = await route(options, request)
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' })
  response.end(request.method === 'HEAD' ? undefined : body)
}

async function route(
  { metrics, ready }: HealthOptions,
  { method, url }: IncomingMessage,
): Promise<{ status: number; body: string; contentType?: string }> {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: 'only GET and HEAD\n' }
  try {
    switch (url?.split('?', 1)[0]) {
      case '/livez':
        return { status: 200, body: 'ok\n' }
      case '/readyz': {
        const { ok, reason = 'not ready' } = await ready()
        return ok ? { status: 200, body: 'ok\n' } : { status: 503, body: `${reason}\n` }
      }
      case '/metrics':
        return { status: 200, body: await metrics.text(), contentType: metrics.contentType }
      default:
        return { status: 404, body: 'there are /metrics, /livez and /readyz\n' }
    }
  } catch (error) {
    return { status: 500, body: `${error instanceof Error ? error.message : String(error)}\n` }
  }
}

function cannotListen({ host, port }: HealthOptions, cause: unknown): CrawlError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  const remedy: Record<string, string> = {
    EADDRINUSE: 'another process uses the port; set another one, or 0 for any',
    EACCES: 'the port needs privileges; set one from 1024 on',
    EADDRNOTAVAIL: 'this machine does not have that address; set 127.0.0.1 or 0.0.0.0',
    ENOTFOUND: 'the name does not resolve; set an address',
    ERR_SOCKET_BAD_PORT: 'set a port from 0 to 65535',
  }
  return new CrawlError('ERR_SERVICE_START', `Cannot serve health and metrics on ${host}:${port}: ${remedy[code] ?? code}`, { cause })
}
