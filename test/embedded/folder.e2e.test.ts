/** The output folder: finished, resumed with other options, in use. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { removePostgres } from '@warren/postgres'
import { startWeb } from '@warren/testkit'
import { describe, expect, test } from 'vitest'
import { temporaryFolder, WarrenProcess, warren } from '../support/warren.ts'
import { crawl, crawlFolder, expectRefusal, expectWhole, FAST, fetchedUrls, readLeft } from './support.ts'

describe.concurrent('the output folder', () => {
  test('of a finished crawl: prints the summary, asks for nothing; --again crawls anew and keeps the old pages', async () => {
    await using web = await startWeb({ hosts: 2, pagesPerHost: 6 })
    await using out = await crawlFolder()
    const [root = ''] = web.roots
    await expectWhole(await crawl(root, out.path, ...FAST), out.path, web)
    const requests = (await web.log()).length
    const summary = await readFile(join(out.path, 'summary.json'), 'utf8')

    const again = await crawl(root, out.path, ...FAST)
    expect(again).toMatchObject({ code: 0 })
    expect(again.stdout).toContain(`${web.expected().answered.size}`)
    expect(again.stderr).toContain('nothing was fetched now. Add --recrawl to ask for its URLs again, --again to crawl anew')
    expect(await crawl([], out.path)).toMatchObject({ code: 0, stdout: again.stdout }) // the folder alone is enough
    expectRefusal(
      await crawl(root, out.path, '--scope', 'host'),
      2,
      /another --scope: it has "any", you asked for "host"; use another --out/,
    )
    expectRefusal(await crawl(root, out.path, '--exclude', 'x'), 2, /another --exclude: it has \[\], you asked for \["x"\]/)
    expect((await web.log()).length).toBe(requests)
    expect(await readFile(join(out.path, 'summary.json'), 'utf8')).toBe(summary)

    const before = await fetchedUrls(out.path)
    await expectWhole(await crawl(root, out.path, ...FAST, '--again'), out.path, web)
    expect((await web.log()).length).toBe(2 * requests)
    const files = await readdir(out.path)
    const kept = files.filter((name) => /^pages-.*\.jsonl$/.test(name))
    expect(kept).toHaveLength(1)
    const lines = (await readFile(join(out.path, kept[0] ?? ''), 'utf8')).trimEnd().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as { url: string }).url).sort()).toEqual(before)
  })

  test('of a finished crawl says which seeds are not of it, and a damaged summary what to do', async () => {
    await using web = await startWeb({ hosts: 2, pagesPerHost: 2, specials: 0 })
    await using out = await crawlFolder()
    const [root = '', other = ''] = web.roots
    const local = ['--allow-address', '127.0.0.0/8', '--delay', '0']
    expect(await crawl(root, out.path, ...local)).toMatchObject({ code: 0 })
    const strange = await crawl(other, out.path, ...local)
    expect(strange).toMatchObject({ code: 0 })
    expect(strange.stderr).toContain(`Not in this crawl: ${other}; use another --out, or --again`)
    await writeFile(join(out.path, 'summary.json'), '{')
    expectRefusal(await crawl(root, out.path, ...local), 6, /Cannot read .*summary\.json: .*; remove it/)
  })

  test('whose database was removed says so, and --again makes a new one', async () => {
    await using web = await startWeb({ hosts: 1, pagesPerHost: 3, specials: 0 })
    await using out = await crawlFolder()
    const [root = ''] = web.roots
    await expectWhole(await crawl(root, out.path, ...FAST), out.path, web)
    await rm(join(out.path, 'summary.json'))
    // as root it lies in the cache folder, which may be cleared; else in the folder itself, and is simply made anew
    const pointer = await readFile(join(out.path, '.warren/postgres/pointer.json'), 'utf8').catch(() => undefined)
    if (pointer === undefined) await rm(join(out.path, '.warren'), { recursive: true })
    else {
      await rm((JSON.parse(pointer) as { home: string }).home, { recursive: true })
      expectRefusal(await crawl(root, out.path, ...FAST), 6, /its database .* was removed; choose another folder, or remove/)
    }
    await expectWhole(await crawl(root, out.path, ...FAST, '--again'), out.path, web)
    expect((await readdir(out.path)).filter((name) => /^pages-.*\.jsonl$/.test(name))).toHaveLength(1)
  })

  test('of an unfinished crawl: another scope or filter is refused, other limits apply, more seeds are added', async () => {
    await using web = await startWeb({
      hosts: 3,
      pagesPerHost: 15,
      specials: 0,
      links: { min: 0, max: 0 },
      latencyMs: { min: 20, max: 20 },
    })
    await using out = await crawlFolder()
    const [root = '', second = '', third = ''] = web.roots
    const scope = ['--allow-address', '127.0.0.0/8', '--delay', '0', '--exclude', 'never-there']
    {
      await using running = new WarrenProcess(['crawl', root, '--out', out.path, ...scope, '--max-pages', '10'])
      await web.reached(3)
      await web.change({ latencyMs: { min: 60_000, max: 60_000 } }) // it does not end before we are done with it
      // while it runs nobody else may use the folder
      expectRefusal(
        await crawl(root, out.path, ...scope),
        6,
        new RegExp(`Cannot use output folder ${out.path}: process ${running.pid} crawls`),
      )
      running.kill('SIGKILL')
    }
    await web.change({ latencyMs: { min: 0, max: 0 } })
    expectRefusal(await crawl(root, out.path, ...scope, '--scope', 'any'), 2, /another --scope: it has "host", you asked for "any"/)
    expectRefusal(
      await crawl(root, out.path, '--exclude', 'other'),
      2,
      /another --exclude: it has \["never-there"\], you asked for \["other"\]; use another --out, or --again/,
    )
    expectRefusal(await crawl(root, out.path, ...scope, '--include', 'x'), 2, /another --include: it has \[\], you asked for \["x"\]/)
    const ended = await crawl([root, second, third], out.path, ...scope, '--max-pages', '40')
    expect(ended.stderr).toContain('Seeds added: 2')
    expect(ended).toMatchObject({ code: 0 })
    expect(await fetchedUrls(out.path)).toHaveLength(40)
    expect((await readLeft(out.path)).crawl.config).toMatchObject({ maxPages: 40, delayMs: 0, scope: 'host' })
  })

  test('without --out is named after the first seed, below the current folder', async () => {
    await using web = await startWeb({ hosts: 1, pagesPerHost: 3, specials: 0 })
    await using cwd = await temporaryFolder()
    const [root = ''] = web.roots
    const ended = await warren(['crawl', root, '--allow-address', '127.0.0.0/8', '--delay', '0'], { cwd: cwd.path })
    expect(ended).toMatchObject({ code: 0 })
    const folder = join('warren-out', new URL(root).host.replace(':', '_'))
    expect(ended.stdout).toContain(`${folder}/pages.jsonl`)
    await expectWhole(ended, join(cwd.path, folder), web)
    await removePostgres(join(cwd.path, folder, '.warren/postgres'))
  })
})
