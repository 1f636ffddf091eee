import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { text } from 'node:stream/consumers'
import * as async from '@warren/async'
import { type Plugin, rolldown } from 'rolldown'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Example, readExamples } from '../../packages/async/test/example-files.ts'
import { runPage } from './browser.ts'
import { type Installed, installPacked, NODE_22, root, run } from './packed.ts'

const all = readExamples()
const functions = all.filter(({ kind }) => kind === 'function')
const anywhere = functions.filter(({ isForNode }) => !isForNode)
const printsOf = (examples: readonly Example[]) => Object.fromEntries(examples.map(({ file, prints }) => [file, prints]))
const compiled = (file: string): string => `${basename(file, '.ts')}.js`

/** A module that runs examples one after the other and gives the lines of each to `report`. */
const runAll = (examples: readonly Example[]): string => `
${examples.map(({ file }, i) => `import { example as e${i} } from './examples/${compiled(file)}'`).join('\n')}
const lines = {}
for (const [file, example] of Object.entries({ ${examples.map(({ file }, i) => `'${file}': e${i}`).join(', ')} })) {
  lines[file] = []
  await example((line) => lines[file].push(line))
}
report(lines)
`

/** Makes a browser one of before explicit resource management: a flag takes all but the two symbols, which cannot be deleted. */
const OLD = {
  flags: ['--js-flags=--no-js-explicit-resource-management'],
  before: `
const Native = Symbol
const { dispose, asyncDispose, ...others } = Object.getOwnPropertyDescriptors(Native)
globalThis.Symbol = Object.defineProperties(function Symbol(name) { return Native(name) }, others)
`,
}
/** What the README tells users of such a browser to put first. */
const POLYFILL = `
Symbol.dispose ??= Symbol.for('Symbol.dispose')
Symbol.asyncDispose ??= Symbol.for('Symbol.asyncDispose')
`
const KNOWN = `report(['dispose' in Symbol, typeof DisposableStack, (() => { try { return !!Function('{ using x = null }') } catch { return false } })()])`

/** What a page that uses Semaphore and nothing else pays for it. */
const SEMAPHORE_BYTES = 3_500

describe(`async, packed and installed alone in an empty project on Node ${NODE_22}`, () => {
  let folder: Installed
  const at = (...path: string[]): string => join(folder.path, ...path)

  beforeAll(async () => {
    folder = await installPacked(NODE_22, 'async')
    await mkdir(at('examples'))
    await Promise.all(all.map(({ path, file }) => copyFile(path, at('examples', file))))
    const compile = async (isForNode: boolean, ...types: string[]) => {
      const options = ['--strict', '--target', 'es2022', '--module', 'nodenext', '--lib', 'es2024,esnext.disposable,dom', ...types]
      const files = all.filter((example) => example.isForNode === isForNode).map(({ file }) => file)
      await run(join(root, 'node_modules/.bin/tsc'), [...options, ...files], { cwd: at('examples') })
    }
    // The declarations are checked with them: they do without Node's types.
    await Promise.all([compile(false, '--types', ''), compile(true, '--types', 'node', '--typeRoots', join(root, 'node_modules/@types'))])
  }, 180_000)
  afterAll(() => folder[Symbol.asyncDispose]())

  /** A module bundled for a browser: its code, and the files of ours in it. To read a global counts as no effect. */
  const bundle = async (module: string, { minify = false, plugins = [] }: { minify?: boolean; plugins?: Plugin[] } = {}) => {
    const input = at(`bundle-${crypto.randomUUID()}.js`)
    await writeFile(input, module)
    const build = await rolldown({ input, plugins, platform: 'browser', treeshake: { propertyReadSideEffects: false } })
    const [{ code, modules }] = (await build.generate({ format: 'esm', minify, comments: false })).output
    await build.close()
    const files = Object.entries(modules).filter(([id, { code }]) => id.includes('/@warren/async/') && code)
    return { code, files: files.map(([id]) => basename(id)) }
  }

  test('the tarball holds JavaScript, declarations and no dependency', async () => {
    const installed = at('node_modules/@warren/async')
    const files = await readdir(installed, { recursive: true, withFileTypes: true })
    const kinds = files.filter((file) => file.isFile()).map(({ name }) => /(\.d\.ts|\.[^.]+)?$/.exec(name)?.[0])
    expect(new Set(kinds)).toEqual(new Set(['.js', '.d.ts', '.json', '.md', '']))
    const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))
    expect(manifest).toMatchObject({ engines: { node: '>=22' }, sideEffects: false, dependencies: {} })
    expect(await readdir(at('node_modules/@warren'))).toEqual(['async'])
  })

  test('it exports what the sources do, and the examples print their lines', async () => {
    await writeFile(at('all.js'), `const report = (value) => console.log(JSON.stringify(value))\n${runAll(functions)}`)
    await writeFile(
      at('exports.js'),
      `import * as async from '@warren/async'\nconsole.log(JSON.stringify([process.version, Object.keys(async).sort()]))`,
    )
    const [exported, lines] = await Promise.all(['exports.js', 'all.js'].map((file) => run('node', [file], { cwd: at(), env: folder.env })))
    expect(JSON.parse(exported?.stdout ?? '')).toEqual([`v${NODE_22}`, Object.keys(async).sort()])
    expect(JSON.parse(lines?.stdout ?? '')).toEqual(printsOf(functions))
  })

  test('the program among the examples ends by itself', async () => {
    const child = spawn('node', [compiled('first-of.node.ts')], { cwd: at('examples'), env: folder.env, timeout: 20_000 })
    child.stdin.write('hello\n')
    const [said, exit] = await Promise.all([text(child.stdout), once(child, 'close')])
    expect(said.split('\n').slice(1)).toEqual(['You said: hello', ''])
    expect(exit).toEqual([0, null])
  })

  test('bundled for a browser, the examples print their lines', async () => {
    const { code } = await bundle(runAll(anywhere))
    const [known, lines] = await Promise.all([runPage(KNOWN), runPage(code)])
    expect(known).toEqual([true, 'function', true])
    expect(lines).toEqual(printsOf(anywhere))
  })

  test('a browser without explicit resource management needs two lines before it', async () => {
    const { code } = await bundle(runAll(anywhere))
    const [known, lines] = await Promise.all([runPage(KNOWN, OLD), runPage(code, { ...OLD, before: `${OLD.before}${POLYFILL}` })])
    expect(known).toEqual([false, 'undefined', false])
    expect(lines).toEqual(printsOf(anywhere))
  })

  test('it does without DisposableStack, which the two lines do not bring', async () => {
    expect((await bundle(`export * from '@warren/async'`)).code).not.toContain('DisposableStack')
  })

  // A call at the top that has no effect is marked `/* @__PURE__ */`.
  test('its modules do nothing when they are imported, as package.json promises', async () => {
    const load = async (id: string) => ({ code: await readFile(id, 'utf8'), moduleSideEffects: true }) // who does not take the word for it
    expect((await bundle(`import '@warren/async'`, { plugins: [{ name: 'distrust', load }] })).code).toBe('')
  })

  test('a bundle holds what is imported and no more', async () => {
    const { code, files } = await bundle(`import { Semaphore } from '@warren/async'\nexport { Semaphore }`, { minify: true })
    const own = ['abort.js', 'check.js', 'semaphore.js', 'wait-queue.js']
    expect(files.filter((file) => !own.includes(file))).toEqual([])
    expect(code.length).toBeLessThan(SEMAPHORE_BYTES)
  })
})
