import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Allowed, checkConcurrency } from '../../scripts/check-concurrency.ts'
import { checkLayers, importsOf } from '../../scripts/check-layers.ts'
import { checkLock } from '../../scripts/check-lock.ts'
import { countTests } from '../../scripts/test.ts'

/** What `check` says of a folder with these files. */
async function inFolder<T>(files: Readonly<Record<string, object | string>>, check: (path: string) => T): Promise<T> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'warren-layers-'))
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder.path, path)), { recursive: true })
    await writeFile(join(folder.path, path), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return check(folder.path)
}
const layersOf = (files: Readonly<Record<string, object | string>>) => inFolder(files, checkLayers)
const manifest = (name: string, more: object = {}) => ({ name: `@warren/${name}`, version: '0.1.0', ...more })
const on = (...names: string[]) => ({ dependencies: Object.fromEntries(names.map((name) => [`@warren/${name}`, '0.1.0'])) })

describe('the layers', () => {
  test('lower layers may be imported', async () => {
    expect(
      await layersOf({
        'async/package.json': manifest('async'),
        'broker/package.json': manifest('broker', on('async')),
        'broker/src/index.ts': `import { sleep } from '@warren/async'\nexport { a } from './a.ts'\nimport 'node:net'`,
        'broker/src/a.ts': `export const a = 1 // import 'pg'`,
      }),
    ).toEqual([])
  })

  test.each<[string, Record<string, object | string>, string]>([
    [
      'upwards',
      {
        'async/package.json': manifest('async'),
        'web/package.json': manifest('web', on('broker')),
        'broker/package.json': manifest('broker'),
      },
      'web: package.json depends on broker, which is not below it',
    ],
    [
      'sideways',
      { 'broker/package.json': manifest('broker', on('service')), 'service/package.json': manifest('service') },
      'broker: package.json depends on service, which is not below it',
    ],
    [
      'upwards in a source',
      { 'web/package.json': manifest('web'), 'web/src/a.ts': `import type { B } from '@warren/broker'` },
      'web: src/a.ts imports @warren/broker: not a lower layer',
    ],
    [
      'what its secret excludes',
      { 'parser/package.json': manifest('parser', { dependencies: { undici: '8.0.0' } }) },
      'parser: package.json depends on undici, which is not its business',
    ],
    [
      'I/O in a pure package',
      { 'web/package.json': manifest('web'), 'web/src/a.ts': `import { readFile } from 'node:fs/promises'` },
      'web: src/a.ts imports node:fs/promises: not its business',
    ],
    [
      'Node in async',
      { 'async/package.json': manifest('async'), 'async/src/a.ts': `import test from 'node:test'` },
      'async: src/a.ts imports node:test: not its business',
    ],
    [
      'a dynamic import',
      { 'web/package.json': manifest('web'), 'web/src/a.ts': `const a = await import('node:fs')` },
      'web: src/a.ts imports node:fs: not its business',
    ],
    [
      'something undeclared',
      { 'web/package.json': manifest('web'), 'web/src/a.ts': `export { a } from 'left-pad/a.js'` },
      'web: src/a.ts imports left-pad/a.js: not declared in package.json',
    ],
    [
      'a second entry point',
      { 'web/package.json': manifest('web'), 'web/src/a.ts': `import '@warren/async/src/x.ts'` },
      'web: src/a.ts imports @warren/async/src/x.ts: packages have one entry point',
    ],
    [
      'out of the package',
      { 'web/package.json': manifest('web'), 'web/test/a.ts': `import '../../async/src/x.ts'` },
      'web: test/a.ts imports ../../async/src/x.ts: outside of its package',
    ],
    [
      'its tests from its sources',
      { 'web/package.json': manifest('web'), 'web/src/a.ts': `import '../test/x.ts'` },
      'web: src/a.ts imports ../test/x.ts: outside of its sources',
    ],
    [
      'any dependency in async',
      { 'async/package.json': manifest('async', { dependencies: { zod: '4.0.0' } }) },
      'async: it has dependencies, and must have none',
    ],
    [
      'a range of versions',
      { 'web/package.json': manifest('web', { dependencies: { tldts: '^7.0.0' } }) },
      'web: tldts is not at an exact version: ^7.0.0',
    ],
    ['a package without a layer', { 'extra/package.json': manifest('extra') }, 'extra: it has no layer in the table'],
  ])('%s is refused', async (_what, files, problem) => {
    expect(await layersOf(files)).toContain(problem)
  })

  test('tests that need what needs the package are a cycle', async () => {
    const problems = await layersOf({
      'async/package.json': manifest('async', { devDependencies: { '@warren/testkit': '0.1.0' } }),
      'testkit/package.json': manifest('testkit', on('async')),
    })
    expect(problems).toEqual(['async: a cycle of dependencies: async -> testkit -> async'])
  })

  test('imports are found in every form, and not in comments', () => {
    const source = `import a from 'a'\nimport {\n  b,\n} from "b"\nexport * from 'c'\nimport 'd'\nawait import('e')\nimport type { F } from 'f'\n// import 'g'\n/* import 'h' */`
    expect(importsOf(source)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  })
})

describe('concurrency', () => {
  const of = (source: string, allowed: readonly Allowed[] = []) =>
    inFolder({ 'web/src/a.ts': source }, (path) => checkConcurrency(path, allowed))

  test.each([
    ['Promise.race', 'await Promise.race([a, b])'],
    ['Promise.any', 'await Promise.any(all)'],
    ['Promise.all', 'await Promise.all([a, b])'],
    ['Promise.allSettled', 'await Promise.allSettled([a, b])'],
    ['Promise.withResolvers', 'const { promise } = Promise.withResolvers<void>()'],
    ['new Promise', 'await new Promise<void>((resolve) => resolve())'],
    ['AbortSignal.any', 'AbortSignal.any([a, b])'],
    ['AbortSignal.timeout', 'AbortSignal.timeout(5)'],
    ["addEventListener('abort'", "signal.addEventListener(\n  'abort', stop)"],
    ['setTimeout', 'const timer = setTimeout(stop, 5)'],
    ['setTimeout', 'globalThis.setTimeout(stop, 5)'],
    ['setInterval', 'setInterval(look, 5)'],
    ['setImmediate', 'setImmediate(next)'],
    ['node:timers', "import * as timers from 'node:timers/promises'"],
    ['node:timers', "import { clearTimeout } from 'timers'"],
  ])('%s by hand is refused: %s', async (pattern, source) => {
    expect(await of(source)).toEqual([
      `web/src/a.ts: ${pattern} is made by hand; use packages/async, or give a reason in scripts/check-concurrency.ts`,
    ])
    expect(await of(source, [{ file: 'web/src/a.ts', pattern, reason: 'x' }])).toEqual([])
  })

  test('types, methods of the same name and comments are none; async and testkit make it by hand', async () => {
    expect(
      await of(
        "let timer: ReturnType<typeof setTimeout>\nsocket.setTimeout(5) // setTimeout(stop)\n/** As Promise.all. */\non.addEventListener('close', stop)",
      ),
    ).toEqual([])
    const byHand = {
      'async/src/a.ts': 'setTimeout(ring, 5)',
      'testkit/src/web/a.ts': 'new Promise(run)',
      'web/test/a.ts': 'Promise.all([])',
    }
    expect(await inFolder(byHand, (path) => checkConcurrency(path, []))).toEqual([])
  })

  test('an exception holds for so many uses: neither for one more, nor when they are gone', async () => {
    const allowed = (uses: number) => [{ file: 'web/src/a.ts', pattern: 'setTimeout', uses, reason: 'x' }]
    const source = 'setTimeout(a, 1)\nsetTimeout(b, 2)'
    expect(await of(source, allowed(2))).toEqual([])
    expect(await of(source, allowed(1))).toEqual(['web/src/a.ts: setTimeout is used 2 times, and allowed 1; use packages/async'])
    expect(await of(source, allowed(3))).toEqual([
      'web/src/a.ts: setTimeout is allowed 3 times, and used 2; shorten the list of scripts/check-concurrency.ts',
    ])
    expect(await of('', allowed(1))).toHaveLength(1)
  })
})

describe('the lock file', () => {
  const sound = { version: '1.0.0', integrity: 'sha512-x' }
  const check = (entry: object) => checkLock({ lockfileVersion: 3, packages: { '': {}, 'packages/a': {}, 'node_modules/a': entry } })
  test('a checksum, and no address', () => {
    expect(check(sound)).toEqual([])
    expect(check({ link: true, resolved: 'packages/a' })).toEqual([])
    expect(check({ version: '1.0.0' })).toEqual(['node_modules/a has no integrity'])
    expect(check({ ...sound, resolved: 'https://r.example/a.tgz' })).toEqual([
      'node_modules/a has a download address: https://r.example/a.tgz',
    ])
    expect(check({ integrity: 'x' })).toEqual(['node_modules/a has no version'])
  })
  test('only a development tool for another platform may lack the checksum', () => {
    expect(check({ version: '1.0.0', dev: true, optional: true, os: ['plan9'] })).toEqual([])
    expect(check({ version: '1.0.0', optional: true, os: ['plan9'] })).toEqual(['node_modules/a has no integrity'])
  })
})

describe('counting tests', () => {
  const file = (status: string, ...statuses: string[]) => ({
    name: 'f',
    status,
    assertionResults: statuses.map((status) => ({ fullName: 't', status })),
  })
  test('a skipped test has failed, a file that cannot be loaded is one failed test, and a failure in no test counts', () => {
    expect(countTests({ success: true, testResults: [file('passed', 'passed', 'passed')] }, 0)).toEqual({ passed: 2, failed: 0 })
    expect(countTests({ success: true, testResults: [file('passed', 'passed', 'pending')] }, 0)).toEqual({ passed: 1, failed: 1 })
    expect(countTests({ success: false, testResults: [file('failed'), file('passed', 'passed')] }, 1)).toEqual({ passed: 1, failed: 1 })
    expect(countTests({ success: false, testResults: [file('passed', 'passed')] }, 1)).toEqual({ passed: 1, failed: 1 })
  })
})
