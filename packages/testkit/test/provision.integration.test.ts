import { provision, TOOLS } from '@warren/testkit'
import { expect, test } from 'vitest'

const NOTHING = { PATH: '/nowhere', HOME: '/nowhere' }

test('provision: a URL of the environment comes first, and is said', async () => {
  const lines: string[] = []
  const env = { ...NOTHING, WARREN_TEST_AMQP_URL: 'amqp://broker.example' }
  expect(await provision('rabbitmq', { env, log: (line) => lines.push(line) })).toEqual({ source: 'url', url: 'amqp://broker.example' })
  expect(lines).toEqual(['rabbitmq: the one of WARREN_TEST_AMQP_URL'])
})

test('provision: every row names its suites, sources and size', () => {
  for (const row of Object.values(TOOLS)) {
    expect(row.suites.length).toBeGreaterThan(0)
    expect(row.sources.length).toBeGreaterThan(0)
    expect(row.downloadBytes).toBeGreaterThan(1_000_000)
  }
})

test('provision: where nothing is found, one line says what was tried and what to do', async () => {
  const failure = await provision('prometheus', { env: NOTHING, log: () => {} }).then(
    () => undefined,
    (error: Error) => error.message,
  )
  if (failure === undefined) return // an installed one was found on this machine
  expect(failure).toMatch(
    /^Cannot provide prometheus \(needed by: .*\): no \/usr\/bin\/prometheus; no apt-get here; install the package prometheus$/,
  )
})
