import { parentPort } from 'node:worker_threads'
import { parsePage } from './parse-page.ts'
import type { Answer, Ready, Request } from './parser-thread.ts'

/** A parser thread: one page per message, in order. Its whole life is this file; see parser-thread.ts for the other side. */
const port = parentPort
if (port === null) throw new TypeError('worker.ts runs as a thread of the parser, not by itself')

port.on('message', ({ id, page }: Request) => {
  const startedAt = performance.now()
  const { robots, links, linksDropped, title, lang, canonical, encoding, reader, doubt } = parsePage(page)
  const answer: Answer = {
    id,
    parsed: {
      facts: { encoding, title, lang, canonical, noindex: robots.noindex, nofollow: robots.nofollow, linksDropped, parseError: null },
      links,
      reader,
      doubt,
      ms: performance.now() - startedAt,
    },
  }
  port.postMessage(answer)
})
port.postMessage({ ready: true } satisfies Ready)
