import { Socket } from 'node:net'
import type { ChannelModel } from 'amqplib'

/** The socket under a connection; amqplib keeps it as `stream` and has no other way to it. */
export function socketOf(model: ChannelModel): Socket | undefined {
  const stream: unknown = Reflect.get(model.connection, 'stream')
  return stream instanceof Socket ? stream : undefined
}

/** What a pulse needs of a socket. */
interface Readable {
  readonly bytesRead: number
  on(event: 'readable', listener: () => void): unknown
}

/**
 * When the broker was last heard on a connection, on the monotonic clock.
 * A process that stood still (stopped, swapped, a blocked event loop) finds old bytes in its socket when it wakes up, perhaps
 * followed by the news that the broker gave it up. So frames count only a quarter heartbeat after a standstill: by then both are read.
 */
export class Pulse implements Disposable {
  readonly #heartbeatMs: number
  readonly #timer: ReturnType<typeof setInterval>
  #heardAt = Number.NEGATIVE_INFINITY
  #tickedAt = performance.now()
  #trustedFrom = 0

  constructor(heartbeatMs: number) {
    this.#heartbeatMs = heartbeatMs
    this.#timer = setInterval(() => this.#tick(), heartbeatMs / 4)
    this.#timer.unref()
  }

  /** Follows the bytes of a connection that has just finished its handshake. */
  watch(socket: Readable | undefined): void {
    this.#hear()
    if (socket === undefined) return
    let read = socket.bytesRead
    socket.on('readable', () => {
      if (socket.bytesRead > read) this.#hear() // the end of the stream is "readable" too
      read = socket.bytesRead
    })
  }

  /** Milliseconds since the last frame that counts. */
  silentMs(): number {
    const now = performance.now()
    return Math.max(now - this.#heardAt, this.#stoodStill(now) ? now - this.#tickedAt : 0)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #hear(): void {
    const now = performance.now()
    if (this.#stoodStill(now)) this.#distrust(now)
    if (now >= this.#trustedFrom) this.#heardAt = now
  }

  #tick(): void {
    const now = performance.now()
    if (this.#stoodStill(now)) this.#distrust(now)
    this.#tickedAt = now
  }

  #stoodStill(now: number): boolean {
    return now - this.#tickedAt > this.#heartbeatMs / 2
  }

  #distrust(now: number): void {
    this.#trustedFrom = now + this.#heartbeatMs / 4
    this.#tickedAt = now // told once, by whichever runs first
  }
}
