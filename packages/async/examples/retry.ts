import { retry } from '@warren/async'

class Busy extends Error {
  readonly retryAfterMs = 2
}

/** Asks a server that is busy twice, as patiently as the server asks us to be. */
export async function example(print: (line: string) => void): Promise<void> {
  let asked = 0
  const ask = async (): Promise<string> => {
    asked++
    if (asked < 3) throw new Busy('come back later')
    return 'here you are'
  }
  const answer = await retry(ask, {
    attempts: 5,
    deadlineMs: 10_000, // for all of them, waits included
    baseMs: 1, // the first wait is a random one up to here, the next up to twice as long, ...
    maxMs: 1_000,
    retryable: (error) => error instanceof Busy,
    retryAfterMs: (error) => (error instanceof Busy ? error.retryAfterMs : undefined),
    onRetry: (error, { attempt }) => print(`attempt ${attempt}: ${String(error)}`),
  })
  print(answer)
}

/* Prints:
 * attempt 1: Error: come back later
 * attempt 2: Error: come back later
 * here you are
 */
