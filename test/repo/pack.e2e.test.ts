import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Installed, installPacked, NODE_24, root, run } from './packed.ts'

const PAGES: Readonly<Record<string, string>> = {
  '/': '<title>Front</title><a href="/one">one</a> <a href="two.html">two</a>',
  '/one': '<title>One</title><a href="/">front</a>',
  '/two.html': '<title>Two</title>',
}

describe('the packed packages, installed in an empty folder on Node 24', () => {
  let folder: Installed

  beforeAll(async () => {
    folder = await installPacked(NODE_24)
  }, 180_000)
  afterAll(() => folder[Symbol.asyncDispose]())

  const warren = (...args: string[]) => run('warren', args, { cwd: folder.path, env: folder.env, timeout: 60_000 })

  test('it is Node 24 that runs, and JavaScript that it runs', async () => {
    expect((await run('node', ['--version'], { env: folder.env })).stdout.trim()).toBe(`v${NODE_24}`)
    const installed = join(folder.path, 'node_modules/@warren')
    expect(await readdir(installed)).not.toContain('testkit')
    const files = await readdir(installed, { recursive: true })
    expect(files.filter((file) => /\.ts$/.test(file) && !/\.d\.ts$/.test(file))).toEqual([])
    for (const name of await readdir(installed)) {
      const manifest = JSON.parse(await readFile(join(installed, name, 'package.json'), 'utf8'))
      expect(manifest).not.toHaveProperty('devDependencies')
      expect(manifest.license).toBe('Apache-2.0')
    }
  })

  test('warren --version says the version', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'packages/cli/package.json'), 'utf8'))
    expect((await warren('--version')).stdout.trim()).toBe(version)
  })

  test('warren crawl crawls a site', async () => {
    await using site = await startSite()
    const { stdout } = await warren('crawl', site.url, '--allow-address', '127.0.0.1/32', '--delay', '0', '--out', join(folder.path, 'out'))
    expect(stdout).not.toBe('')
    const lines = (await readFile(join(folder.path, 'out/pages.jsonl'), 'utf8')).trimEnd().split('\n')
    const pages = lines.map((line) => JSON.parse(line) as { url: string; title: string })
    expect(pages.map(({ url, title }) => `${new URL(url).pathname} ${title}`).toSorted()).toEqual(['/ Front', '/one One', '/two.html Two'])
  }, 90_000)

  test('a program in TypeScript sees the types of a package', async () => {
    await writeFile(
      join(folder.path, 'use.mts'),
      `import { canonicalize, type CanonicalUrl } from '@warren/web'\nexport const url: CanonicalUrl | undefined = canonicalize('http://example.org')\n// @ts-expect-error: a number is no URL\ncanonicalize(1)\n`,
    )
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', '', 'use.mts']
    await run(join(root, 'node_modules/.bin/tsc'), options, { cwd: folder.path })
  })
})

/** A site of three pages on loopback, without robots.txt. */
async function startSite(): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    const page = PAGES[request.url ?? '']
    response.writeHead(page === undefined ? 404 : 200, { 'content-type': 'text/html; charset=utf-8' }).end(page)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
