import { type MessagePort, parentPort } from 'node:worker_threads'
import type { Request } from '../src/parser-thread.ts'

/** The real worker, but for pages whose path tells what to do to the thread. */
function obey(path: string): void {
  if (path.startsWith('/hang')) for (;;);
  if (path.startsWith('/crash')) throw new TypeError('crash as told')
  if (path.startsWith('/exit')) process.exit(3)
  if (path.startsWith('/memory')) {
    const kept: unknown[] = []
    for (;;) kept.push(Array.from({ length: 10_000 }, () => ({})))
  }
}

const port = parentPort as MessagePort
const on = port.on.bind(port)
port.on = ((event: 'message', listener: (request: Request) => void) =>
  on(event, (request: Request) => {
    obey(new URL(request.page.url).pathname)
    listener(request)
  })) as typeof port.on
await import('../src/worker.ts')
