import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** A TCP proxy on a port of 127.0.0.1 that fails when told to. Disposing cuts everything. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** Bytes stop in both directions and are not lost, as in a network without FIN; new connections are taken and stall too. */
  stall(): void
  /** Bytes flow again, those that were held first. */
  resume(): void
  /** Resets every connection; new ones are taken. */
  cut(): void
  /** Refuses new connections (they are reset) until `accept`. */
  refuse(): void
  accept(): void
  /** Holds every chunk back for so long, in order. */
  delayMs: number
  readonly connections: number
}

/** Starts a proxy to a host and port. Cost: two sockets and a copy per connection. */
export async function tcpProxy({ target }: { target: { host: string; port: number } }): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>()
  const gate = new Gate()
  let refusing = false
  const cut = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy()
  }
  const server = createServer({ noDelay: true }, (client) => {
    if (refusing) {
      client.on('error', () => {})
      client.resetAndDestroy()
      return
    }
    const upstream = connect({ ...target, noDelay: true })
    const pair = [client, upstream] as const
    pairs.add(pair)
    for (const [from, to] of [pair, [upstream, client] as const]) {
      from.on('error', () => to.resetAndDestroy())
      from.once('close', () => {
        pairs.delete(pair)
        if (!to.writableEnded) to.end()
      })
      void pump(from, to, gate, () => proxy.delayMs)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: TcpProxy = {
    port: (server.address() as AddressInfo).port,
    delayMs: 0,
    stall: () => gate.close(),
    resume: () => gate.open(),
    cut,
    refuse: () => {
      refusing = true
    },
    accept: () => {
      refusing = false
    },
    get connections() {
      return pairs.size
    },
    [Symbol.asyncDispose]: async () => {
      gate.open()
      server.close()
      cut()
      await once(server, 'close')
    },
  }
  return proxy
}

/** Copies until the source ends; while it waits at the gate it reads nothing, so that the sender feels it. */
async function pump(from: Socket, to: Socket, gate: Gate, delayMs: () => number): Promise<void> {
  try {
    for await (const chunk of from) {
      if (delayMs() > 0) await delay(delayMs())
      await gate.passed()
      if (!to.write(chunk)) await once(to, 'drain')
    }
    await gate.passed()
    to.end()
  } catch {
    to.destroy() // one side failed; the other's handler resets its peer
  }
}

/** Open or closed; waiters of a closed gate pass when it opens. */
class Gate {
  #opening: PromiseWithResolvers<void> | undefined

  close(): void {
    this.#opening ??= Promise.withResolvers<void>()
  }

  open(): void {
    this.#opening?.resolve()
    this.#opening = undefined
  }

  async passed(): Promise<void> {
    while (this.#opening !== undefined) await this.#opening.promise
  }
}
