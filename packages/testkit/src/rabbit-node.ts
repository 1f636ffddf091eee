import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePorts } from './ports.ts'
import { management, type RabbitMq } from './rabbit.ts'
import { libraryPath } from './tools.ts'

const START_MS = 60_000
const MAX_STARTS = 3
const USER = 'warren'

/** Busy waiting takes whole cores of a small machine; the distribution listens on loopback only. */
const ERL_ARGS = '+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}'

/**
 * Reads the ids of process groups from a pipe that only our process holds: when it ends, for whatever reason, they are killed and the
 * folder, its argument, removed.
 */
const GUARD = `
trap '' HUP INT QUIT TERM
groups=
while read -r word; do
  [ "$word" = done ] && exit 0
  groups="$groups $word"
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
sleep 0.5
rm -rf "$1"
`

/** A broker made of processes of our own: epmd and the Erlang machine, each in its own process group. */
class RabbitNode implements RabbitMq {
  readonly #folder: string
  readonly #root: string
  readonly #ports: Ports
  readonly #password: string
  readonly #guard: ChildProcess
  #epmd: ChildProcess | undefined
  #beam: ChildProcess | undefined

  constructor(folder: string, root: string, ports: Ports) {
    this.#folder = folder
    this.#root = root
    this.#ports = ports
    this.#password = randomBytes(12).toString('hex')
    this.#guard = spawn('/bin/sh', ['-c', GUARD, 'testkit-rabbit-guard', folder], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      cwd: '/',
    })
    this.#guard.stdin?.on('error', () => {})
    this.#guard.unref()
  }

  get url(): string {
    return `amqp://${USER}:${this.#password}@127.0.0.1:${this.#ports.amqp}`
  }

  get managementUrl(): string {
    return `http://${USER}:${this.#password}@127.0.0.1:${this.#ports.management}`
  }

  async start(): Promise<void> {
    await this.#writeFiles()
    this.#epmd = await this.#spawn(join(this.#root, 'usr/bin/epmd'), ['-port', String(this.#ports.epmd), '-address', '127.0.0.1'])
    await this.#startBeam()
  }

  async kill(): Promise<void> {
    await killGroup(this.#beam)
    this.#beam = undefined
  }

  async restart(): Promise<void> {
    await this.kill()
    if (!isRunning(this.#epmd)) throw new Error('Cannot restart RabbitMQ: its epmd is gone')
    await this.#startBeam()
  }

  async ctl(args: readonly string[]): Promise<string> {
    const program = join(this.#root, 'usr/lib/rabbitmq/bin/rabbitmqctl')
    const { stdout } = await promisify(execFile)(program, ['-q', '-n', this.#nodeName(), ...args], {
      env: this.#environment(),
      cwd: this.#folder,
    })
    return stdout
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill() // nothing of it is kept: no need to ask
    await killGroup(this.#epmd)
    const gone = isRunning(this.#guard) ? once(this.#guard, 'exit') : undefined
    this.#guard.ref()
    this.#guard.stdin?.end('done\n')
    await gone
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async #startBeam(): Promise<void> {
    const beam = await this.#spawn(join(this.#root, 'usr/lib/rabbitmq/bin/rabbitmq-server'), [])
    this.#beam = beam
    const end = performance.now() + START_MS
    while (!(await this.#answers())) {
      if (!isRunning(beam)) throw new Error(`Cannot start RabbitMQ: it ended\n${await this.#lastWords()}`)
      if (performance.now() > end) throw new Error(`Cannot start RabbitMQ: silent for ${START_MS / 1_000} s\n${await this.#lastWords()}`)
      await delay(50)
    }
  }

  async #answers(): Promise<boolean> {
    if (!(await speaksAmqp(this.#ports.amqp))) return false
    return management(this.managementUrl, 'GET', 'whoami').then(
      () => true,
      () => false,
    )
  }

  async #spawn(program: string, args: string[]): Promise<ChildProcess> {
    const child = spawn(program, args, { env: this.#environment(), cwd: this.#folder, stdio: ['ignore', 'ignore', 'pipe'], detached: true })
    child.stderr?.resume()
    await once(child, 'spawn')
    this.#guard.stdin?.write(`${child.pid}\n`)
    child.unref()
    return child
  }

  #nodeName = (): string => `warren-${this.#ports.amqp}@localhost`

  #environment(): NodeJS.ProcessEnv {
    const { amqp, dist, epmd } = this.#ports
    const at = (name: string): string => join(this.#folder, name)
    return {
      PATH: [join(this.#root, 'usr/lib/erlang/bin'), '/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'].join(delimiter),
      ...libraryPath(this.#root),
      HOME: this.#folder,
      LC_ALL: 'C.UTF-8',
      ERL_EPMD_PORT: String(epmd),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_CRASH_DUMP_BYTES: '0',
      RABBITMQ_NODENAME: this.#nodeName(),
      RABBITMQ_NODE_PORT: String(amqp),
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_DIST_PORT: String(dist),
      RABBITMQ_MNESIA_BASE: at('data'),
      RABBITMQ_LOG_BASE: at('log'),
      RABBITMQ_CONFIG_FILE: at('rabbitmq.conf'),
      RABBITMQ_ADVANCED_CONFIG_FILE: at('advanced.config'),
      RABBITMQ_CONF_ENV_FILE: at('rabbitmq-env.conf'),
      RABBITMQ_ENABLED_PLUGINS_FILE: at('enabled_plugins'),
      RABBITMQ_GENERATED_CONFIG_DIR: at('config'),
      RABBITMQ_PID_FILE: at('pid'),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: ERL_ARGS,
      RABBITMQ_CTL_ERL_ARGS: '+sbwt none',
    }
  }

  async #writeFiles(): Promise<void> {
    const at = (name: string): string => join(this.#folder, name)
    const config = [
      'loopback_users = none',
      `default_user = ${USER}`,
      `default_pass = ${this.#password}`,
      'management.tcp.ip = 127.0.0.1',
      `management.tcp.port = ${this.#ports.management}`,
      'management_agent.disable_metrics_collector = true',
      'log.file.level = warning',
      'log.console = false',
    ]
    await Promise.all(['data', 'log', 'config'].map((name) => mkdir(at(name))))
    await writeFile(at('.erlang.cookie'), randomBytes(16).toString('hex'), { mode: 0o400 })
    await writeFile(at('rabbitmq.conf'), `${config.join('\n')}\n`)
    await writeFile(at('rabbitmq-env.conf'), '')
    await writeFile(at('enabled_plugins'), '[rabbitmq_management].\n')
  }

  async #lastWords(): Promise<string> {
    const files = await readdir(join(this.#folder, 'log'))
    const texts = await Promise.all(files.map((file) => readFile(join(this.#folder, 'log', file), 'utf8')))
    return texts.join('\n').trim().split('\n').slice(-12).join('\n')
  }
}

interface Ports {
  readonly amqp: number
  readonly management: number
  readonly dist: number
  readonly epmd: number
}

/** Starts a broker from the programs under `root` (`/` or an unpacked tree). Tries other ports when somebody took one meanwhile. */
export async function startRabbitNode(root: string): Promise<RabbitMq> {
  for (let start = 1; ; start++) {
    const [amqp = 0, managementPort = 0, dist = 0, epmd = 0] = await freePorts(4)
    const folder = await mkdtemp(join(tmpdir(), 'warren-rabbit-'))
    const node = new RabbitNode(folder, root, { amqp, management: managementPort, dist, epmd })
    try {
      await node.start()
      return node
    } catch (error) {
      await node[Symbol.asyncDispose]()
      if (start === MAX_STARTS || !/eaddrinuse|already_(started|in_use)|port.*in use/i.test(String(error))) throw error
    }
  }
}

const isRunning = (child: ChildProcess | undefined): child is ChildProcess =>
  child?.pid !== undefined && child.exitCode === null && child.signalCode === null

/** Kills a whole process group, and waits until no member of it runs. */
async function killGroup(child: ChildProcess | undefined): Promise<void> {
  if (child?.pid === undefined) return
  const gone = isRunning(child) ? once(child, 'exit') : undefined
  child.ref()
  while (signalGroup(child.pid, 'SIGKILL') && (await hasRunningMember(child.pid))) await delay(5)
  await gone
}

function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal)
    return true
  } catch {
    return false // no such group any more
  }
}

/** A killed member whose new parent, init, has not yet reaped it still counts for kill(2), but holds no port and no file. */
async function hasRunningMember(group: number): Promise<boolean> {
  if (process.platform !== 'linux') return true
  for (const pid of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(pid)) continue
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (Number(pgrp) === group && state !== 'Z' && state !== 'X') return true
  }
  return false
}

/** Whether the port answers a protocol header with Connection.Start: the listener is the last thing that a broker opens. */
function speaksAmqp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port })
    const finish = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(5_000, () => finish(false))
    socket.once('error', () => finish(false))
    socket.once('close', () => finish(false))
    socket.once('connect', () => socket.write('AMQP\0\0\u0009\u0001', 'latin1'))
    socket.once('data', (bytes) => finish(bytes[0] === 1))
  })
}
