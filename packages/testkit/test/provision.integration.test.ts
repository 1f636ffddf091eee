import { provision, TOOLS, type ToolName } from '@warren/testkit'
import { expect, test } from 'vitest'

const NOTHING = { PATH: '/nowhere', HOME: '/nowhere' }

test('provision: a URL of the environment comes first, and is said', async () => {
  const lines: string[] = []
  const env = { ...NOTHING, WARREN_TEST_AMQP_URL: 'amqp://broker.example' }
  expect(await provision('rabbitmq', { env, log: (line) => lines.push(line) })).toEqual({ source: 'url', url: 'amqp://broker.example' })
  expect(lines).toEqual(['rabbitmq: the one of WARREN_TEST_AMQP_URL'])
})

test('provision: a program of the environment comes first, and is said', async () => {
  const lines: string[] = []
  const env = { ...NOTHING, WARREN_TEST_CHROMIUM: '/opt/browser' }
  expect(await provision('chromium', { env, log: (line) => lines.push(line) })).toEqual({ source: 'program', program: '/opt/browser' })
  expect(lines).toEqual(['chromium: the one of WARREN_TEST_CHROMIUM'])
})

test('provision: every row names its suites, sources and size', () => {
  for (const row of Object.values(TOOLS)) {
    expect(row.suites.length).toBeGreaterThan(0)
    expect(row.sources.length).toBeGreaterThan(0)
    expect(row.downloadBytes).toBeGreaterThan(1_000_000)
  }
})

test.each<[ToolName, RegExp]>([
  [
    'prometheus',
    /^Cannot provide prometheus \(needed by: .*\): no \/usr\/bin\/prometheus; no apt-get here; install the package prometheus$/,
  ],
  [
    'chromium',
    /^Cannot provide chromium \(needed by: .*\): no \S+; no apt-get here; set WARREN_TEST_CHROMIUM to the path of one, or install the package chromium-headless-shell$/,
  ],
])('provision: where no %s is found, one line says what was tried and what to do', async (tool, line) => {
  const failure = await provision(tool, { env: NOTHING, log: () => {} }).then(
    () => undefined,
    (error: Error) => error.message,
  )
  if (failure === undefined) return // an installed one was found on this machine
  expect(failure).toMatch(line)
})
