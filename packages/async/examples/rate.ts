import { KeyedRateLimiter, ManualClock, Pacer, TokenBucket } from '@warren/async'

/** Limits for one and for many, in a time that the example moves itself; without a clock it is the system's. */
export async function example(print: (line: string) => void): Promise<void> {
  const clock = new ManualClock()
  const tell = (what: string) => print(`${clock.now()} ms: ${what}`)

  // Ten tokens at once, five a second in the long run.
  const bucket = new TokenBucket({ ratePerSecond: 5, burst: 10, clock })
  await bucket.take(10)
  const more = bucket.take(2).then(() => tell('two more tokens'))
  bucket.setLimit({ ratePerSecond: 20 }) // also for those who wait
  await clock.advance(1_000)
  await more

  // Starts at least 100 ms apart, and no burst after a pause.
  const pacer = new Pacer({ intervalMs: 100, clock })
  const starts = [1, 2, 3].map((n) => pacer.wait().then(() => tell(`start ${n}`)))
  await clock.advance(1_000)
  await Promise.all(starts)

  // One request a second to each host, however many hosts there are; a single timer serves all.
  const hosts = new KeyedRateLimiter<string>({ ratePerSecond: 1, burst: 1, clock })
  hosts.setLimit('fast.example', { ratePerSecond: 10, burst: 5 })
  hosts.defer('busy.example', 5_000) // it has answered 429, Retry-After: 5
  const requests = ['slow.example', 'fast.example', 'slow.example', 'busy.example', 'fast.example'].map((host) =>
    hosts.take(host).then(() => tell(host)),
  )
  const now = hosts.tryTake('busy.example')
  if (now.state === 'early') tell(`busy.example in ${now.retryInMs} ms at the earliest`)
  await clock.advance(10_000)
  await Promise.all(requests)
}

/* Prints:
 * 100 ms: two more tokens
 * 1000 ms: start 1
 * 1100 ms: start 2
 * 1200 ms: start 3
 * 2000 ms: busy.example in 5000 ms at the earliest
 * 2000 ms: slow.example
 * 2000 ms: fast.example
 * 2000 ms: fast.example
 * 3000 ms: slow.example
 * 7000 ms: busy.example
 */
