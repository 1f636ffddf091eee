/** Who is dialled at all: public addresses with a contact, private ones that were allowed, and nothing else. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { startWeb } from '@warren/testkit'
import { describe, expect, test } from 'vitest'
import { onTerminal } from '../support/terminal.ts'
import { temporaryFolder, warren } from '../support/warren.ts'
import { crawl, crawlFolder, expectRefusal, fetchedUrls, listen, readLeft } from './support.ts'

/** Never dialled: where it is a seed there is no contact, or it is excluded. */
const PUBLIC = 'http://8.8.8.8/'

describe.concurrent('addresses and the contact', () => {
  test('a public address without a contact, off a terminal: one line, exit code 3, nothing started', async () => {
    await using home = await temporaryFolder()
    const dir = join(home.path, 'out')
    const ended = await warren(['crawl', PUBLIC, '--out', dir], { env: { XDG_CONFIG_HOME: home.path } })
    expectRefusal(ended, 3, /Cannot crawl 8\.8\.8\.8 without a contact; add --contact you@example\.org/)
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1)
    await expect(readFile(join(dir, 'warren.log'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('a contact that is none is refused with what it should look like', async () => {
    const ended = await warren(['crawl', PUBLIC, '--contact', 'me'])
    expect(ended.code).toBe(2)
    expect(ended.stderr).toMatch(/--contact.*'me' is invalid.*write a mail address or a URL/)
  })

  test('on a terminal it is asked for once, corrected, and remembered', async () => {
    await using web = await startWeb({ hosts: 1, pagesPerHost: 2, specials: 0, domain: 'site.test' })
    await using home = await temporaryFolder()
    await using out = await crawlFolder()
    const env = { XDG_CONFIG_HOME: home.path }
    {
      await using terminal = onTerminal(['crawl', PUBLIC, '--out', join(home.path, 'never')], { env })
      await terminal.shows('Your mail address or a URL')
      terminal.type('nobody\n')
      await terminal.shows('Not usable: write a mail address or a URL')
      terminal.type('\u0003')
      expect(await terminal.ended).toMatchObject({ code: 3 })
    }
    {
      // the second seed is public and excluded: the contact is needed, and nothing of it is dialled
      const seeds = [web.roots[0] ?? '', PUBLIC]
      const resolve = Object.entries(web.resolve).flatMap(([host, address]) => ['--resolve', `${host}:${address}`])
      const options = ['--exclude', '8\\.8\\.8\\.8', '--allow-address', '127.0.0.0/8', '--delay', '0', ...resolve]
      await using terminal = onTerminal(['crawl', ...seeds, '--out', out.path, ...options], { env })
      await terminal.shows('Your mail address or a URL')
      terminal.type('you@example.org\n')
      await terminal.shows('Remembered in')
      expect(await terminal.ended).toMatchObject({ code: 0 })
      const [request] = await web.log()
      expect(request?.userAgent).toMatch(/^Warren\/\S+ \(\+you@example\.org\)$/)
    }
    const ended = await warren(['crawl', PUBLIC, '--out', out.path, '--again', '--exclude', '8.8'], { env })
    expect(ended.stderr).not.toContain('contact') // nobody is asked again
    expectRefusal(ended, 7, /Cannot fetch any seed: none was admitted/)
  })

  test('a private address that was not allowed is refused at connect', async () => {
    await using web = await startWeb({ hosts: 2, pagesPerHost: 3, domain: 'site.test' })
    await using out = await crawlFolder()
    const resolve = Object.entries(web.resolve).flatMap(([host, address]) => ['--resolve', `${host}:${address}`])
    const ended = await crawl(web.roots, out.path, ...resolve, '--delay', '0')
    expectRefusal(ended, 7, /Cannot fetch any seed: private-address; add --allow-address CIDR and --again/)
    expect(await web.log()).toEqual([])
    expect((await readLeft(out.path)).counts).toMatchObject({ excluded: 2, done: 0, failed: 0 })
  })

  test('a redirect, a link, or a robots.txt that leads from an allowed address to a private one, leads nowhere', async () => {
    const asked: string[] = []
    await using inside = await listen(createServer((request, response) => void response.end(asked.push(request.url ?? ''))))
    const { port } = new URL(inside.url)
    const secret = `http://127.0.0.2:${port}`
    let robots = { status: 404, location: '' }
    await using outside = await listen(
      createServer((request, response) => {
        if (request.url === '/go') response.writeHead(302, { location: `${secret}/by-redirect` }).end()
        else if (request.url === '/robots.txt')
          response.writeHead(robots.status, robots.location ? { location: robots.location } : {}).end()
        else response.setHeader('content-type', 'text/html').end(`<a href="/go">1</a><a href="http://[::ffff:7f00:2]:${port}/">2</a>`)
      }),
    )
    const options = ['--scope', 'any', '--allow-address', '127.0.0.1/32', '--delay', '0', '--retry-delay', '100ms', '--give-up', '1s']
    {
      await using out = await crawlFolder()
      expect(await crawl(outside.url, out.path, ...options)).toMatchObject({ code: 0 })
      expect(await fetchedUrls(out.path)).toEqual([outside.url, `${outside.url}go`])
      expect((await readLeft(out.path)).counts).toMatchObject({ excluded: 2, failed: 0 })
    }
    robots = { status: 301, location: `${secret}/robots.txt` }
    await using out = await crawlFolder()
    expectRefusal(await crawl(outside.url, out.path, ...options), 7, /Cannot fetch any seed/)
    expect(asked).toEqual([])
  })
})
