import { interval, ShutdownScope, select, sleep, tryJoin, yieldIfDue } from '@warren/async'

/** A service that is told to stop: its worker ends the job in hand, its server may not take as long as it likes. */
export async function example(print: (line: string) => void): Promise<void> {
  const shutdown = new ShutdownScope()

  const worker = async (signal: AbortSignal): Promise<string> => {
    const ticks = interval({ everyMs: 2, missed: 'skip' })
    let begun = 0
    let done = 0
    while ((await select({ stop: shutdown.draining, tick: ticks })).branch === 'tick') {
      begun++
      await sleep(1, { signal }) // only an abort cuts it
      done++
    }
    return `worker: ${begun - done} jobs were cut`
  }
  const server = async (): Promise<string> => {
    using scope = shutdown.child({ graceMs: 20 }) // its drain turns into an abort after 20 ms
    const lastByte = sleep(60_000, { signal: scope.aborted }).then(() => 'sent')
    return `server: ${await lastByte.catch(({ message }) => message)}`
  }
  const computer = async (signal: AbortSignal): Promise<string> => {
    let n = 0
    while (!shutdown.draining.aborted) {
      n++ // a long computation, in which timers and sockets get their turn
      const due = yieldIfDue({ signal })
      if (due !== undefined) await due
    }
    return `computer: counted ${n > 1_000 ? 'far' : 'hardly'}`
  }
  const operator = async (): Promise<string> => {
    await sleep(10)
    shutdown.drain('SIGTERM') // a second one would be shutdown.abort()
    return 'operator: has asked politely'
  }

  for (const line of await tryJoin([worker, server, computer, operator], { signal: shutdown.aborted })) print(line)
}

/* Prints:
 * worker: 0 jobs were cut
 * server: Cannot drain within 20 ms
 * computer: counted far
 * operator: has asked politely
 */
