import { sleep, WorkerPool } from '@warren/async'

/** Makes pictures small, one at a time or two, those first that somebody is waiting for. */
export async function example(print: (line: string) => void): Promise<void> {
  await using pool = new WorkerPool({
    concurrency: 0, // not yet
    maxQueued: 100,
    priorities: 2,
    headStart: 5, // no more than five later ones, however urgent, overtake an item: none waits for ever
    run: async (picture: string, signal) => {
      print(`resizing ${picture}`)
      await sleep(1, { signal })
      return `small ${picture}`
    },
  })
  const album = ['beach', 'dunes', 'harbour'].map((picture) => pool.add(picture))
  const urgent = ['face 1', 'face 2', 'face 3', 'face 4'].map((picture) => pool.add(picture, { priority: 1 }))

  const controller = new AbortController()
  const screenshot = pool.add('screenshot', { signal: controller.signal })
  controller.abort('no longer wanted')
  await screenshot.catch((reason) => print(`screenshot: ${reason}`))

  pool.concurrency = 1
  print((await Promise.all(urgent)).join(', '))
  pool.concurrency = 2 // at any time
  print((await Promise.all(album)).join(', '))

  for (const picture of ['hat', 'scarf']) {
    await pool.ready() // who awaits this before adding goes no faster than the pool
    void pool.add(picture)
  }
  await pool.idle()
  print(`${pool.size} left`)
}

/* Prints:
 * screenshot: no longer wanted
 * resizing face 1
 * resizing face 2
 * resizing face 3
 * resizing beach
 * resizing face 4
 * resizing dunes
 * small face 1, small face 2, small face 3, small face 4
 * resizing harbour
 * small beach, small dunes, small harbour
 * resizing hat
 * resizing scarf
 * 0 left
 */
