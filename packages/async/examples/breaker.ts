import { CircuitBreaker, CircuitOpenError, ManualClock, retry } from '@warren/async'

/** A service that is away for a while is left alone for a while. */
export async function example(print: (line: string) => void): Promise<void> {
  const clock = new ManualClock() // time that the example moves; without a clock it is the system's
  const breaker = new CircuitBreaker({
    window: 4, // of the last four calls
    failureShare: 0.5, // half have failed
    openMs: 1_000, // then nobody calls for a second, after the next failure for two, ...
    maxOpenMs: 60_000,
    isFailure: (error) => !(error instanceof RangeError), // a refusal shows that the service is there
    random: () => 0.999_999, // jitter makes it shorter, by half at most; not here
    clock,
  })
  breaker.onChange((step) => {
    print(`${step.from} -> ${step.to}`)
    if (step.event === 'trip' || step.event === 'relapse')
      print(`  ${String(step.payload.error)}, for ${Math.ceil(step.payload.openMs)} ms`)
  })

  let isUp = false
  let calls = 0
  const ask = () =>
    breaker.run(async () => {
      calls++
      if (!isUp) throw new Error('away')
      return 'here'
    })
  for (let i = 0; i < 5; i++) await ask().catch((error) => error instanceof CircuitOpenError && print(error.message))
  print(`${calls} calls`)

  await clock.advance(1_000)
  await ask().catch(() => {}) // the probe fails

  isUp = true
  const answer = retry(ask, {
    baseMs: 0,
    maxMs: 0,
    retryable: (error) => error instanceof CircuitOpenError,
    retryAfterMs: (error) => error.retryInMs,
    clock,
  })
  await clock.advance(2_000)
  print(await answer)
}

/* Prints:
 * closed -> open
 *   Error: away, for 1000 ms
 * Cannot call: the circuit is open, for another 1000 ms
 * Cannot call: the circuit is open, for another 1000 ms
 * Cannot call: the circuit is open, for another 1000 ms
 * 2 calls
 * open -> half-open
 * half-open -> open
 *   Error: away, for 2000 ms
 * open -> half-open
 * half-open -> closed
 * here
 */
