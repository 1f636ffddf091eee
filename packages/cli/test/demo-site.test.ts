import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serveFolder, startDemoSite } from '../src/demo-site.ts'

/** The status and body of a request whose path is sent as it is, dots and all. */
function get(
  base: string,
  path: string,
): Promise<{ status: number; type: string | undefined; location: string | undefined; body: string }> {
  const { hostname, port } = new URL(base)
  return new Promise((resolve, reject) => {
    request({ hostname, port, path }, async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      const { 'content-type': type, location } = response.headers
      resolve({ status: response.statusCode ?? 0, type, location, body: Buffer.concat(chunks).toString() })
    })
      .on('error', reject)
      .end()
  })
}

describe('demo site', () => {
  let folder: string
  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'warren-demo-')))
    await mkdir(join(folder, 'site', 'sub dir'), { recursive: true })
    await writeFile(join(folder, 'secret.txt'), 'secret')
    await writeFile(join(folder, 'site', 'index.html'), '<p>front')
    await writeFile(join(folder, 'site', 'sub dir', 'index.html'), '<p>sub')
    await symlink(join(folder, 'secret.txt'), join(folder, 'site', 'link.txt'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  test('it is hundreds of pages, and the front page links to them', async () => {
    await using demo = await startDemoSite()
    expect(demo.pages).toBeGreaterThan(200)
    const front = await get(demo.url, '/')
    expect(front).toMatchObject({ status: 200, type: 'text/html; charset=utf-8' })
    const link = /href="(symbols\/[^"#]+)"/.exec(front.body)?.[1] ?? ''
    expect(await get(demo.url, `/${link}`)).toMatchObject({ status: 200 })
  })

  test('a folder is its index.html, and without the slash a redirect to it', async () => {
    await using site = await serveFolder(join(folder, 'site'))
    expect(await get(site.url, '/')).toMatchObject({ status: 200, body: '<p>front' })
    expect(await get(site.url, '/sub%20dir/')).toMatchObject({ status: 200, body: '<p>sub' })
    expect(await get(site.url, '/sub%20dir')).toMatchObject({ status: 301, location: '/sub%20dir/' })
  })

  test.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/sub%20dir/..%2f..%2fsecret.txt',
    '//secret.txt',
    '/link.txt',
    '/%00',
    '/%zz',
    '/nothing',
    'http://other.example/',
  ])('%s is not found: no path leads out of the folder', async (path) => {
    await using site = await serveFolder(join(folder, 'site'))
    expect(await get(site.url, path)).toMatchObject({ status: 404 })
  })
})
