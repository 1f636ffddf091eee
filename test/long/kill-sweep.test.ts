/** Kills an embedded crawl at every stage of its life, by time and by requests, each time on a fresh web; `npm run test:long`. */
import { startWeb } from '@warren/testkit'
import { test } from 'vitest'
import { crawl, crawlFolder, expectWhole, FAST } from '../embedded/support.ts'
import { WarrenProcess } from '../support/warren.ts'

/** From before the database exists to past the end of the crawl. */
const AFTER_MS = [50, 150, 300, 450, 600, 800, 1_000, 1_250, 1_500, 1_750, 2_000, 2_500, 3_000, 4_000]
const AFTER_REQUESTS = [1, 2, 5, 10, 25, 50, 100, 150, 200, 240]

const web = (seed: number) => startWeb({ seed, hosts: 3, pagesPerHost: 60, latencyMs: { min: 2, max: 15 }, faults: { reset: 1 } })

test.each(AFTER_MS)('killed %i ms after its start, the same command ends with the known set', async (ms) => {
  await using site = await web(ms)
  await using out = await crawlFolder()
  const [root = ''] = site.roots
  await using running = new WarrenProcess(['crawl', root, '--out', out.path, ...FAST])
  await Promise.race([running.ended, new Promise((resolve) => setTimeout(resolve, ms))]) // a fast machine may have ended it by then
  running.kill('SIGKILL')
  await running.ended
  await expectWhole(await crawl(root, out.path, ...FAST), out.path, site)
})

test.each(AFTER_REQUESTS)(
  'killed after request %i, and again at once when it has started anew, it ends with the known set',
  async (requests) => {
    await using site = await web(requests)
    await using out = await crawlFolder()
    const [root = ''] = site.roots
    for (const more of [0, 3]) {
      await using running = new WarrenProcess(['crawl', root, '--out', out.path, ...FAST])
      await site.reached(requests + more)
      running.kill('SIGKILL')
      await running.ended
    }
    await expectWhole(await crawl(root, out.path, ...FAST), out.path, site)
  },
)
