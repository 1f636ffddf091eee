/** What a person sees: one live line on a terminal, plain lines in a pipe. */
import { freePorts, startWeb } from '@warren/testkit'
import { describe, expect, test } from 'vitest'
import { onTerminal } from '../support/terminal.ts'
import { WarrenProcess } from '../support/warren.ts'
import { crawlFolder, expectWhole, FAST } from './support.ts'

const ESCAPE = '\u001b'

describe.concurrent('output', () => {
  test('on a terminal: a live line with a bar, colours, and a summary; Ctrl-C drains', async () => {
    await using web = await startWeb({ hosts: 2, pagesPerHost: 60, latencyMs: { min: 50, max: 100 } })
    await using out = await crawlFolder()
    const args = ['crawl', web.roots[0] ?? '', '--out', out.path, ...FAST]
    {
      await using terminal = onTerminal([...args, '--max-pages', '5000'])
      await terminal.shows(' of 5,000 pages')
      await terminal.shows('/s')
      await terminal.shows(' queued')
      terminal.type('\u0003')
      const { code, output } = await terminal.ended
      expect(code).toBe(130)
      expect(output).toContain(`${ESCAPE}[2K`)
      expect(output).toContain('━')
      expect(output).toContain('Stopping: waiting for what is in flight. Ctrl-C again stops at once.')
      expect(output).toContain('Interrupted')
    }
    await web.change({ latencyMs: { min: 0, max: 0 } })
    await using running = new WarrenProcess(args)
    await expectWhole(await running.ended, out.path, web)
  })

  test('in a pipe: whole lines without escape codes, which say what is waited for', async () => {
    const [port = 0] = await freePorts(1)
    await using out = await crawlFolder()
    const args = ['crawl', `http://127.0.0.1:${port}/`, '--out', out.path, '--allow-address', '127.0.0.0/8', '--retry-delay', '60s']
    await using running = new WarrenProcess(args, { env: { CI: 'true' } }) // where some libraries colour everything
    const waits = new RegExp(
      `^0 pages · 1 queued · [\\d.]+s · stalled because robots\\.txt of 127\\.0\\.0\\.1:${port} is out of reach \\(connect-refused\\), again in \\d+ s$`,
      'm',
    )
    await expect.poll(() => running.output, { timeout: 60_000, interval: 100 }).toMatch(waits)
    expect(running.output).not.toContain(ESCAPE)
    expect(running.output).not.toContain('\r')
    running.interrupt()
    expect(await running.ended).toMatchObject({ code: 130 })
  })
})
