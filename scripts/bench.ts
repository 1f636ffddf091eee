/** `npm run bench [-- NAME ARGS...]`: runs bench/NAME.ts, crawl by default. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const [first = 'crawl', ...rest] = process.argv.slice(2)
const isNamed = existsSync(join(root, 'bench', `${first}.ts`))
const [name, args] = isNamed ? [first, rest] : ['crawl', process.argv.slice(2)]
const { status } = spawnSync(process.execPath, [join(root, 'bench', `${name}.ts`), ...args], { cwd: root, stdio: 'inherit' })
process.exitCode = status ?? 1
