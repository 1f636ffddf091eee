import { join, mapAllOrAggregate, mapAllSettled, race, sleep, tryJoin } from '@warren/async'

/** Asks several mirrors of a file, in every way in which one can wait for several things. */
export async function example(print: (line: string) => void): Promise<void> {
  const ask = async (mirror: string, ms: number, signal: AbortSignal): Promise<string> => {
    await sleep(ms, { signal }).catch((reason) => {
      print(`${mirror} was stopped`)
      throw reason
    })
    if (mirror === 'berlin') throw new Error(`${mirror} is down`)
    return `file from ${mirror}`
  }

  // Whoever is first; the others are stopped, and have ended when the winner is returned.
  print(await race([(signal) => ask('tokyo', 1_000, signal), (signal) => ask('oslo', 2, signal)]))

  // All of them, each with its own end.
  const ends = await join([(signal) => ask('oslo', 3, signal), (signal) => ask('berlin', 1, signal)])
  print(ends.map((end) => (end.ok ? end.value : String(end.error))).join(', '))

  // All or nothing: the first failure stops the others.
  await tryJoin([(signal) => ask('oslo', 1_000, signal), (signal) => ask('berlin', 1, signal)]).catch((error) => print(`${error}`))

  // A long list, at most two at once: every result, or one error that holds every failure.
  const mirrors = ['oslo', 'berlin', 'tokyo']
  const results = await mapAllSettled(mirrors, 2, (mirror, signal) => ask(mirror, 1, signal))
  print(`${results.filter((result) => result.ok).length} of ${results.length} answered`)
  await mapAllOrAggregate(mirrors, 2, (mirror, signal) => ask(mirror, 1, signal)).catch((error) => print(`${error}`))
}

/* Prints:
 * tokyo was stopped
 * file from oslo
 * file from oslo, Error: berlin is down
 * oslo was stopped
 * Error: berlin is down
 * 2 of 3 answered
 * AggregateError: 1 of 3 items failed
 */
