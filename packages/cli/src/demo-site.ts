import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { CrawlError } from '@warren/protocol'

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.gif': 'image/gif',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
}

export interface DemoSite extends AsyncDisposable {
  /** The front page, on loopback. */
  readonly url: string
  /** HTML files the site has. */
  readonly pages: number
  /** What it is, for people. */
  readonly name: string
}

/**
 * Serves the reference manual that the npm package jsxgraph ships: hundreds of pages of real, interlinked HTML that nobody wrote for a demo.
 * It is a dependency for development, so only a checkout has it.
 * Errors: ERR_INPUT_INVALID when the package is not installed.
 */
export async function startDemoSite(): Promise<DemoSite> {
  const root = await demoFolder()
  const pages = (await readdir(root, { recursive: true })).filter((file) => file.endsWith('.html')).length
  const site = await serveFolder(root)
  return { url: site.url, pages, name: 'the JSXGraph reference manual', [Symbol.asyncDispose]: () => site[Symbol.asyncDispose]() }
}

async function demoFolder(): Promise<string> {
  try {
    return await realpath(fileURLToPath(new URL('../distrib/docs', import.meta.resolve('jsxgraph'))))
  } catch (cause) {
    throw new CrawlError('ERR_INPUT_INVALID', 'Cannot crawl: no URL was given, and the demo site is only in a checkout; give a URL', {
      cause,
    })
  }
}

/** Serves the files of `root` on a free port of 127.0.0.1: content types by extension, index.html for folders, 404 for all else. Ends its connections when disposed. */
export async function serveFolder(root: string): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    void serveFile(root, request.method ?? 'GET', request.url ?? '/', response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function serveFile(root: string, method: string, target: string, response: ServerResponse): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') return refuse(response, 405)
  const found = await findFile(root, target)
  if (found === undefined) return refuse(response, 404)
  if ('redirect' in found) {
    response.writeHead(301, { location: found.redirect }).end()
    return
  }
  const headers = { 'content-type': CONTENT_TYPES[extname(found.file)] ?? 'application/octet-stream', 'content-length': found.bytes }
  response.writeHead(200, headers)
  if (method === 'HEAD') response.end()
  else await pipeline(createReadStream(found.file), response).catch(() => response.destroy()) // the client went away
}

function refuse(response: ServerResponse, status: 404 | 405): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(status === 404 ? 'Not found\n' : 'Method not allowed\n')
}

/** The file below `root` that the request target names; a folder without its slash is a redirect. */
async function findFile(root: string, target: string): Promise<{ file: string; bytes: number } | { redirect: string } | undefined> {
  const url = URL.parse(target, 'http://localhost') // resolves `..` away
  if (url === null || url.host !== 'localhost') return undefined
  try {
    const path = decodeURIComponent(url.pathname)
    // The real path must lie below the root: neither an encoded `..` nor a symbolic link leads out.
    const file = await realpath(join(root, path.endsWith('/') ? `${path}index.html` : path))
    if (!file.startsWith(root + sep)) return undefined
    const info = await stat(file)
    if (info.isDirectory()) return { redirect: `${url.pathname}/` }
    return info.isFile() ? { file, bytes: info.size } : undefined
  } catch {
    return undefined // no such file, a name with a NUL, a broken percent-encoding
  }
}
