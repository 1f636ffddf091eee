import { systemClock } from '@warren/async'
import type { FetchPolicy } from '@warren/protocol'
import { type buildConnector, Client } from 'undici'
import { guardedConnector } from './connector.ts'
import type { NameCache } from './name-cache.ts'
import type { RouteOptions } from './route.ts'

export interface ConnectionOptions {
  readonly names: NameCache
  readonly keepAliveMs: number
  readonly idleHosts: number
  readonly headerLimitBytes: number
}

/** One connection at most, made when it is needed and made again when it is gone. One exchange at a time. */
export interface Connection {
  readonly client: Client
  /** Times that a connection was made. Unchanged by an exchange: the exchange ran on one that had served before. */
  connects: number
}

/** The connections of one visit. */
export interface HostConnections {
  /** The group of the address that its connections lead to, or would; null: its name was not looked up, or not with success. */
  readonly addressGroup: string | null
  acquire(): Connection
  release(connection: Connection): void
}

export interface OpenOptions {
  /** The only group that may be dialled; null: any may. */
  readonly addressGroup: string | null
  /** A whole host waits for this visit. */
  readonly isUrgent: boolean
}

/**
 * Connections by host, policy and address group. A visit opens its host and closes it again; for KEEP_ALIVE_MS after that the next visit of
 * the same host under the same policy and in the same group gets the same connections, then nothing of the host is left. Two policies or
 * groups never share a connection, because what one allows to dial the other may forbid.
 */
export class Connections {
  readonly #options: ConnectionOptions
  readonly #idle = new Map<string, { readonly host: Host; readonly until: number }>()
  readonly #open = new Set<Host>()
  /** Takes back the next sweep; undefined: none is due. */
  #cancelSweep: (() => void) | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /** Hosts with connections, visited or not. */
  get hosts(): number {
    return this.#open.size + this.#idle.size
  }

  /** `origin` is scheme://host[:port]. Pair with `close`. */
  open(origin: string, policy: FetchPolicy, { addressGroup, isUrgent }: OpenOptions): HostConnections {
    const { allowAddresses, resolve, contact, connectMs } = policy
    const key = `${origin} ${JSON.stringify([addressGroup, allowAddresses, resolve, contact === null, connectMs])}`
    const host = this.#idle.get(key)?.host ?? new Host(key, origin, { policy, addressGroup }, this.#options)
    host.isUrgent = isUrgent
    this.#idle.delete(key)
    this.#open.add(host)
    return host
  }

  close(connections: HostConnections): void {
    if (!(connections instanceof Host) || !this.#open.delete(connections)) return
    const before = this.#idle.get(connections.key)
    before?.host.destroy()
    this.#idle.delete(connections.key)
    this.#idle.set(connections.key, { host: connections, until: performance.now() + this.#options.keepAliveMs })
    if (this.#idle.size > this.#options.idleHosts) this.#drop(this.#idle.keys().next().value)
    this.#sweepLater()
  }

  /** Cuts every connection; exchanges in flight end with an error. */
  destroy(): void {
    for (const host of this.#open) host.destroy()
    for (const { host } of this.#idle.values()) host.destroy()
    this.#open.clear()
    this.#idle.clear()
    this.#cancelSweep?.()
    this.#cancelSweep = undefined
  }

  /** One timer for all, while there are any: when the oldest has been idle long enough. */
  #sweepLater(): void {
    const oldest = this.#idle.values().next().value
    if (oldest === undefined || this.#cancelSweep !== undefined) return
    this.#cancelSweep = systemClock.schedule(Math.max(0, oldest.until - performance.now()), () => {
      this.#cancelSweep = undefined
      const now = performance.now()
      for (const [key, { until }] of this.#idle) if (until <= now) this.#drop(key)
      this.#sweepLater()
    })
  }

  #drop(key: string | undefined): void {
    if (key === undefined) return
    this.#idle.get(key)?.host.destroy()
    this.#idle.delete(key)
  }
}

class Host implements HostConnections {
  readonly key: string
  isUrgent = false
  addressGroup: string | null = null
  readonly #origin: string
  readonly #connector: buildConnector.connector
  readonly #options: ConnectionOptions
  readonly #free: Connection[] = []
  readonly #all = new Set<Connection>()
  readonly #destroyed = new AbortController()

  constructor(key: string, origin: string, may: Pick<RouteOptions, 'policy' | 'addressGroup'>, options: ConnectionOptions) {
    this.key = key
    this.#origin = origin
    this.#options = options
    this.#connector = guardedConnector({
      ...may,
      names: options.names,
      onGroup: (addressGroup) => {
        this.addressGroup = addressGroup
      },
      isUrgent: () => this.isUrgent,
      signal: this.#destroyed.signal,
    })
  }

  /** The one used last, which is the least likely to have been closed by its server. */
  acquire(): Connection {
    return this.#free.pop() ?? this.#connect()
  }

  release(connection: Connection): void {
    this.#free.push(connection)
  }

  destroy(): void {
    this.#destroyed.abort()
    for (const { client } of this.#all) void client.destroy()
    this.#all.clear()
  }

  #connect(): Connection {
    const { keepAliveMs, headerLimitBytes } = this.#options
    const client = new Client(this.#origin, {
      connect: (options, callback) =>
        this.#connector(options, (...made) => {
          if (made[0] === null) connection.connects++
          callback(...made)
        }),
      allowH2: false,
      pipelining: 1,
      maxHeaderSize: headerLimitBytes,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: Math.max(keepAliveMs, 30_000),
      // Off: the watchdog keeps the limits. undici's timers tick twice a second, and its body time-out is between two chunks.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    const connection: Connection = { client, connects: 0 }
    this.#all.add(connection)
    return connection
  }
}
