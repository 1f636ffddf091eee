import { startRabbitContainer } from './rabbit-container.ts'
import { startRabbitNode } from './rabbit-node.ts'
import { provision } from './tools.ts'

/** A RabbitMQ for tests. Disposing it ends its processes and removes its data. */
export interface RabbitMq extends AsyncDisposable {
  /** AMQP, with user and password, vhost `/`. */
  readonly url: string
  /** The management plugin's HTTP address, with user and password. */
  readonly managementUrl: string
  /**
   * SIGKILL. What was declared in the last two seconds, queues above all, may be gone afterwards, with its confirmed messages
   * (seen on 3.10.8): `ctl(['eval', 'mnesia:sync_log().'])` before makes it stay.
   */
  kill(): Promise<void>
  /** Starts it again after kill, or stops it by force first: same addresses, same data. */
  restart(): Promise<void>
  /** Runs rabbitmqctl with these arguments; resolves with what it printed. Cost: 1 to 2 s. */
  ctl(args: readonly string[]): Promise<string>
}

export interface RabbitOptions {
  /** A running broker: then nothing is started, and kill, restart and ctl reject. */
  readonly url?: string
  /** Of that broker. Default: http on its port + 10 000, same user and password. */
  readonly managementUrl?: string
  readonly log?: (line: string) => void
}

/**
 * Starts a private RabbitMQ on free ports in a temporary folder, from whatever `provision('rabbitmq')` finds.
 * Cost: 4 s; one core for 2 s; 140 MB. When this process dies the broker does too.
 */
export async function startRabbitMq(options: RabbitOptions = {}): Promise<RabbitMq> {
  if (options.url !== undefined) return foreign(options.url, options.managementUrl)
  const found = await provision('rabbitmq', { shared: false, ...(options.log && { log: options.log }) })
  switch (found.source) {
    case 'docker':
      return startRabbitContainer()
    case 'local':
    case 'apt':
      return startRabbitNode(found.root)
    default:
      throw new TypeError(`Cannot start a RabbitMQ from ${found.source}`)
  }
}

function foreign(url: string, managementUrl: string | undefined): RabbitMq {
  const refuse = (): Promise<never> => Promise.reject(new Error('Cannot control a RabbitMQ that was given by its URL'))
  return {
    url,
    managementUrl: managementUrl ?? guessManagementUrl(url),
    kill: refuse,
    restart: refuse,
    ctl: refuse,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

function guessManagementUrl(url: string): string {
  const amqp = new URL(url)
  const user = `${amqp.username || 'guest'}:${amqp.password || 'guest'}`
  return `http://${user}@${amqp.hostname}:${Number(amqp.port || 5672) + 10_000}`
}

/** Calls the management API; a status that is not 2xx rejects with what it said. */
export async function management(base: string, method: string, path: string, body?: object): Promise<void> {
  const { username, password, origin } = new URL(base)
  const response = await fetch(`${origin}/api/${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`Cannot ${method} ${path} at RabbitMQ's management: ${response.status} ${await response.text()}`)
  await response.body?.cancel()
}
