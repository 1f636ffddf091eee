import { channel, ManualClock, ShutdownScope, select, sleep } from '@warren/async'

/** A message, three seconds, or Ctrl-C, whichever comes first: once each. */
export async function example(print: (line: string) => void): Promise<void> {
  const shutdown = new ShutdownScope() // a program calls its `drain` on SIGINT
  const { sender, receiver } = channel<string>(1)
  const clock = new ManualClock() // time that the example moves; without a clock it is the system's

  const first = async () => {
    const picked = await select({
      stop: shutdown.draining, // in written order: a shutdown that has begun wins over a message that is there
      message: receiver,
      quiet: (signal) => sleep(3_000, { signal, clock }),
    })
    switch (picked.branch) {
      case 'stop':
        return `stopped by ${picked.value}`
      case 'message':
        return `got ${picked.value}`
      case 'quiet':
        return 'nothing for three seconds'
    }
  }

  const message = first()
  sender.trySend('a message')
  print(await message)

  const quiet = first()
  await clock.advance(3_000)
  print(await quiet)

  const stopped = first()
  shutdown.drain('Ctrl-C')
  print(await stopped)

  sender.trySend('late')
  print(await first()) // still stopped
  print(`not lost: ${await receiver.recv()}; timers left: ${clock.timers}`)
}

/* Prints:
 * got a message
 * nothing for three seconds
 * stopped by Ctrl-C
 * stopped by Ctrl-C
 * not lost: late; timers left: 0
 */
