import type { Waiting } from '@warren/async'
import { CrawlError } from '@warren/protocol'
import { type ChannelModel, connect } from 'amqplib'
import { asBrokerError } from './broker-error.ts'

/** Where a broker is and who we are there. */
export interface Endpoint {
  readonly protocol: 'amqp' | 'amqps'
  readonly hostname: string
  readonly port: number
  readonly username: string
  readonly password: string
  readonly vhost: string
  /** host:port, for messages: nothing secret. */
  readonly where: string
}

const DEFAULT_PORT = { amqp: 5_672, amqps: 5_671 } as const

/** Errors: ERR_CONFIG_INVALID, which never shows the URL: it may hold a password, and so may the platform's own error. */
export function parseEndpoint(url: string): Endpoint {
  const parsed = URL.parse(url)
  const protocol = parsed?.protocol === 'amqp:' ? 'amqp' : parsed?.protocol === 'amqps:' ? 'amqps' : undefined
  if (parsed === null || protocol === undefined || parsed.hostname === '')
    throw invalid('it is not of the form amqp://user:password@host:port/vhost (or amqps)')
  const hostname = parsed.hostname.replace(/^\[|\]$/g, '')
  const port = parsed.port === '' ? DEFAULT_PORT[protocol] : Number(parsed.port)
  const anonymous = parsed.username === '' && parsed.password === ''
  return {
    protocol,
    hostname,
    port,
    username: anonymous ? 'guest' : unescapePart('user name', parsed.username),
    password: anonymous ? 'guest' : unescapePart('password', parsed.password),
    vhost: unescapePart('vhost', parsed.pathname.slice(1)) || '/',
    where: `${parsed.hostname}:${port}`,
  }
}

function unescapePart(what: string, text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid(`its ${what} has a % that is no percent-encoding (write %25)`) // the URIError would show the part
  }
}

const invalid = (why: string) => new CrawlError('ERR_CONFIG_INVALID', `Cannot use the broker's URL (AMQP_URL): ${why}`)

export interface DialOptions extends Waiting {
  /** Shown by the broker's management tools. */
  readonly name: string
  readonly heartbeatMs: number
  /** For the connection and its handshake. */
  readonly connectMs: number
}

/**
 * Opens one AMQP connection. Errors: by the table of broker-error.ts; the message says where and what to do, never the password.
 * Cancel safety: yes; the socket is cut, also later, as long as the signal can abort.
 */
export async function dial(endpoint: Endpoint, { name, heartbeatMs, connectMs, signal }: DialOptions): Promise<ChannelModel> {
  const { protocol, hostname, port, username, password, vhost } = endpoint
  try {
    return await connect(
      { protocol, hostname, port, username, password, vhost: encodeURIComponent(vhost), heartbeat: heartbeatMs / 1_000 },
      { noDelay: true, keepAlive: true, timeout: connectMs, clientProperties: { connection_name: name }, ...(signal && { signal }) },
    )
  } catch (error) {
    signal?.throwIfAborted()
    throw asBrokerError(error, 'connect to RabbitMQ', endpoint)
  }
}
