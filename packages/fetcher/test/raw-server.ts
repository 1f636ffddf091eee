import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'

/** One request as it came over the wire. */
export interface Seen {
  readonly path: string
  readonly head: string
  /** performance.now() when its head was complete. */
  readonly atMs: number
  /** Which connection, from 1. */
  readonly connection: number
  /** Where the bytes of the answer go. */
  readonly socket: Socket
}

export type Answering = (seen: Seen) => void

/** A server that answers with whatever bytes a test wants, and keeps a log of what was asked. */
export class RawServer implements AsyncDisposable {
  readonly seen: Seen[] = []
  readonly closed: number[] = []
  connections = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #host: string

  private constructor(answer: Answering, host: string) {
    this.#host = host
    this.#server = createServer((socket) => this.#accept(socket, answer))
  }

  static async start(answer: Answering, host = '127.0.0.1', port = 0): Promise<RawServer> {
    const server = new RawServer(answer, host)
    server.#server.listen(port, host)
    await once(server.#server, 'listening')
    return server
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  get origin(): string {
    return `http://${this.#host.includes(':') ? `[${this.#host}]` : this.#host}:${this.port}`
  }

  paths(): string[] {
    return this.seen.map(({ path }) => path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    if (this.#server.listening) await once(this.#server, 'close')
  }

  #accept(socket: Socket, answer: Answering): void {
    const connection = ++this.connections
    let head = ''
    this.#sockets.add(socket)
    socket.on('error', () => {}) // the fetcher cuts connections; that is what is tested
    socket.on('close', () => {
      this.#sockets.delete(socket)
      this.closed.push(connection)
    })
    socket.on('data', (chunk) => {
      head += chunk.toString('latin1')
      for (let end = head.indexOf('\r\n\r\n'); end !== -1; end = head.indexOf('\r\n\r\n')) {
        const seen: Seen = { path: head.split(' ', 2)[1] ?? '', head: head.slice(0, end), atMs: performance.now(), connection, socket }
        head = head.slice(end + 4)
        this.seen.push(seen)
        answer(seen)
      }
    })
  }
}

/** An ordinary answer; `headers` are lines. */
export function reply(
  body: string | Uint8Array,
  { status = '200 OK', headers = ['content-type: text/html'] }: { status?: string; headers?: string[] } = {},
): Buffer {
  const bytes = Buffer.from(body)
  return Buffer.concat([head([...headers, `content-length: ${bytes.byteLength}`], status), bytes])
}

export const head = (headers: readonly string[], status = '200 OK'): Buffer =>
  Buffer.from(`HTTP/1.1 ${status}\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`, 'latin1')
