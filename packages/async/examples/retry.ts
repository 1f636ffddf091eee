import { RetryBudget, retry } from '@warren/async'

class Busy extends Error {
  readonly retryAfterMs = 2
}
class NotFound extends Error {}

/** Asks a server that is busy twice, as patiently as the server asks us to be, and one that will never answer. */
export async function example(print: (line: string) => void): Promise<void> {
  const budget = new RetryBudget({ ratio: 0.2, minPerSecond: 1 }) // one for all calls: no storm of retries when the server is down
  const options = {
    budget,
    attempts: 5,
    deadlineMs: 10_000, // for all of them, waits included
    baseMs: 1, // the first wait is a random one up to here, the next up to twice as long, ...
    maxMs: 1_000,
  }
  let asked = 0
  const ask = async (path: string): Promise<string> => {
    if (path === '/gone') throw new NotFound(path)
    if (++asked < 3) throw new Busy('come back later')
    return 'here you are'
  }
  const get = (path: string) =>
    retry(() => ask(path), {
      ...options,
      retryable: (error) => error instanceof Busy, // so the hooks know that it is one
      retryAfterMs: (error) => error.retryAfterMs,
      onRetry: (error, { attempt }) => print(`attempt ${attempt}: ${error.message}`),
    })

  print(await get('/page'))
  await get('/gone').catch((error) => print(`${error.message} is not asked for again`))
}

/* Prints:
 * attempt 1: come back later
 * attempt 2: come back later
 * here you are
 * /gone is not asked for again
 */
