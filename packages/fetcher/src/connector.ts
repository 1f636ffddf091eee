import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { CancelScope, onAbort } from '@warren/async'
import type { FetchPolicy, FetchResult } from '@warren/protocol'
import { compileAddressGuard } from '@warren/web'
import type { buildConnector } from 'undici'
import { type Failure, failureOf, type Phase } from './failure.ts'
import type { NameCache } from './name-cache.ts'

type Unanswered = Exclude<FetchResult, { kind: 'answer' }>
type Guard = ReturnType<typeof compileAddressGuard>

/** No connection, with the outcome that says why. Never has a code of undici's, which would make undici try again. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError'
  readonly result: Unanswered
  /** False: the failure table lacks what was met. */
  readonly known: boolean

  constructor(result: Unanswered, known = true, options?: ErrorOptions) {
    super(result.kind === 'denied' ? `Cannot dial ${result.address}: ${result.by}` : result.detail, options)
    this.result = result
    this.known = known
  }
}

export interface ConnectorOptions {
  readonly policy: Pick<FetchPolicy, 'allowAddresses' | 'contact' | 'resolve' | 'connectMs'>
  readonly names: NameCache
  /** Whether a whole host waits for the next connection. */
  readonly isUrgent: () => boolean
  /** Aborts when nobody wants a connection any more. */
  readonly signal: AbortSignal
}

/** `limit` aborts after `limitMs`, or when nobody wants the connection any more. */
interface Limit {
  readonly limitMs: number
  readonly limit: AbortSignal
}

/** Addresses of one name that are tried, at most. */
const MAX_ADDRESSES = 4

/**
 * The connector of one host under one policy: resolves once, asks the guard about every address, dials exactly what passed, one address
 * after the other until one answers, and looks at the socket's remote address before anything is sent. One time limit for all of it.
 * An address in the URL goes the same way: it needs no lookup, but the guard. TLS is verified against the host of the URL.
 */
export function guardedConnector({ policy, names, isUrgent, signal }: ConnectorOptions): buildConnector.connector {
  const guard = compileAddressGuard({ allow: policy.allowAddresses, contact: policy.contact !== null })
  const fixed = fixedAddresses(policy.resolve)
  let session: Buffer | undefined

  async function dial(hostname: string, port: number, secure: boolean): Promise<Socket> {
    using scope = new CancelScope({ signal, deadlineMs: policy.connectMs })
    const name = hostname.replace(/\.+$/, '').toLowerCase()
    const addresses = allowed(await addressesOf(name, scope.signal), guard)
    let failure: ConnectError | undefined
    for (const [index, address] of addresses.entries()) {
      if (scope.signal.aborted) break
      const limitMs = Math.ceil(scope.leftMs / (addresses.length - index)) // so that a silent address leaves time for the next
      using share = scope.child({ deadlineMs: limitMs })
      try {
        return await connectTo(address, port, secure ? name : undefined, { limitMs, limit: share.signal })
      } catch (error) {
        failure = asConnectError(error)
        if (signal.aborted || !tryNext(failure)) break
      }
    }
    throw failure ?? tooLate(policy.connectMs)
  }

  const tooLate = (ms: number): ConnectError => (signal.aborted ? givenUp() : timedOut(ms))

  async function addressesOf(name: string, limit: AbortSignal): Promise<readonly string[]> {
    const address = fixed.get(name)
    if (address !== undefined) {
      if (isIP(address) === 0) throw unresolved(`resolve gives ${name} the address ${address}, which is none`)
      return [address]
    }
    if (isIP(name) !== 0) return [name]
    try {
      return await names.addressesOf(name, { signal: limit, urgent: isUrgent() })
    } catch (error) {
      if (signal.aborted) throw givenUp()
      throw limit.aborted ? unresolved(`no answer within ${policy.connectMs} ms`) : failed(failureOf(error, 'resolve'), error)
    }
  }

  function connectTo(address: string, port: number, servername: string | undefined, { limitMs, limit }: Limit): Promise<Socket> {
    return new Promise((resolve, reject) => {
      let phase: Phase = 'connect'
      const socket = servername === undefined ? connectTcp({ host: address, port, noDelay: true }) : secureSocket(address, port, servername)
      const fail = (error: Error): void => {
        settle()
        socket.destroy()
        reject(error)
      }
      const onError = (error: Error): void => fail(failed(failureOf(error, phase), error))
      const onClose = (): void => onError(Object.assign(new Error('closed before it stood'), { code: 'ECONNRESET' }))
      const onTcp = (): void => {
        const remote = socket.remoteAddress
        const verdict = remote === undefined ? undefined : guard(remote)
        if (remote === undefined || verdict === undefined) onClose()
        else if (verdict !== 'allowed') fail(new ConnectError({ kind: 'denied', by: verdict, address: remote }))
        else if (servername === undefined) done()
        else phase = 'handshake'
      }
      const done = (): void => {
        settle()
        resolve(socket)
      }
      function settle(): void {
        late[Symbol.dispose]()
        socket.off('error', onError).off('close', onClose).off('connect', onTcp).off('secureConnect', done)
        socket.on('error', IGNORE) // undici adds its own listener in the same turn; after a failure nobody else is there
      }
      socket.on('error', onError).on('close', onClose).on('connect', onTcp)
      if (servername !== undefined) socket.on('secureConnect', done)
      const late = onAbort(limit, () => fail(tooLate(limitMs)))
    })
  }

  function secureSocket(address: string, port: number, servername: string): TLSSocket {
    const socket = connectTls({
      host: address,
      port,
      ALPNProtocols: ['http/1.1'],
      // Without a name (SNI has none for addresses) Node verifies the certificate against `host`, the address.
      servername: isIP(servername) === 0 ? servername : '',
      ...(session === undefined ? {} : { session }),
    })
    socket.setNoDelay(true)
    return socket.on('session', (ticket: Buffer) => {
      session = ticket
    })
  }

  return ({ hostname, port, protocol }, callback) => {
    const secure = protocol === 'https:'
    dial(hostname, port === '' ? (secure ? 443 : 80) : Number(port), secure).then(
      (socket) => callback(null, socket),
      (error: unknown) => callback(asConnectError(error), null),
    )
  }
}

const IGNORE = (): void => {}

/** `{ 'staging.example': '127.0.0.1' }` however the operator spelled the names. */
const fixedAddresses = (resolve: Readonly<Record<string, string>>): ReadonlyMap<string, string> =>
  new Map(Object.entries(resolve).map(([name, address]) => [name.replace(/\.+$/, '').toLowerCase(), address.replace(/^\[(.*)\]$/, '$1')]))

/** The addresses that may be dialled. Errors: ConnectError 'denied' with the first of them, when none may. */
function allowed(addresses: readonly string[], guard: Guard): readonly string[] {
  const passed = addresses.filter((address) => guard(address) === 'allowed')
  if (passed.length > 0) return passed.slice(0, MAX_ADDRESSES)
  const address = addresses[0] ?? ''
  const by = guard(address)
  throw new ConnectError({ kind: 'denied', by: by === 'allowed' ? 'private-address' : by, address })
}

/** Another address helps against silence and refusal, not against a wrong certificate. */
const tryNext = ({ result }: ConnectError): boolean => result.kind === 'unreachable' && result.code.startsWith('connect-')

const failed = ({ code, detail, known }: Failure, cause?: unknown): ConnectError =>
  new ConnectError({ kind: 'unreachable', code, detail }, known, { cause })
const givenUp = (): ConnectError => failed({ code: 'connect-failed', detail: 'given up', known: true })
const timedOut = (ms: number): ConnectError => failed({ code: 'connect-timeout', detail: `no connection within ${ms} ms`, known: true })
const unresolved = (detail: string): ConnectError => failed({ code: 'dns-failed', detail, known: true })
const asConnectError = (error: unknown): ConnectError =>
  error instanceof ConnectError ? error : failed(failureOf(error, 'connect'), error)
