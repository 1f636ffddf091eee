import { channel, mapConcurrentOrdered, Pacer, ShutdownScope, select, sleep, TaskGroup } from '@warren/async'

/** Prints jobs as they come, at most a hundred a second, until nothing comes for a while or somebody presses Ctrl-C. */
export async function example(print: (line: string) => void): Promise<void> {
  const shutdown = new ShutdownScope()
  const stop = () => shutdown.drain('Ctrl-C')
  process.once('SIGINT', stop)
  const { sender, receiver } = channel<number>(8) // the ninth job waits: backpressure
  const pacer = new Pacer({ intervalMs: 10 })
  await using group = new TaskGroup({ signal: shutdown.aborted }) // leaving the scope awaits the producer
  group.spawn(async (signal) => {
    const squares = mapConcurrentOrdered([1, 2, 3], 2, async (n) => n * n, { signal })
    for await (const square of squares) await sender.send(square, { signal })
  })
  try {
    for (;;) {
      const next = await select({
        stop: shutdown.draining,
        job: receiver,
        quiet: (signal) => sleep(50, { signal }),
      })
      if (next.branch !== 'job' || next.value === undefined) return print(next.branch)
      await pacer.wait()
      print(`job ${next.value}`)
    }
  } finally {
    process.off('SIGINT', stop)
    group.cancel()
  }
}

/* Prints:
 * job 1
 * job 4
 * job 9
 * quiet
 */
