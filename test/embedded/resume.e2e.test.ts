/** What a crawl that was killed or interrupted leaves, and what the same command makes of it. */
import { existsSync } from 'node:fs'
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkConcurrency, checkDelays, duplicates, startWeb } from '@warren/testkit'
import { describe, expect, test } from 'vitest'
import { type Ended, eventually, WarrenProcess } from '../support/warren.ts'
import { crawl, crawlFolder, expectRefusal, expectWhole, FAST, fetchedUrls, LOCAL, pageLines, readLeft } from './support.ts'

const start = (root: string, dir: string, ...options: string[]): WarrenProcess =>
  new WarrenProcess(['crawl', root, '--out', dir, ...options])

async function killed(process: WarrenProcess): Promise<Ended> {
  process.kill('SIGKILL')
  return process.ended
}

/** The Postgres of the last run, as its log tells. */
async function postgresOf(dir: string): Promise<number> {
  const log = await readFile(join(dir, 'warren.log'), 'utf8')
  const line = log.split('\n').findLast((text) => text.includes('"Postgres runs"'))
  return (JSON.parse(line ?? '{}') as { pid: number }).pid
}

/** A process that nobody has waited for yet is as good as gone. */
async function isGone(pid: number): Promise<boolean> {
  if (!existsSync('/proc/self')) {
    try {
      return !process.kill(pid, 0)
    } catch {
      return true
    }
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat === '' || stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')
}

describe.concurrent('after kill -9', () => {
  test('at several moments, the same command ends with the same set', async () => {
    await using web = await startWeb({ hosts: 4, pagesPerHost: 40, latencyMs: { min: 2, max: 15 }, faults: { reset: 1 } })
    await using out = await crawlFolder()
    const [root = ''] = web.roots
    for (const requests of [1, 30, 120, 200]) {
      await using running = start(root, out.path, ...FAST)
      await web.reached(requests)
      expect(await killed(running)).toMatchObject({ signal: 'SIGKILL' })
    }
    // a line that a crash tore: the next start cuts it
    await appendFile(join(out.path, 'pages.jsonl'), '{"url":"http://127.0.0.1/to')
    const ended = await crawl(root, out.path, ...FAST)
    expect(ended.stderr).toContain(`Resumes the crawl in ${out.path}`)
    await expectWhole(ended, out.path, web)
    await pageLines(out.path)
    expect(checkConcurrency(await web.log(), 4)).toEqual([])
  })

  test('before the first request, and between the end and its summary, nothing is lost', async () => {
    await using web = await startWeb({ hosts: 1, pagesPerHost: 8, specials: 0 })
    await using out = await crawlFolder()
    const [root = ''] = web.roots
    {
      await using running = start(root, out.path, ...FAST)
      await eventually(
        () => existsSync(join(out.path, '.warren')),
        (there) => there,
      )
      await killed(running)
    }
    const ended = await crawl(root, out.path, ...FAST)
    await expectWhole(ended, out.path, web)
    await rm(join(out.path, 'summary.json'))
    await rm(join(out.path, 'pages.jsonl'))
    await rm(join(out.path, 'pages.cursor.json'))
    const requests = (await web.log()).length
    await expectWhole(await crawl(root, out.path, ...FAST), out.path, web)
    expect((await web.log()).length).toBe(requests)
    expect(existsSync(join(out.path, 'summary.json'))).toBe(true)
  })

  test('the delay is kept across the restart', async () => {
    await using web = await startWeb({ hosts: 2, pagesPerHost: 6, specials: 0 })
    await using out = await crawlFolder()
    const [root = ''] = web.roots
    {
      await using running = start(root, out.path, ...LOCAL, '--delay', '1s')
      await web.reached(4)
      await killed(running)
    }
    await expectWhole(await crawl(root, out.path, ...LOCAL, '--delay', '1s'), out.path, web)
    expect(checkDelays(await web.log(), 1_000)).toEqual([])
    expect(checkConcurrency(await web.log(), 1)).toEqual([])
  })

  test('Postgres ends by itself within 30 s, without a next start', async () => {
    await using web = await startWeb({ hosts: 1, pagesPerHost: 20, latencyMs: { min: 20, max: 20 } })
    await using out = await crawlFolder()
    await using running = start(web.roots[0] ?? '', out.path, ...FAST)
    await web.reached(5)
    await killed(running)
    const pid = await postgresOf(out.path)
    await eventually(
      () => isGone(pid),
      (gone) => gone,
      30_000,
    )
    const { counts } = await readLeft(out.path)
    expect(counts.queued + counts.leased).toBeGreaterThan(0)
  })
})

test.concurrent('when its Postgres dies the command ends and says why; the next one goes on', async () => {
  await using web = await startWeb({ hosts: 2, pagesPerHost: 30, latencyMs: { min: 20, max: 40 } })
  await using out = await crawlFolder()
  const [root = ''] = web.roots
  {
    await using running = start(root, out.path, ...FAST)
    await web.reached(20)
    process.kill(await postgresOf(out.path), 'SIGQUIT')
    const ended = await running.ended
    expect(ended.code).toBe(4)
    expect(ended.stderr).toMatch(/^warren: Cannot keep Postgres running in .*/m)
    expect(ended.stderr).not.toMatch(/^\s+at /m)
  }
  await expectWhole(await crawl(root, out.path, ...FAST), out.path, web)
})

describe.concurrent('after Ctrl-C', () => {
  test('what is in flight is finished and kept, and the same command goes on from there', async () => {
    await using web = await startWeb({ hosts: 3, pagesPerHost: 25, latencyMs: { min: 30, max: 60 } })
    await using out = await crawlFolder()
    const [root = ''] = web.roots
    for (const requests of [20, 60]) {
      await using running = start(root, out.path, ...FAST)
      await web.reached(requests)
      running.interrupt() // Postgres would end with us if it were in our process group
      running.interrupt() // npm and the terminal may both deliver it
      const ended = await running.ended
      expect(ended).toMatchObject({ code: 130, signal: null })
      expect(ended.stderr).toContain('Stopping: waiting for what is in flight')
      expect(ended.stderr).toContain('The same command resumes')
      expect(ended.stdout).toMatch(/^Interrupted\n/)
      // every answer that the web gave was taken: nothing was cut off
      const answered = (await web.log()).filter(({ path, status }) => status > 0 && !path.startsWith('/robots'))
      expect(answered.map(({ host, path }) => host + path).sort()).toEqual(await fetchedUrls(out.path))
      await readLeft(out.path)
    }
    await expectWhole(await crawl(root, out.path, ...FAST), out.path, web)
    expect(duplicates(await web.log())).toEqual([])
  })

  test('while seeds are admitted it ends between two batches, and a start without the seeds asks for them', async () => {
    await using out = await crawlFolder()
    const seeds = join(out.path, '../seeds.txt')
    await writeFile(seeds, Array.from({ length: 300_000 }, (_, i) => `http://127.0.0.1:9/${i}\n`).join(''))
    {
      await using running = new WarrenProcess(['crawl', '--seeds', seeds, '--out', out.path, ...LOCAL])
      await eventually(
        () => running.output,
        (output) => /Admitting seeds: [1-9]/.test(output),
      )
      running.interrupt()
      const ended = await running.ended
      expect(ended).toMatchObject({ code: 130, signal: null, stdout: '' })
      expect(ended.stderr).toMatch(/^Interrupted: [\d,]+ of 300,000 seeds are in\. The same command goes on\.$/m)
    }
    const left = await readLeft(out.path)
    expect(left.crawl.state).toBe('created')
    expect(left.counts.discovered % 500).toBe(0)
    expectRefusal(await crawl([], out.path, ...LOCAL), 2, /not all of its seeds are in; give them once more/)
  })

  test('a second one stops at once, and nothing is lost', async () => {
    await using web = await startWeb({ hosts: 1, pagesPerHost: 12 })
    await using out = await crawlFolder()
    const [root = ''] = web.roots
    {
      await using running = start(root, out.path, ...FAST)
      await web.reached(4)
      await web.change({ latencyMs: { min: 30_000, max: 30_000 } })
      const before = performance.now()
      running.interrupt()
      await eventually(
        () => running.output,
        (output) => output.includes('Stopping'),
      )
      await eventually(
        () => performance.now() - before,
        (ms) => ms > 400, // within 300 ms it would be the same Ctrl-C
      )
      running.interrupt()
      expect(await running.ended).toMatchObject({ code: 130, signal: null })
      expect(performance.now() - before).toBeLessThan(15_000) // and not the 30 s of the answers
      await eventually(
        async () => isGone(await postgresOf(out.path)),
        (gone) => gone,
        1_000,
      )
    }
    await web.change({ latencyMs: { min: 0, max: 0 } })
    await expectWhole(await crawl(root, out.path, ...FAST), out.path, web)
  })
})
