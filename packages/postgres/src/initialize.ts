import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chown, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onAbort } from '@warren/async'
import { CrawlError } from '@warren/protocol'
import { spawnAs } from './account.ts'
import type { Binaries } from './binaries.ts'
import { type Cluster, emptyData } from './cluster.ts'
import { errnoOf, folderFault, serviceFault } from './fault.ts'
import { writeWhole } from './files.ts'

/** The only role: a superuser of its own cluster. */
export const ROLE = 'warren'
const MARKER = 'initialized.json'

export interface InitializeOptions {
  /** False: nothing needs to survive a power cut. */
  readonly durable: boolean
  readonly signal: AbortSignal | undefined
}

/**
 * Makes sure that the cluster is whole, and returns its password. The marker is written last, after initdb has synced its files:
 * data without it came from an interrupted initdb and is made anew. **Cost**: 0.5 s the first time.
 */
export async function initialize(cluster: Cluster, binaries: Binaries, options: InitializeOptions): Promise<string> {
  try {
    const major = await markedMajor(cluster)
    if (major === undefined) return await initdb(cluster, binaries, options)
    if (major === binaries.major) return (await readFile(join(cluster.home, 'password'), 'utf8')).trim()
    throw new CrawlError(
      'ERR_SERVICE_START',
      `Cannot open the database in ${cluster.home}: Postgres ${major} made it and this is ${binaries.major}; finish it with the older release, or choose another folder`,
    )
  } catch (error) {
    throw folderFault(cluster.home, error)
  }
}

async function markedMajor({ home }: Cluster): Promise<string | undefined> {
  try {
    const marker = JSON.parse(await readFile(join(home, MARKER), 'utf8')) as { postgres: string }
    return marker.postgres
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function initdb(cluster: Cluster, binaries: Binaries, { durable, signal }: InitializeOptions): Promise<string> {
  const { home, data, account } = cluster
  await emptyData(cluster)
  const password = randomBytes(24).toString('base64url')
  const passwordFile = join(home, 'password')
  await writeWhole(passwordFile, `${password}\n`, { mode: 0o600, durable })
  await chown(passwordFile, account.uid, account.gid) // initdb reads it
  const args = ['-D', data, '-U', ROLE, `--pwfile=${passwordFile}`, '-A', 'scram-sha-256', '-E', 'UTF8', '--locale=C', '--no-instructions']
  if (!durable) args.push('--no-sync')
  const { code, said } = await run(binaries.initdb, args, cluster, signal)
  if (code !== 0) throw serviceFault('create a database', home, said)
  await writeWhole(join(home, MARKER), `${JSON.stringify({ version: 1, postgres: binaries.major })}\n`, { durable })
  return password
}

async function run(
  program: string,
  args: string[],
  cluster: Cluster,
  signal: AbortSignal | undefined,
): Promise<{ code: number | null; said: string }> {
  // its own session: a Ctrl-C for our group is ours to handle
  const child = spawn(program, args, { ...spawnAs(cluster.account), stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-8_192)))
  using _stop = onAbort(signal, () => child.kill('SIGTERM')) // initdb then removes what it made
  try {
    const [code] = await once(child, 'close')
    signal?.throwIfAborted()
    return { code, said }
  } catch (cause) {
    throw signal?.aborted ? signal.reason : serviceFault(`run ${program}`, cluster.home, said, cause)
  }
}
