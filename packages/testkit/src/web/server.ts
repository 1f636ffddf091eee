import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { WebGraph, WebNode } from './graph.ts'
import { pageBytes, renderPage } from './html.ts'
import { LoopLag } from './lag.ts'
import type { RequestRecord } from './log.ts'
import { PageCache } from './page-cache.ts'
import { hash } from './random.ts'
import { robotsAnswer, robotsText } from './robots.ts'
import { addressOf, type WebSpec } from './spec.ts'
import { isConditional, isKnown, validatorsOf } from './validators.ts'

/** What may change while it serves, and where requests are noted. */
export interface WebState {
  latencyMs: { readonly min: number; readonly max: number }
  down: ReadonlySet<number>
  /** How often a page was edited, by URL. */
  readonly editions: Map<string, number>
  readonly record: (record: RequestRecord) => void
}

/** Idle connections are kept longer than any crawler keeps them, so that it is the client who closes. */
const KEEP_ALIVE_MS = 120_000
const TEXT = Buffer.from('Just text, with http://not.a.link.example/ in it.\n')
const EMPTY = Buffer.from('<!doctype html><title>No such page</title><p>No such page.\n')

/** Listens for every host, then makes the graph from the origins that came out. */
export async function listenAll(
  spec: WebSpec,
  makeGraph: (origins: string[]) => WebGraph,
  state: WebState,
): Promise<{ graph: WebGraph; close: () => Promise<void> }> {
  const servers: Server[] = []
  const holder: { handler?: (host: number, request: IncomingMessage, response: ServerResponse) => void } = {}
  const lag = new LoopLag()
  const close = async (): Promise<void> => {
    lag[Symbol.dispose]()
    await Promise.all(servers.map((server) => stop(server)))
  }
  const origins: string[] = []
  try {
    for (let host = 0; host < spec.hosts; host++) {
      const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, noDelay: true }, (request, response) =>
        holder.handler?.(host, request, response),
      )
      servers.push(server)
      const address = addressOf(host, spec)
      const port = await listen(server, address, spec.ports === 'shared' && host > 0 ? portOf(servers[0]) : 0)
      origins.push(`http://${spec.domain === null ? address : `h${host}.${spec.domain}`}:${port}`)
    }
  } catch (error) {
    await close()
    throw error
  }
  const graph = makeGraph(origins)
  holder.handler = requestHandler(graph, state, lag)
  return { graph, close }
}

function listen(server: Server, address: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, 4_096, () => resolve(portOf(server)))
  })
}

const portOf = (server: Server | undefined): number => (server?.address() as AddressInfo | null)?.port ?? 0

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

/** Answers from the graph, and notes each request once, when it has ended in whatever way. */
function requestHandler(
  graph: WebGraph,
  state: WebState,
  lag: LoopLag,
): (host: number, request: IncomingMessage, response: ServerResponse) => void {
  const { spec } = graph
  const cache = new PageCache(spec.cacheBytes)
  const seen = new Map<string, number>()
  const connections = new WeakMap<Socket, number>()
  let lastConnection = 0

  return (host, request, response) => {
    const startMs = performance.now()
    const lagMs = lag.ms
    const path = request.url ?? '/'
    const origin = graph.origins[host] ?? ''
    const address = addressOf(host, spec)
    const url = origin + path
    const connection = connections.get(request.socket) ?? ++lastConnection
    connections.set(request.socket, connection)
    const turn = (seen.get(url) ?? 0) + 1
    seen.set(url, turn)
    const seed = hash(spec.seed, host, ...Buffer.from(path.slice(-24)))
    let noted = false
    const note = (status: number, retryAfterMs = 0): void => {
      if (noted) return
      noted = true
      const method = request.method ?? ''
      const userAgent = request.headers['user-agent'] ?? ''
      const conditional = isConditional(request.headers)
      const disallowed = graph.isDisallowed(path)
      const endMs = performance.now()
      const asked = { host: origin, address, path, method, conditional, disallowed, userAgent, connection }
      state.record({ ...asked, startMs, lagMs, endMs, status, retryAfterMs })
    }
    response.once('close', () => note(0)) // the client went away first
    const cut = (): void => {
      note(0)
      request.socket.resetAndDestroy()
    }
    const send = (status: number, headers: Record<string, string | number>, body: Buffer = Buffer.alloc(0)): void => {
      response.writeHead(status, status === 304 ? headers : { 'content-length': body.length, ...headers }) // RFC 9110, 8.6: not a 304's own length
      note(status) // before the last byte leaves: what the client starts next cannot overlap with it
      response.end(request.method === 'HEAD' ? undefined : body)
    }
    const sendBusy = (): void => {
      const { retryAfterSeconds, retryAfterForm } = spec.faults
      const now = Date.now()
      const date = new Date(now + retryAfterSeconds * 1_000).toUTCString()
      response.writeHead(503, { 'content-length': 0, 'retry-after': retryAfterForm === 'date' ? date : String(retryAfterSeconds) })
      note(503, retryAfterForm === 'date' ? Date.parse(date) - now : retryAfterSeconds * 1_000)
      response.end()
    }
    const sendSlowly = async (headers: Record<string, string | number>, body: Buffer): Promise<void> => {
      const half = Math.floor(body.length / 2)
      response.writeHead(200, { 'content-length': body.length, ...headers })
      response.write(body.subarray(0, half))
      await delay(spec.faults.slowMs)
      if (response.destroyed) return
      note(200)
      response.end(body.subarray(half))
    }
    const edition = state.editions.get(url) ?? 0
    const validators = validatorsOf(seed, edition, spec.validators)
    const file = (
      type: Record<string, string>,
      body: () => Buffer,
      sendWhole: (headers: Record<string, string>, body: Buffer) => void,
    ): void => {
      if (isKnown(validators, request.headers)) send(304, validators)
      else sendWhole({ ...type, ...validators }, body())
    }
    const sendAtOnce = (headers: Record<string, string>, body: Buffer): void => send(200, headers, body)
    const page = (node: Extract<WebNode, { kind: 'page' }>): void => {
      const bytes = pageBytes(spec.pageBytes, seed)
      const body = (): Buffer => cache.get(`${edition} ${url}`, () => renderPage(node, { url, seed, bytes, edition }))
      const type = { 'content-type': 'text/html; charset=utf-8', ...(node.nofollow === 'header' ? { 'x-robots-tag': 'nofollow' } : {}) }
      const failing = turn <= spec.faults.firstRequests
      if (node.fault === 'dead' || (node.fault === 'reset' && failing)) cut()
      else if (node.fault === 'busy' && failing) sendBusy()
      else file(type, body, node.fault === 'slow' ? sendSlowly : sendAtOnce)
    }
    const answer = (): void => {
      if (response.destroyed) return
      const robots = robotsFor(graph, host, path, turn)
      if (state.down.has(host)) cut()
      else if (request.method !== 'GET' && request.method !== 'HEAD') send(405, {})
      else if (robots !== undefined) send(robots.status, robots.headers, robots.body)
      else node(graph.node(host, path))
    }
    const node = (found: WebNode): void => {
      if (found.kind === 'page') page(found)
      else if (found.kind === 'redirect') send(found.status, { location: found.location })
      else if (found.kind === 'asset') file({ 'content-type': 'text/plain' }, () => TEXT, sendAtOnce)
      else send(found.status, { 'content-type': 'text/html' }, EMPTY)
    }
    const { min, max } = state.latencyMs
    if (max === 0) answer()
    else setTimeout(answer, min + (hash(seed, turn) / 4_294_967_296) * (max - min))
  }
}

function robotsFor(
  graph: WebGraph,
  host: number,
  path: string,
  turn: number,
): { status: number; headers: Record<string, string>; body: Buffer } | undefined {
  const plain = { 'content-type': 'text/plain; charset=utf-8' }
  const asked = /^\/robots-of-(\d+)\.txt$/.exec(path)?.[1]
  if (asked !== undefined) return { status: 200, headers: plain, body: Buffer.from(robotsText(graph, Number(asked))) }
  if (path !== '/robots.txt') return undefined
  const answer = robotsAnswer(graph, host, turn)
  if (answer.status === 302) return { status: 302, headers: { location: answer.location }, body: Buffer.alloc(0) }
  return { status: answer.status, headers: plain, body: Buffer.from(answer.status === 200 ? answer.body : '') }
}
