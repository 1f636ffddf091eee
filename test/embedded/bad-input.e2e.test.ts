/** What users get wrong: one line that says what, which value and what to do; the documented exit code; nothing lost. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, symlink, unlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { removePostgres } from '@warren/postgres'
import { freePorts, startWeb } from '@warren/testkit'
import { describe, expect, test } from 'vitest'
import { temporaryFolder, warren } from '../support/warren.ts'
import { crawl, crawlFolder, expectRefusal, expectWhole, FAST, listen, readLeft } from './support.ts'

const run = promisify(execFile)
const SOON = ['--retry-delay', '50ms', '--give-up', '1s']

describe.concurrent('bad input', () => {
  test('seeds that are no URLs, of other schemes, or not there', async () => {
    await using folder = await temporaryFolder()
    const list = join(folder.path, 'seeds.txt')
    await writeFile(list, '# mine\nhttp://127.0.0.1/\nhttp://exa mple/\n')
    const refusals: [string[], RegExp][] = [
      [['http://'], /Cannot crawl seed "http:\/\/": it is no URL; write it like https:\/\/example\.org\//],
      [['ftp://example.org/x'], /seed "ftp:\/\/example\.org\/x": scheme ftp is not supported; use http or https/],
      [['--seeds', list], /Cannot crawl .*seeds\.txt line 3 "http:\/\/exa mple\/": it is no URL/],
      [['--seeds', join(folder.path, 'none.txt')], /Cannot read seeds from .*none\.txt: .*/],
      [['--seeds', '/dev/null'], /Cannot crawl: \/dev\/null has no URL; write one a line/],
      [['--out', join(folder.path, 'empty')], /no URL was given, and no crawl is there to resume; give a URL or --seeds FILE/],
    ]
    for (const [args, text] of refusals) {
      const ended = await warren(['crawl', ...args])
      expectRefusal(ended, 2, text)
      expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1)
    }
  })

  test('options: the name, the value and the form', async () => {
    const refusals: [string[], RegExp][] = [
      [['--delay', '1'], /--delay <D>' argument '1' is invalid.*100ms, 1s/],
      [['--include', '('], /--include <RE>' argument '\(' is invalid\. not an RE2 expression/],
      [['--allow-address', '300.0.0.0/8'], /--allow-address <CIDR>' argument '300\.0\.0\.0\/8' is invalid\. write an address block/],
      [['--scope', 'all'], /--scope <SCOPE>' argument 'all' is invalid\. Allowed choices are host, domain, prefix, any/],
      [['--max-page', '3'], /unknown option '--max-page' \(Did you mean --max-pages\?\)/],
    ]
    for (const [args, text] of refusals) {
      const ended = await warren(['crawl', 'http://127.0.0.1/', ...args])
      expectRefusal(ended, 2, text)
      expect(ended.stderr).toMatch(/^warren: Cannot read the command line: .*; warren crawl --help shows what there is\n$/)
    }
  })

  test('a name that does not resolve', async () => {
    await using folder = await temporaryFolder()
    const ended = await warren(['crawl', 'http://no-such-host.invalid/', '--contact', 'a@example.org', '--out', join(folder.path, 'out')])
    expectRefusal(
      ended,
      7,
      /Cannot fetch any seed: no-such-host\.invalid has no address; check the name, or give one with --resolve HOST:ADDR/,
    )
  })

  test('a port where nobody listens is given up, and the reason told', async () => {
    const [port = 0] = await freePorts(1)
    await using out = await crawlFolder()
    const ended = await crawl(`http://127.0.0.1:${port}/`, out.path, '--allow-address', '127.0.0.0/8', ...SOON)
    expectRefusal(ended, 7, /Cannot fetch any seed: given-up: connect-refused; remove the reason, then add --again/)
    expect((await readLeft(out.path)).counts).toMatchObject({ failed: 1, done: 0 })
  })

  test('a host whose robots.txt answers 500 for ever is given up, and nothing of it is fetched', async () => {
    const asked = new Set<string>()
    await using site = await listen(
      createServer((request, response) => {
        asked.add(request.url ?? '')
        response.writeHead(request.url === '/robots.txt' ? 500 : 200).end()
      }),
    )
    await using out = await crawlFolder()
    const ended = await crawl(site.url, out.path, '--allow-address', '127.0.0.0/8', '--delay', '0', ...SOON)
    expectRefusal(ended, 7, /Cannot fetch any seed: given-up: \S+; remove the reason/)
    expect([...asked]).toEqual(['/robots.txt'])
  })

  test('a dead host among others is given up, and the crawl ends with the rest', async () => {
    const [port = 0] = await freePorts(1)
    await using web = await startWeb({ hosts: 1, pagesPerHost: 5, specials: 0 })
    await using out = await crawlFolder()
    const ended = await crawl([web.roots[0] ?? '', `http://127.0.0.1:${port}/`], out.path, ...FAST, ...SOON)
    expect(ended).toMatchObject({ code: 0 })
    expect(ended.stdout).toMatch(/failed +1 +given-up: connect-refused: 1/)
    const { counts } = await readLeft(out.path)
    expect(counts).toMatchObject({ failed: 1, done: web.expected().answered.size, queued: 0, leased: 0 })
  })

  test('an output folder below a file, or that is one', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'file')
    await writeFile(file, '')
    const local = ['crawl', 'http://127.0.0.1/', '--allow-address', '127.0.0.0/8', '--out']
    expectRefusal(
      await warren([...local, join(file, 'below')]),
      6,
      /Cannot use output folder .*below: ENOTDIR; choose a writable one with --out/,
    )
    expectRefusal(await warren([...local, file]), 6, /Cannot use output folder .*file: .*; choose a writable one with --out/)
    expectRefusal(await warren([...local, '/proc/warren-out']), 6, /Cannot use output folder \/proc\/warren-out: .*; choose a writable one/)
  })

  test('a disk that fills up: exit code 6, and the same command goes on when there is room', async () => {
    await using web = await startWeb({ hosts: 2, pagesPerHost: 150, specials: 0 })
    await using folder = await temporaryFolder()
    const dir = join(folder.path, 'disk')
    const out = join(dir, 'out')
    await mkdir(out, { recursive: true })
    // Who may mount gets a small disk, everybody else a file that is always full, where the cursor of the pages is to be written.
    const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=160k,mode=0777', 'warren-test', dir]).then(
      () => true,
      () => false,
    )
    const stuck = join(out, 'pages.cursor.json.new')
    if (!mounted) await symlink('/dev/full', stuck)
    try {
      const full = await crawl(web.roots[0] ?? '', out, ...FAST)
      expectRefusal(full, 6, /Cannot write .*no space left on the disk/)
      if (mounted) await run('mount', ['-o', 'remount,size=200m', dir])
      else await unlink(stuck)
      await expectWhole(await crawl(web.roots[0] ?? '', out, ...FAST), out, web)
    } finally {
      if (existsSync(join(out, '.warren/postgres'))) await removePostgres(join(out, '.warren/postgres'))
      if (mounted) await run('umount', ['-l', dir])
    }
  })
})
