import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'

const A = 1
const AAAA = 28
const RCODES = { servfail: 2, nxdomain: 3, refused: 5 } as const

/** What a name server says of a name: addresses with their TTL, an error, or nothing at all. */
export type Says = { readonly v4?: string; readonly v6?: string | 'silence'; readonly ttl?: number } | keyof typeof RCODES | 'silence'

/** A name server on the loopback that says what it is told to. Source: RFC 1035, 4. */
export class NameServer implements AsyncDisposable {
  readonly #socket = createSocket('udp4')
  says: Says
  /** Questions for IPv4 addresses, in their order. */
  readonly asked: string[] = []

  private constructor(says: Says) {
    this.says = says
  }

  static async start(says: Says): Promise<NameServer> {
    const server = new NameServer(says)
    server.#socket.bind(0, '127.0.0.1')
    await once(server.#socket, 'listening')
    server.#socket.on('message', (question, from) => server.#answer(question, from))
    return server
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close()
    await once(this.#socket, 'close')
  }

  #answer(question: Buffer, { port, address }: RemoteInfo): void {
    const { name, end } = nameIn(question)
    const type = question.readUInt16BE(end)
    if (type === A) this.asked.push(name)
    const { says } = this
    if (says === 'silence' || (typeof says === 'object' && type === AAAA && says.v6 === 'silence')) return
    const header = Buffer.from(question.subarray(0, 12))
    const found = typeof says === 'object' ? recordOf(says, type) : undefined
    header.writeUInt16BE(0x8180 | (typeof says === 'string' ? RCODES[says] : 0), 2)
    header.writeUInt16BE(found === undefined ? 0 : 1, 6)
    header.writeUInt16BE(0, 10) // no additional section
    this.#socket.send(Buffer.concat([header, question.subarray(12, end + 4), found ?? Buffer.alloc(0)]), port, address)
  }
}

function nameIn(question: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
    labels.push(question.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}

function recordOf({ v4, v6, ttl = 300 }: Exclude<Says, string>, type: number): Buffer | undefined {
  const data = type === A && v4 !== undefined ? bytesOfV4(v4) : type === AAAA && v6 !== undefined ? bytesOfV6(v6) : undefined
  if (data === undefined) return undefined
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc00c, 0) // the name of the question
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(ttl, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

const bytesOfV4 = (address: string): Buffer => Buffer.from(address.split('.').map(Number))

/** Of one that has no `::` in it. */
function bytesOfV6(address: string): Buffer {
  const bytes = Buffer.alloc(16)
  for (const [i, part] of address.split(':').entries()) bytes.writeUInt16BE(Number.parseInt(part, 16), 2 * i)
  return bytes
}
