import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Web, WebChange } from './web.ts'

/**
 * Serves a web's log and changes to other processes, on a port of 127.0.0.1:
 * GET /log?from=N, GET /reached?requests=N (answers when they were reached), GET /expected, POST /change, POST /stop.
 */
export async function serveControl(web: Web, onStop: () => void): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer(async (request, response) => {
    try {
      const body = await answer(web, request, onStop)
      response.setHeader('content-type', 'application/json')
      response.end(body)
    } catch (error) {
      response.statusCode = 400
      response.end(String(error))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function answer(web: Web, request: IncomingMessage, onStop: () => void): Promise<string> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://control')
  switch (`${request.method} ${pathname}`) {
    case 'GET /log':
      return JSON.stringify(await web.log(Number(searchParams.get('from') ?? 0)))
    case 'GET /reached': {
      const gone = new AbortController()
      request.socket.once('close', () => gone.abort())
      await web.reached(Number(searchParams.get('requests')), { signal: gone.signal })
      return '{}'
    }
    case 'GET /expected': {
      const sets = Object.entries(web.expected()).map(([name, urls]) => [name, [...urls]])
      return JSON.stringify(Object.fromEntries(sets))
    }
    case 'POST /change':
      await web.change(JSON.parse(await text(request)) as WebChange)
      return '{}'
    case 'POST /stop':
      onStop()
      return '{}'
    default:
      throw new Error(`Cannot ${request.method} ${pathname}`)
  }
}
