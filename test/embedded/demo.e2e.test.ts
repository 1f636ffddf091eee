/** The first command of the README, through npm, as a user types it in a checkout. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { removePostgres } from '@warren/postgres'
import { describe, expect, test } from 'vitest'
import { readPages, temporaryFolder } from '../support/warren.ts'

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))

async function run(
  program: string,
  args: readonly string[],
  cwd: string,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const env = { ...process.env, NO_COLOR: '1', WARREN_TESTKIT: undefined }
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode, stdout, stderr }
}

describe('npm run crawl', () => {
  test('crawls all pages of the demo, a second time within a minute', async () => {
    const docs = join(dirname(createRequire(join(CHECKOUT, 'packages/cli/x')).resolve('jsxgraph')), '../distrib/docs')
    const files = (await readdir(docs, { recursive: true })).filter((file) => file.endsWith('.html'))
    expect(files.length).toBeGreaterThan(200)
    await using folder = await temporaryFolder()
    const out = join(folder.path, 'warren-out/demo')
    await using _postgres = { [Symbol.asyncDispose]: () => removePostgres(join(out, '.warren/postgres')) }
    for (const _run of [1, 2]) {
      const startedAt = performance.now()
      // what the npm script runs; npm itself would run it in the checkout, whose files are the user's
      const ended = await run(process.execPath, [join(CHECKOUT, 'scripts/setup.cjs'), 'crawl'], folder.path)
      expect(ended).toMatchObject({ code: 0 })
      expect(ended.stderr).toContain(`${files.length} pages, served by this machine`)
      expect(ended.stderr).toContain('Delay 0, because the server is our own')
      expect(performance.now() - startedAt).toBeLessThan(60_000)
      const paths = (await readPages(out)).filter(({ status }) => status === 200).map(({ url }) => new URL(url).pathname)
      const fetched = new Set(paths.map((path) => decodeURIComponent(path.slice(1))))
      expect(files.filter((file) => !fetched.has(file) && !(file === 'index.html' && fetched.has('')))).toEqual([])
    }
    expect((await readdir(out)).filter((name) => name.startsWith('pages-'))).toEqual([]) // a demo is not worth keeping
  })

  test('says so when npm took the flags', async () => {
    const ended = await run('npm', ['run', '--silent', 'crawl', '--max-pages=3', 'http://127.0.0.1/'], CHECKOUT)
    expect(ended.code).toBe(2)
    expect(ended.stderr).toMatch(
      /npm kept --max-pages for itself: put -- before it, as in `npm run crawl -- http:\/\/127\.0\.0\.1\/ --max-pages 3`/,
    )
  })
})
