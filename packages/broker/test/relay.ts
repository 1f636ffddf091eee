import { once } from 'node:events'
import { createConnection, createServer, type Socket } from 'node:net'

/** A TCP relay in front of the broker, to break connections from outside. */
export interface Relay extends AsyncDisposable {
  /** The broker's URL, through the relay. */
  readonly url: string
  /** Ends all connections at once, as a network does. New ones are let through. */
  cut(): void
  /** From now on no byte from the broker arrives, and nothing says so. */
  stall(): void
  flow(): void
}

export async function startRelay(brokerUrl: string): Promise<Relay> {
  const target = new URL(brokerUrl)
  const url = new URL(brokerUrl)
  const pairs = new Set<readonly [Socket, Socket]>()
  let stalled = false
  const server = createServer((near) => {
    const far = createConnection({ host: target.hostname, port: Number(target.port) })
    const pair = [near, far] as const
    pairs.add(pair)
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('error', () => {}) // `close` follows
      from.on('close', () => {
        pairs.delete(pair)
        to.destroy()
      })
      from.pipe(to)
    }
    if (stalled) far.pause()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('Cannot relay: no port')
  url.host = `127.0.0.1:${address.port}`
  const each = (act: (pair: readonly [Socket, Socket]) => void) => {
    for (const pair of [...pairs]) act(pair)
  }
  return {
    url: url.href,
    cut: () => each(([near]) => near.resetAndDestroy()),
    stall: () => {
      stalled = true
      each(([, far]) => far.unpipe().pause())
    },
    flow: () => {
      stalled = false
      each(([near, far]) => far.pipe(near))
    },
    [Symbol.asyncDispose]: async () => {
      each(([near]) => near.destroy())
      server.close()
      await once(server, 'close')
    },
  }
}
