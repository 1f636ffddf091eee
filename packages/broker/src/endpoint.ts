import { CrawlError, type ErrorCode } from '@warren/protocol'
import type { ChannelModel } from 'amqplib'
import { connect } from 'amqplib'

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

export interface DialOptions {
  /** Shown by the broker's management tools. */
  readonly name: string
  readonly heartbeatMs: number
  /** For the connection and its handshake. */
  readonly connectMs: number
}

/** Opens one AMQP connection. Errors: ERR_BROKER_UNAVAILABLE, ERR_BROKER_DENIED; the message says where and what to do, never the password. */
export async function dial(endpoint: Endpoint, { name, heartbeatMs, connectMs }: DialOptions): Promise<ChannelModel> {
  const { protocol, hostname, port, username, password, vhost } = endpoint
  try {
    return await connect(
      { protocol, hostname, port, username, password, vhost: encodeURIComponent(vhost), heartbeat: heartbeatMs / 1_000 },
      { noDelay: true, keepAlive: true, timeout: connectMs, clientProperties: { connection_name: name } },
    )
  } catch (error) {
    throw dialError(error, endpoint)
  }
}

const RESET = 'the connection broke during the handshake; is it RabbitMQ that listens there?'
const TLS = 'the TLS handshake failed; check the certificate (NODE_EXTRA_CA_CERTS adds an authority) or use amqp://'
const BY_ERRNO: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused; start RabbitMQ there or correct AMQP_URL',
  ENOTFOUND: 'the host name does not exist; correct AMQP_URL',
  EAI_AGAIN: 'the host name cannot be resolved now; check DNS',
  ETIMEDOUT: 'no answer; check network and firewall',
  EHOSTUNREACH: 'no route; check the network',
  ENETUNREACH: 'no route; check the network',
  ECONNRESET: RESET,
  EPIPE: RESET,
}

/** amqplib gives its handshake errors no code, so here and only here their words are read. */
function dialError(error: unknown, endpoint: Endpoint): CrawlError {
  const { where, username, vhost } = endpoint
  const text = error instanceof Error ? error.message : String(error)
  const fault = (code: ErrorCode, why: string) => new CrawlError(code, `Cannot connect to RabbitMQ at ${where}: ${why}`, { cause: error })
  if (/ACCESS[-_]REFUSED/.test(text))
    return fault('ERR_BROKER_DENIED', `user "${username}" is refused; correct user and password in AMQP_URL`)
  if (/ConnectionOpenOk/.test(text)) {
    const why = `virtual host "${vhost}" does not exist or user "${username}" may not use it; create it (rabbitmqctl add_vhost, set_permissions)`
    return fault('ERR_BROKER_DENIED', `${why} or correct AMQP_URL`)
  }
  if (/SASL mechanism/.test(text)) return fault('ERR_BROKER_DENIED', 'it does not offer PLAIN authentication; enable it (auth_mechanisms)')
  const errno = errnoOf(error)
  if (errno !== undefined && BY_ERRNO[errno] !== undefined) return fault('ERR_BROKER_UNAVAILABLE', BY_ERRNO[errno])
  if (/connect ETIMEDOUT/.test(text)) return fault('ERR_BROKER_UNAVAILABLE', 'no answer; check network and firewall')
  if (errno !== undefined && /^(ERR_TLS|ERR_SSL|CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(errno))
    return fault('ERR_BROKER_UNAVAILABLE', TLS)
  if (/Socket closed abruptly|Frame|frame|Unexpected/.test(text)) return fault('ERR_BROKER_UNAVAILABLE', RESET)
  return fault('ERR_BROKER_UNAVAILABLE', text)
}

/** The errno of a socket error; of the first try when Node tried several addresses. */
function errnoOf(error: unknown): string | undefined {
  if (error instanceof AggregateError) return errnoOf(error.errors[0])
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** AMQP reply codes that arrive after the handshake, on a channel. */
const ACCESS_REFUSED = 403
const PRECONDITION_FAILED = 406

/** The error of a failed declaration, subscription or look. */
export function channelError(error: unknown, what: string, { where, username }: Endpoint): CrawlError {
  if (error instanceof CrawlError) return error
  const text = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const reply = /"(?:[A-Z_]+ - )?(.*)"/s.exec(text)?.[1] ?? text
  if (code === PRECONDITION_FAILED && /inequivalent arg/.test(text))
    return new CrawlError(
      'ERR_CONFIG_INVALID',
      `Cannot ${what} at ${where}: ${reply}; use the settings it was made with (all roles the same VISIT_QUEUE_MS), or empty and delete it`,
      { cause: error },
    )
  if (code === ACCESS_REFUSED)
    return new CrawlError('ERR_BROKER_DENIED', `Cannot ${what} at ${where}: ${reply}; give user "${username}" the permission`, {
      cause: error,
    })
  return new CrawlError('ERR_BROKER_UNAVAILABLE', `Cannot ${what} at ${where}: ${reply}`, { cause: error })
}
