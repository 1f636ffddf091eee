import { createServer } from 'node:net'

/** Below the range from which the kernel takes the ports of outgoing connections (32768 and up), which would collide. */
const FIRST = 20_000
const LAST = 31_999

/** `count` different ports of 127.0.0.1 on which nobody listens now. Somebody may a moment later: a caller tries again then. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  for (let tries = 0; ports.size < count; tries++) {
    if (tries > 500) throw new Error(`Cannot find ${count} free ports between ${FIRST} and ${LAST}`)
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1))
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  return [...ports]
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
