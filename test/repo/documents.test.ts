import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { crawlLife } from '@warren/frontier'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const documents = ['.', 'docs', 'docs/adr', 'examples', ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}`)].flatMap(
  (folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
)

/** The anchor that Markdown makes of a heading. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')

test.each(documents)('%s: its links lead to files and headings that are here', (document) => {
  const text = read(document).replace(/```[\s\S]*?```/g, '')
  for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^(https?|mailto):/.test(target)) continue
    const [path = '', fragment] = target.split('#')
    const file = path === '' ? join(root, document) : join(root, dirname(document), path)
    expect(file.startsWith(root), `${target} is outside of the repository`).toBe(true)
    expect(existsSync(file), target).toBe(true)
    if (fragment === undefined) continue
    const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchor(heading))
    expect(headings, target).toContain(fragment)
  }
})

test('every package has a README that is short', () => {
  for (const name of readdirSync(join(root, 'packages'))) {
    const lines = read(`packages/${name}/README.md`).split('\n').length
    expect(lines, name).toBeGreaterThan(8)
    expect(lines, name).toBeLessThan(120)
  }
})

describe('docs/architecture.md', () => {
  const text = read('docs/architecture.md')

  test('its picture of the packages has each of them', () => {
    for (const name of readdirSync(join(root, 'packages'))) expect(text).toMatch(new RegExp(`^(L\\d)? +.*\\b${name}\\b`, 'm'))
  })

  test("its picture of a crawl's life has only steps that are in the code, and all that an operator or a budget makes", () => {
    const picture = [...text.matchAll(/^ {2}(\w+) --> (\w+)(?:: (.*))?$/gm)].filter(([, from = '']) => from in crawlLife)
    expect(picture.length).toBeGreaterThan(8)
    for (const [, from = '', to] of picture) expect(Object.values(crawlLife[from as keyof typeof crawlLife])).toContain(to)
  })
})

test('CONTRIBUTING fits one screen, and its commands are those of package.json', () => {
  const text = read('CONTRIBUTING.md')
  expect(text.split('\n').length).toBeLessThan(45)
  const { scripts } = JSON.parse(read('package.json'))
  for (const [, name = ''] of text.matchAll(/^npm (?:run )?(\S+)/gm)) expect(scripts).toHaveProperty([name])
})

test('.ci/run runs the test command of the README, and nothing else', () => {
  const commands = read('.ci/run')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  expect(commands).toEqual(['set -eu', 'cd "$(dirname "$0")/.."', 'npm test'])
  expect(read('README.md')).toMatch(/^(\$ )?npm test$/m)
})

test('CHANGELOG has a section for what is not released', () => {
  expect(read('CHANGELOG.md')).toMatch(/^## \[Unreleased\]\n\n### \w+\n\n- /m)
})

test('examples/broken-links.ts reads the result of a crawl', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'warren-example-'))
  const pages = [
    { url: 'http://h/', status: 200, referrer: null },
    { url: 'http://h/gone', status: 410, referrer: 'http://h/' },
  ]
  await writeFile(join(folder.path, 'pages.jsonl'), pages.map((page) => `${JSON.stringify(page)}\n`).join(''))
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'examples/broken-links.ts'), folder.path])
  expect(stdout).toBe('410 http://h/gone\n    linked from http://h/\n1 broken links\n')
})
