import { Batcher, interval, ManualClock, sleep, withTimeout } from '@warren/async'

/** Deadlines, ticks and micro-batches on a clock that the example moves. Without `clock` they are the system's. */
export async function example(print: (line: string) => void): Promise<void> {
  const clock = new ManualClock()

  const slow = withTimeout(100, (signal) => sleep(5_000, { signal, clock }), { clock })
  const seen = slow.catch((error) => print(`${error.name} after ${clock.now()} ms`))
  await clock.advance(100)
  await seen

  // Three ticks came while nobody looked. `burst` would hand them over at once, `delay` wait for a whole period.
  const ticks = interval({ everyMs: 10, missed: 'skip', clock })
  await ticks.tick()
  await clock.advance(35)
  print(`tick of ${(await ticks.tick()) - 100} ms, taken at ${clock.now() - 100} ms`)
  const next = ticks.tick()
  await clock.advance(5)
  print(`tick of ${(await next) - 100} ms, on time again`)

  await using batcher = new Batcher<string, number>({
    maxCount: 2, // whichever comes first:
    maxAgeMs: 50,
    clock,
    flush: async (words) => {
      print(`flush of ${words.join(' and ')}`)
      return words.map((word) => word.length)
    },
  })
  const lengths = Promise.all(['one', 'two', 'three'].map((word) => batcher.add(word)))
  await clock.advance(50)
  print(`lengths ${(await lengths).join(', ')}`)
}

/* Prints:
 * TimeoutError after 100 ms
 * tick of 10 ms, taken at 35 ms
 * tick of 40 ms, on time again
 * flush of one and two
 * flush of three
 * lengths 3, 3, 5
 */
