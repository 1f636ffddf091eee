import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const here = import.meta.dirname

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string }>>
}

const read = (file: string): Lock => JSON.parse(readFileSync(join(here, file), 'utf8')) as Lock

/** npm writes its own list of what it installed last, so this tells a whole tree from a torn one. */
function isInstalled(): boolean {
  const written = 'node_modules/.package-lock.json'
  if (!existsSync(join(here, written))) return false
  const there = read(written).packages
  return Object.entries(read('package-lock.json').packages).every(([path, { version }]) => path === '' || there[path]?.version === version)
}

/** Installs the libraries of package.json beside it, on first use and when the lock file has changed. Errors: Error with npm's last lines. */
export async function installPeers(): Promise<void> {
  if (isInstalled()) return
  console.error('Installing the libraries to compare with (20 MB to download) into bench/async/node_modules')
  const npm = process.env['npm_execpath']
  const isScript = npm !== undefined && /npm-cli\.[cm]?js$/.test(npm)
  const command = isScript ? (process.env['npm_node_execpath'] ?? process.execPath) : 'npm'
  const args = [...(isScript ? [npm] : []), 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--no-engine-strict', '--loglevel=error']
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_config_(?!cache|registry|userconfig)/.test(name)))
  const child = spawn(command, args, {
    cwd: here,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: !isScript && process.platform === 'win32',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output = `${output}${chunk}`.slice(-2_000)))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`Cannot install the libraries to compare with: npm ci ended with ${code}\n${output}`)
}

/** The exact versions that are compared, by name. */
export function peerVersions(): Record<string, string> {
  const { dependencies } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8')) as { dependencies: Record<string, string> }
  return dependencies
}
