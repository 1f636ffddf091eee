import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempDisposable } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { libraryPath, provision, TOOLS } from '@warren/testkit'

/** Many times what a page takes on a machine that runs other tests. */
const PAGE_MS = 60_000

/** Gives the page `report`, and reports what it throws. */
const REPORT = `
const send = (what) => fetch('/', { method: 'POST', body: JSON.stringify(what) })
globalThis.report = (value) => send({ value })
addEventListener('error', ({ message }) => send({ error: message }))
addEventListener('unhandledrejection', ({ reason }) => send({ error: String(reason) }))
`

export interface PageOptions {
  /** A classic script that runs before the module. */
  readonly before?: string
  /** For the browser's command line. */
  readonly flags?: readonly string[]
}

/**
 * Opens a page with the script `module` in a headless Chromium and resolves with what it gives to `report`.
 * Errors: what the page throws; one line that says what to do when there is no Chromium; the last words of one that ended or hung.
 */
export async function runPage(module: string, { before = '', flags = [] }: PageOptions = {}): Promise<unknown> {
  const page = `<!doctype html><script>${REPORT}</script><script>${before}</script><script type="module">${module}</script>`
  const answer = Promise.withResolvers<unknown>()
  const server = createServer((request, response) => {
    if (request.method === 'POST') json(request).then(answer.resolve, answer.reject)
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(request.url === '/' ? page : '')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const { value, error } = (await browse(url, flags, answer.promise)) as { readonly value?: unknown; readonly error?: string }
    if (error !== undefined) throw new Error(`Cannot run the page: ${error}`)
    return value
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** Shows `url` until `answer` is there; afterwards the browser has ended. */
async function browse<T>(url: string, flags: readonly string[], answer: Promise<T>): Promise<T> {
  const { program, env } = await findChromium()
  await using profile = await mkdtempDisposable(join(tmpdir(), 'warren-browser-'))
  const switches = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', `--user-data-dir=${profile.path}`]
  const child = spawn(program, [...switches, '--remote-debugging-pipe', ...flags, url], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: profile.path, ...env },
  })
  let words = ''
  child.stderr?.on('data', (text) => (words += text))
  const ended = once(child, 'exit')
  const hung = setTimeout(() => child.kill('SIGKILL'), PAGE_MS)
  try {
    const lost = ended.then(() => Promise.reject(new Error(`Cannot run the page: the browser ended, after it said\n${words}`)))
    return await Promise.race([answer, lost])
  } finally {
    child.stdio[3]?.destroy() // with its debugging pipe it ends, also when it is we who die
    await ended
    clearTimeout(hung)
  }
}

async function findChromium(): Promise<{ program: string; env: NodeJS.ProcessEnv }> {
  const found = await provision('chromium')
  if (found.source === 'program') return { program: found.program, env: {} }
  if (found.source !== 'local' && found.source !== 'apt') throw new Error(`Cannot start Chromium: it came as ${found.source}`)
  return { program: join(found.root, TOOLS.chromium.localFile), env: libraryPath(found.root) }
}
