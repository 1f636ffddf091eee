import { causes, codeOf } from '@warren/async'
import { CrawlError, type ErrorCode } from '@warren/protocol'

/** What a foreign error means: a code of ours, or `bug`: ours to mend, and thrown as it came. */
export type Meaning = ErrorCode | 'bug'

/** Whose call it was, for messages: nothing secret. */
export interface Caller {
  /** host:port */
  readonly where: string
  readonly username: string
  readonly vhost: string
}

/** A meaning, and what to say and do about it where the foreign words alone do not tell. */
interface Reading {
  readonly meaning: Meaning
  readonly say?: (said: string, caller: Caller) => string
}

const says = (meaning: Meaning, text: string): Reading => ({ meaning, say: () => text })
const plain = (meaning: Meaning): Reading => ({ meaning })

const LOGIN: Reading = {
  meaning: 'ERR_BROKER_DENIED',
  say: (_, { username }) => `user "${username}" is refused; correct user and password in AMQP_URL`,
}
const VHOST: Reading = {
  meaning: 'ERR_BROKER_DENIED',
  say: (_, { username, vhost }) =>
    `virtual host "${vhost}" does not exist or user "${username}" may not use it; ` +
    'create it (rabbitmqctl add_vhost, set_permissions) or correct AMQP_URL',
}
const PERMISSION: Reading = { meaning: 'ERR_BROKER_DENIED', say: (said, { username }) => `${said}; give user "${username}" the permission` }
const PLAIN = says('ERR_BROKER_DENIED', 'it does not offer PLAIN authentication; enable it (auth_mechanisms)')
const RESET = says('ERR_BROKER_UNAVAILABLE', 'the connection broke during the handshake; is it RabbitMQ that listens there?')
const SILENT = says('ERR_BROKER_UNAVAILABLE', 'no answer; check network and firewall')
const NO_ROUTE = says('ERR_BROKER_UNAVAILABLE', 'no route; check the network')
const NO_NAME = says('ERR_BROKER_UNAVAILABLE', 'the host name does not exist; correct AMQP_URL')
const NO_DNS = says('ERR_BROKER_UNAVAILABLE', 'the host name cannot be resolved now; check DNS')
const TLS = says(
  'ERR_BROKER_UNAVAILABLE',
  'the TLS handshake failed; check the certificate (NODE_EXTRA_CA_CERTS adds an authority) or use amqp://',
)
const AWAY = plain('ERR_BROKER_UNAVAILABLE')
const BUG = plain('bug')

/** Reply codes. Source: AMQP 0-9-1, 1.1; what RabbitMQ means by them: its rabbit_channel.erl, rabbit_reader.erl, rabbit_amqqueue.erl. */
const BY_REPLY: Readonly<Record<number, Reading>> = {
  200: AWAY, // reply-success: closed in good order
  311: plain('ERR_BROKER_REFUSED'), // content-too-large: for now, says the standard; RabbitMQ has 406 for it
  312: plain('ERR_BROKER_UNROUTABLE'), // no-route
  313: BUG, // no-consumers: answers `immediate`, which we never set
  320: AWAY, // connection-forced: it stops, or an operator closed the connection
  402: VHOST, // invalid-path
  403: PERMISSION, // access-refused
  404: AWAY, // not-found: deleted, or its node is down; declared anew with the next connection
  405: AWAY, // resource-locked: exclusive to a connection whose loss the broker has yet to notice
  501: BUG, // frame-error
  502: BUG, // syntax-error
  503: BUG, // command-invalid
  504: BUG, // channel-error: a command on a channel that is not open
  505: BUG, // unexpected-frame
  506: AWAY, // resource-error
  530: plain('ERR_BROKER_DENIED'), // not-allowed: its limits of channels and consumers; of a virtual host it speaks in the handshake
  540: { meaning: 'ERR_CONFIG_INVALID', say: (said) => `${said}; use RabbitMQ 3.10 or later` }, // not-implemented: those have all we use
  541: AWAY, // internal-error: mostly a time-out between its nodes
}

const ACCESS_REFUSED = 403
const PRECONDITION_FAILED = 406
/** One code for many things: only the broker's words tell them apart. */
const BY_PRECONDITION: readonly (readonly [part: string, Reading])[] = [
  [
    'inequivalent arg',
    {
      meaning: 'ERR_CONFIG_INVALID',
      say: (said) => `${said}; use the settings it was made with (all roles the same VISIT_QUEUE_MS), or empty and delete it`,
    },
  ],
  ['invalid arg', plain('ERR_CONFIG_INVALID')],
  ['message size', { meaning: 'ERR_CONFIG_INVALID', say: (said) => `${said}; raise its max_message_size, or lower maxBodyBytes` }],
  ['unknown delivery tag', BUG], // acked twice, or on another channel
]

/** Codes of Node, of sockets and of the resolver. */
const BY_CODE: Readonly<Record<string, Reading>> = {
  ECONNREFUSED: says('ERR_BROKER_UNAVAILABLE', 'connection refused; start RabbitMQ there or correct AMQP_URL'),
  ENOTFOUND: NO_NAME,
  ECHARSET: NO_NAME, // no name that can be written in DNS
  ETIMEDOUT: SILENT,
  ERR_SOCKET_CONNECTION_TIMEOUT: SILENT, // of one address among several
  EHOSTDOWN: NO_ROUTE,
  EHOSTUNREACH: NO_ROUTE,
  ENETDOWN: NO_ROUTE,
  ENETUNREACH: NO_ROUTE,
  ENONET: NO_ROUTE,
  EACCES: AWAY, // a firewall of this machine
  EPERM: AWAY,
  ECONNRESET: RESET,
  EPIPE: RESET,
  EOF: RESET,
  ECANCELED: AWAY,
  ECONNABORTED: AWAY,
  EIO: AWAY,
  ENOTCONN: AWAY,
  ESHUTDOWN: AWAY,
  ERR_SOCKET_CLOSED: AWAY,
  ERR_SOCKET_CLOSED_BEFORE_CONNECTION: AWAY,
  ERR_STREAM_DESTROYED: AWAY,
  ERR_STREAM_PREMATURE_CLOSE: AWAY,
  ERR_STREAM_WRITE_AFTER_END: AWAY,
  EADDRINUSE: AWAY, // out of ports, of files, of memory: it passes
  EADDRNOTAVAIL: AWAY,
  EMFILE: AWAY,
  ENFILE: AWAY,
  ENOBUFS: AWAY,
  ENOMEM: AWAY,
  EAFNOSUPPORT: AWAY, // no IPv6 here
  EINVAL: AWAY, // an address that this machine has no way to dial
  EPROTONOSUPPORT: AWAY,
  ESOCKTNOSUPPORT: AWAY,
  UNKNOWN: AWAY,
  EPROTO: TLS,
}

/** What is too much to list: the resolver's other errors, OpenSSL's, and certificates as Node names their faults. */
const FAMILIES: readonly (readonly [RegExp, Reading])[] = [
  [/^EAI_/, NO_DNS],
  [/^ERR_(?:OSSL|SSL|TLS)_/, TLS],
  [/^(?:CERT|CRL|DEPTH_ZERO|ERROR_IN_C(?:ERT|RL)|PATH_LENGTH|SELF_SIGNED|UNABLE_TO)_/, TLS],
  [/^(?:HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|OUT_OF_MEM|UNSPECIFIED)$/, TLS],
]

/** What amqplib says without a code, by how it begins; the first that fits. Source: amqplib 2, lib. */
const BY_WORDS: readonly (readonly [start: string, Reading])[] = [
  // The handshake
  ['connect ETIMEDOUT', SILENT],
  ['SASL mechanism ', PLAIN],
  ["Wasn't expecting to have to go through secure", PLAIN],
  ['Expected ConnectionOpenOk', VHOST], // it closes instead, and amqplib does not tell why
  ['Socket closed abruptly during opening handshake', RESET],
  ['Frame on channel != 0 during handshake', RESET],
  ['Server frameMax ', RESET],
  // What is no AMQP 0-9-1
  ['Expected amqp: or amqps: as the protocol', BUG],
  ['Expected buffer', BUG],
  ['Expected ', RESET],
  ['Frame size ', RESET],
  ['Invalid frame', RESET],
  ['Unknown frame type ', RESET],
  ['Unknown class/', RESET],
  ['Unexpected type tag ', RESET],
  ['Unexpected response to BasicGet', AWAY],
  ['Unexpected frame on channel 0', AWAY],
  ['Frame on unknown channel', AWAY], // a channel that was closed while the frame was on its way
  ['Too much content sent', AWAY],
  ['Flow not implemented', AWAY],
  // A connection or a channel that is over
  ['Connection closed', AWAY],
  ['Connection closing', AWAY],
  ['Channel closed', AWAY],
  ['Channel closing', AWAY],
  ['Channel ended, no reply will be forthcoming', AWAY],
  ['channel closed', AWAY],
  ['Unexpected close', AWAY],
  ['Heartbeat timeout', AWAY],
  ['Unknown consumer: ', AWAY], // cancelled while the message was on its way
  ['message nacked', plain('ERR_BROKER_REFUSED')],
  // Calls that we must not make
  ['No channels left to allocate', BUG], // a leak: a connection has a few
  ["Field '", BUG],
  ['Missing value for mandatory field ', BUG],
  ['maxFrameSize must be ', BUG],
  ['content is not a buffer', BUG],
  ['Cannot send content: frameMax ', BUG],
  ['Encoded field table ', BUG],
  ['Decimal value must be ', BUG],
  ['Unknown type to encode: ', BUG],
  ['calculateDelay must return ', BUG],
]

/**
 * `error` as CrawlError, or as it came when it is a bug. `what` is what could not be done: "declare the queues".
 * Everything that AMQP's reply codes, errnos and the driver's words mean to us is known here, and nowhere else.
 */
export function asBrokerError(error: unknown, what: string, caller: Caller): unknown {
  if (error instanceof CrawlError) return error
  const { meaning, say, source } = read(error) ?? {}
  if (source === undefined || meaning === undefined || meaning === 'bug') return error
  const said = saidBy(source)
  return new CrawlError(meaning, `Cannot ${what} at ${caller.where}: ${say?.(said, caller) ?? said}`, { cause: error })
}

/** What a foreign error means; undefined when it is not known here, which makes it a bug too. */
export const brokerMeaning = (error: unknown): Meaning | undefined => read(error)?.meaning

/** The first that is known of all that stands behind an error: of several addresses, Node tells in one error. */
function read(error: unknown): (Reading & { readonly source: Error }) | undefined {
  for (const source of causes(error)) {
    const reading = source instanceof Error ? readingOf(source) : undefined
    if (reading !== undefined) return { ...reading, source: source as Error }
  }
  return undefined
}

function readingOf(error: Error): Reading | undefined {
  const login = /^Handshake terminated by server: (\d+)/.exec(error.message)?.[1]
  if (login !== undefined) return Number(login) === ACCESS_REFUSED ? LOGIN : BY_REPLY[Number(login)]
  if ('code' in error && typeof error.code === 'number') {
    if (error.code !== PRECONDITION_FAILED) return BY_REPLY[error.code]
    return BY_PRECONDITION.find(([part]) => error.message.includes(part))?.[1] ?? AWAY
  }
  const code = codeOf(error)
  if (code === undefined) return BY_WORDS.find(([start]) => error.message.startsWith(start))?.[1]
  return Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : FAMILIES.find(([family]) => family.test(code))?.[1]
}

/** The broker's own words out of amqplib's, or the error's. */
const saidBy = (error: Error): string =>
  /with message "(?:[A-Z_]+ - )?(.*)"$/s.exec(error.message)?.[1] ?? (error.message || codeOf(error) || error.name)
