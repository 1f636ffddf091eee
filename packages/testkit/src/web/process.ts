import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { WebGraph } from './graph.ts'
import type { RequestRecord } from './log.ts'
import { type WebOptions, webSpec } from './spec.ts'
import { describeWeb, type Web } from './web.ts'

/**
 * Serves a web from a process of its own, so that serving does not take the crawler's event loop. It ends with us, for whatever reason we end.
 * Cost: 0.2 s more than startWeb.
 */
export async function startWebProcess(options: WebOptions = {}): Promise<Web> {
  const main = fileURLToPath(new URL('../web-main.ts', import.meta.url))
  const child = spawn(process.execPath, [main, JSON.stringify(options), '--until-stdin-ends'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })
  const first = await Promise.race([once(lines, 'line'), ended.then(() => undefined)])
  if (first === undefined) throw new Error(`Cannot start the synthetic web: its process ended with ${child.exitCode}`)
  const { control, origins } = JSON.parse(String(first[0])) as { control: string; origins: string[] }
  const call = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const response = await fetch(control + path, init)
    if (!response.ok) throw new Error(`Cannot ask the synthetic web for ${path}: ${await response.text()}`)
    return response
  }
  return {
    ...describeWeb(new WebGraph(webSpec(options), origins)),
    log: async (from = 0) => (await (await call(`/log?from=${from}`)).json()) as RequestRecord[],
    reached: async (requests, { signal } = {}) => {
      await call(`/reached?requests=${requests}`, signal === undefined ? {} : { signal })
    },
    change: async (change) => {
      await call('/change', { method: 'POST', body: JSON.stringify(change) })
    },
    [Symbol.asyncDispose]: async () => {
      child.stdin.end()
      await ended
    },
  }
}
