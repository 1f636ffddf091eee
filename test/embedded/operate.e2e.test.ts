/** Another pass over a finished crawl, and what an operator asks and says of the folder of a crawl, while it runs and after it. */
import { startWeb } from '@warren/testkit'
import { describe, expect, test } from 'vitest'
import { eventually, WarrenProcess as Running, readPages, type WarrenProcess, warren } from '../support/warren.ts'
import { crawl, crawlFolder, expectRefusal, expectWhole, FAST, LOCAL, readLeft } from './support.ts'

interface Line {
  readonly url: string
  readonly status: number
  readonly pass: number
  readonly changed: boolean | null
  readonly digest: string | null
}
const linesOf = async (dir: string, pass: number): Promise<Line[]> =>
  ((await readPages(dir)) as unknown as Line[]).filter((line) => line.pass === pass)

describe.concurrent('passes', () => {
  test('--recrawl asks for everything again, with conditions: what was edited has changed, nothing else; --due only for what is due', async () => {
    await using web = await startWeb({ hosts: 3, pagesPerHost: 12 })
    await using out = await crawlFolder()
    const [root = ''] = web.roots
    await expectWhole(await crawl(root, out.path, ...FAST), out.path, web)
    const first = await linesOf(out.path, 1)
    expect(first.every(({ changed }) => changed === null)).toBe(true)
    const asked = (await web.log()).length

    const due = await warren(['crawl', '--out', out.path, '--recrawl', '--due'])
    expect(due).toMatchObject({ code: 0 })
    expect(due.stderr).toMatch(
      /^Pass 2: 0 of \d+ answered URLs are due, the first is due in 24 h; \d+ that failed or were excluded are tried again$/m,
    )
    expect((await web.log()).slice(asked).filter(({ status }) => status === 200 || status === 304)).toEqual([])

    const pages = first.filter(({ status }) => status === 200).map(({ url }) => url)
    const edited = pages.filter((_, i) => i % 7 === 0)
    await web.change({ edited })
    const again = await warren(['crawl', root, '--out', out.path, '--recrawl'])
    expect(again).toMatchObject({ code: 0 })
    expect(again.stderr).toMatch(/^Pass 3: all \d+ answered URLs are asked for again/m)
    expect(again.stdout).toMatch(/pages +\d+ {2}pass 3: 304: \d+/)
    const third = await linesOf(out.path, 3)
    expect(third.map(({ url }) => url).sort()).toEqual(first.map(({ url }) => url).sort())
    expect(
      third
        .filter(({ changed }) => changed === true)
        .map(({ url }) => url)
        .sort(),
    ).toEqual(edited.sort())
    const before = new Map(first.map((line) => [line.url, line.digest]))
    for (const { url, status, changed, digest } of third) {
      if (status === 304) expect({ url, changed, digest }).toEqual({ url, changed: false, digest: before.get(url) })
      else expect(edited.includes(url) || !pages.includes(url)).toBe(true)
    }
    const { crawl: left } = await readLeft(out.path)
    expect(left).toMatchObject({ state: 'completed', pass: 3 })
  })

  test('a pass that is interrupted is resumed by the plain command, and ends with each URL once', async () => {
    await using web = await startWeb({ hosts: 3, pagesPerHost: 20, specials: 0 })
    await using out = await crawlFolder()
    const [root = ''] = web.roots
    await expectWhole(await crawl(root, out.path, ...FAST), out.path, web)
    const all = (await linesOf(out.path, 1)).map(({ url }) => url).sort()
    const asked = (await web.log()).length
    await web.change({ latencyMs: { min: 20, max: 40 } })
    {
      await using running = new Running(['crawl', '--out', out.path, '--recrawl'])
      await web.reached(asked + 20)
      running.kill('SIGKILL')
      await running.ended
    }
    await web.change({ latencyMs: { min: 0, max: 0 } })
    const resumed = await warren(['crawl', '--out', out.path])
    expect(resumed).toMatchObject({ code: 0 })
    expect(resumed.stderr).toContain(`Resumes the crawl in ${out.path}, pass 2`)
    expect((await linesOf(out.path, 2)).map(({ url }) => url).sort()).toEqual(all)
  })

  test('what cannot be passed again, and options that do not go together', async () => {
    await using out = await crawlFolder()
    expectRefusal(
      await warren(['crawl', '--out', out.path, '--recrawl']),
      2,
      /Cannot recrawl .*: no crawl is there; name its folder with --out/,
    )
    expectRefusal(await warren(['crawl', '--out', out.path, '--due']), 2, /Cannot crawl with --due alone: add --recrawl/)
    expectRefusal(await warren(['crawl', '--out', out.path, '--recrawl', '--again']), 2, /Cannot crawl with --again and --recrawl: /)
  })
})

describe.concurrent('an operator and a folder', () => {
  const ask = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await warren(args)
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`)
    return stdout
  }

  test('while it crawls: explain, status, host; a pace and a block hold at once; after it the same answers', {
    timeout: 600_000,
  }, async () => {
    // nine commands beside a crawl: on a machine at its limits one takes half a minute to start
    await using web = await startWeb({ hosts: 2, pagesPerHost: 200, specials: 0 }) // minutes of work, on a busy machine too
    await using out = await crawlFolder()
    const [root = '', other = ''] = web.roots
    await using running: WarrenProcess = new Running(['crawl', root, other, '--out', out.path, ...LOCAL, '--delay', '1s'])
    await web.reached(6)
    expect(await ask('status', '--out', out.path)).toMatch(/\ncrawl +running +\d+ /)
    const explained = JSON.parse(await ask('explain', root, '--out', out.path, '--json'))
    expect(explained).toMatchObject({
      url: root,
      facts: { url: { state: 'done', depth: 0, path: [], answers: [{ pass: 1, status: 200 }] } },
    })
    expect(await ask('host', other, '--out', out.path)).toMatch(
      /\n {2}pace +each crawl's own delay.*\n(?:.*\n)* {2}crawl {2}running {2}\d+ queued/,
    )

    await ask('block', other, '--reason', 'asked to', '--out', out.path)
    await ask('pace', root, '--delay', '10ms', '--out', out.path)
    const ended = await running.ended
    expect(ended).toMatchObject({ code: 0 })
    expect(ended.stdout).toMatch(/excluded +\d+ {2}operator: \d+/)
    expect((await readPages(out.path)).filter(({ url }) => url.startsWith(new URL(root).origin)).length).toBeGreaterThan(35)

    expect(await ask('explain', other.replace('http:', 'HTTP:'), '--out', out.path)).toMatch(/^http:\S+\n(done|excluded) {2}/)
    expect(await ask('host', other, '--out', out.path)).toMatch(/ {2}blocked +asked to\n/)
    await ask('unblock', other, '--out', out.path)
    const { counts } = await readLeft(out.path)
    expect(counts).toMatchObject({ queued: 0, leased: 0 })
  })

  test('a folder without a crawl; one whose crawl was killed is opened', async () => {
    await using web = await startWeb({ hosts: 1, pagesPerHost: 10, specials: 0 })
    await using out = await crawlFolder()
    const [root = ''] = web.roots
    expectRefusal(await warren(['explain', root, '--out', out.path]), 2, /Cannot open .*: no crawl is there; name its folder with --out/)
    {
      await using running = new Running(['crawl', root, '--out', out.path, ...LOCAL, '--delay', '1s'])
      await web.reached(3)
      running.kill('SIGKILL')
      await running.ended
    }
    const text = await eventually(
      () => ask('explain', root, '--out', out.path),
      (said) => said.includes('How it got here'),
    )
    expect(text).toContain('a seed')
  })
})
