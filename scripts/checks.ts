import { spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'

export const root: string = join(import.meta.dirname, '..')

/** Nothing is reported to anybody, and nothing but this process tree is used: no remote cache. */
const quietEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env['PATH'] ?? ''}`,
  TURBO_TELEMETRY_DISABLED: '1',
  DO_NOT_TRACK: '1',
  TURBO_NO_UPDATE_NOTIFIER: '1',
  npm_config_loglevel: 'silent', // a failed task says what failed; npm has nothing to add
}

/** Runs a tool of node_modules/.bin or of the PATH with our streams; resolves to its exit code, 1 if a signal ended it. */
export function run(tool: string, args: readonly string[]): Promise<number> {
  const child = spawn(tool, args, { cwd: root, stdio: 'inherit', env: quietEnvironment })
  const pass = () => child.kill('SIGTERM') // a Ctrl-C comes to the child from the terminal
  process.on('SIGTERM', pass)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => {
      process.removeListener('SIGTERM', pass)
      resolve(code ?? 1)
    })
  })
}

/** Runs tasks of turbo.json over all packages that have them; unchanged ones come from the cache. Resolves to the exit code. */
export function turbo(...tasks: string[]): Promise<number> {
  return run('turbo', [
    'run',
    ...tasks,
    '--output-logs=errors-only',
    '--log-order=grouped',
    '--continue=dependencies-successful',
    '--concurrency=100%',
  ])
}
