import { channel, mapConcurrent, Pacer, ShutdownScope, select, sleep, TaskGroup } from '@warren/async'

/** Prints jobs as they come, at most ten a second, until three quiet seconds or a Ctrl-C. */
export async function printer(print: (line: string) => void, quietMs = 3_000): Promise<string> {
  const shutdown = new ShutdownScope()
  const stop = () => shutdown.drain('Ctrl-C')
  process.once('SIGINT', stop)
  const { sender, receiver } = channel<number>(8) // the ninth job waits: backpressure
  const pacer = new Pacer({ intervalMs: 100 })
  await using group = new TaskGroup({ signal: shutdown.aborted }) // leaving the scope awaits the producer
  group.spawn(async (signal) => {
    for await (const square of mapConcurrent([1, 2, 3], 2, async (n) => n * n, { signal })) await sender.send(square, { signal })
  })
  try {
    for (;;) {
      const next = await select({
        stop: shutdown.draining,
        job: receiver,
        quiet: (signal) => sleep(quietMs, { signal }),
      })
      if (next.branch !== 'job' || next.value === undefined) return next.branch
      await pacer.wait()
      print(`job ${next.value}`)
    }
  } finally {
    process.off('SIGINT', stop)
    group.cancel()
  }
}
