import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '@warren/service'
import { afterAll, beforeAll, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'

const schema = z.object({
  AMQP_URL: z.url({ protocol: /^amqps?$/ }),
  CONCURRENCY: z.coerce.number().int().min(1).max(10_000).default(64),
  RATIO: z.coerce.number().positive().default(2),
  LEVEL: z.enum(['debug', 'info']).default('info'),
  API_TOKEN: z.string().min(20).optional(),
  QUIET: z.stringbool().default(false),
  RESOLVE: z.record(z.string(), z.ipv4()).default({}),
})
const good = { AMQP_URL: 'amqp://localhost' }

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'warren-config-'))
})
afterAll(() => rm(folder, { recursive: true }))

const write = async (content: unknown): Promise<string> => {
  const file = join(folder, 'config.json')
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}
const problemsOf = (sources: Parameters<typeof loadConfig>[1]): string => {
  try {
    loadConfig(schema, sources)
  } catch (error) {
    expect(error).toMatchObject({ name: 'CrawlError', code: 'ERR_CONFIG_INVALID', disposition: 'shutdown' })
    return error instanceof Error ? error.message : ''
  }
  return 'none'
}

test('values are typed and coerced, defaults fill in, foreign variables are ignored, blank ones are not set', () => {
  const config = loadConfig(schema, { env: { ...good, CONCURRENCY: '8', QUIET: 'yes', RATIO: ' ', LEVEL: '', HOME: '/root' } })
  expectTypeOf(config.CONCURRENCY).toEqualTypeOf<number>()
  expect(config).toEqual({ ...good, CONCURRENCY: 8, RATIO: 2, LEVEL: 'info', QUIET: true, RESOLVE: {} })
})

test('every problem is in one line: name, value, origin, bounds, default', () => {
  const message = problemsOf({ env: { AMQP_URL: 'http://localhost', CONCURRENCY: '0', RATIO: 'many', LEVEL: 'loud', QUIET: 'perhaps' } })
  expect(message).toBe(
    'Cannot use the configuration: AMQP_URL="http://localhost" (from the environment) must be a URL with a scheme that matches ^amqps?$; ' +
      'CONCURRENCY="0" (from the environment) must be an integer >= 1 and <= 10000 (default 64); ' +
      'RATIO="many" (from the environment) must be a number > 0 (default 2); ' +
      'LEVEL="loud" (from the environment) must be one of debug, info (default "info"); ' +
      'QUIET="perhaps" (from the environment) must be true or false (default false)',
  )
})

test('a missing one is named with what it must be', () => {
  expect(problemsOf({ env: {} })).toBe('Cannot use the configuration: AMQP_URL is missing, it must be a URL')
})

test('secrets are masked by name and inside URLs', () => {
  const message = problemsOf({ env: { AMQP_URL: 'http://user:hunter2@localhost', API_TOKEN: 'hunter2' } })
  expect(message).not.toContain('hunter2')
  expect(message).toContain('API_TOKEN=*** (from the environment) must be a text of 20 characters or more')
  expect(message).toContain('AMQP_URL="http://***@localhost"')
})

test('a file gives values, the environment wins, an unknown key is refused with a suggestion', async () => {
  const file = await write({ ...good, CONCURRENCY: 5, LEVEL: 'debug', RESOLVE: { 'a.example': '127.0.0.1' } })
  expect(loadConfig(schema, { env: { LEVEL: 'info' }, file })).toMatchObject({
    CONCURRENCY: 5,
    LEVEL: 'info',
    RESOLVE: { 'a.example': '127.0.0.1' },
  })
  const bad = await write({ ...good, concurrency: 5, RESOLVE: { 'a.example': 'nowhere' } })
  expect(problemsOf({ env: {}, file: bad })).toBe(
    `Cannot use the configuration: concurrency in ${bad} is unknown (CONCURRENCY is meant?); ` +
      `RESOLVE.a.example="nowhere" (from ${bad}): Invalid IPv4 address`,
  )
})

test('a file that cannot be used is named, its content is not shown', async () => {
  expect(problemsOf({ env: good, file: join(folder, 'absent.json') })).toMatch(/Cannot read the configuration file .*absent\.json: ENOENT/)
  const broken = problemsOf({ env: good, file: await write('{"API_TOKEN": hunter2}') })
  expect(broken).toContain('it is no JSON;')
  expect(broken).not.toContain('hunter2')
  for (const content of ['[1]', 'null', '"text"'])
    expect(problemsOf({ env: good, file: await write(content) })).toContain('it is no JSON object')
  expect(problemsOf({ env: good, file: await write('') })).toContain('it is no JSON')
})
