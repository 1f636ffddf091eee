import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { CancelScope, onAbort } from '@warren/async'
import { addressGroup as groupOf } from '@warren/web'
import type { buildConnector } from 'undici'
import { failureOf, type Phase } from './failure.ts'
import { ConnectError, ElsewhereError, failed, givenUp, plain, type RouteOptions, routeUnder } from './route.ts'

/** `limit` aborts after `limitMs`, or when nobody wants the connection any more. */
interface Limit {
  readonly limitMs: number
  readonly limit: AbortSignal
}

/**
 * The connector of one host under one policy: resolves once, dials exactly the addresses of its route, one after the other until one
 * answers, and looks at the socket's remote address before anything is sent. One time limit for all of it. Where none does, `onGroup` hears which other
 * group of the name may be tried next.
 * An address in the URL goes the same way: it needs no lookup, but the guard. TLS is verified against the host of the URL.
 */
export function guardedConnector(options: RouteOptions): buildConnector.connector {
  const { policy, onGroup, signal } = options
  const { guard, route } = routeUnder(options)
  let session: Buffer | undefined

  async function dial(hostname: string, port: number, secure: boolean): Promise<Socket> {
    using scope = new CancelScope({ signal, deadlineMs: policy.connectMs })
    const name = plain(hostname)
    const { addresses, otherGroup } = await route(hostname, scope.signal)
    let failure: ConnectError | undefined
    for (const [index, address] of addresses.entries()) {
      if (scope.signal.aborted) break
      const limitMs = Math.ceil(scope.leftMs / (addresses.length - index)) // so that a silent address leaves time for the next
      using share = scope.child({ deadlineMs: limitMs })
      try {
        const socket = await connectTo(address, port, secure ? name : undefined, { limitMs, limit: share.signal })
        onGroup(groupOf(address))
        return socket
      } catch (error) {
        failure = asConnectError(error)
        if (signal.aborted || !tryNext(failure)) break
      }
    }
    failure ??= tooLate(policy.connectMs)
    if (otherGroup !== undefined && tryNext(failure)) onGroup(otherGroup)
    throw failure
  }

  const tooLate = (ms: number): ConnectError => (signal.aborted ? givenUp() : timedOut(ms))

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
      (error: unknown) => callback(error instanceof ElsewhereError ? error : asConnectError(error), null),
    )
  }
}

const IGNORE = (): void => {}

/** Another address helps against silence and refusal, not against a wrong certificate. */
const tryNext = ({ result }: ConnectError): boolean => result.kind === 'unreachable' && result.code.startsWith('connect-')

const timedOut = (ms: number): ConnectError => failed({ code: 'connect-timeout', detail: `no connection within ${ms} ms`, known: true })
const asConnectError = (error: unknown): ConnectError =>
  error instanceof ConnectError ? error : failed(failureOf(error, 'connect'), error)
