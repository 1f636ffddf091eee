import type { WatchReceiver } from '@warren/async'
import { type Control, CrawlError, type Message, type Outcome, type Page, type Visit } from '@warren/protocol'

/** The work queues, in the order of the data flow. */
export const QUEUES = ['visits', 'pages', 'outcomes'] as const
export type QueueName = (typeof QUEUES)[number]
export type QueueMessage<Q extends QueueName> = { visits: Visit; pages: Page; outcomes: Outcome }[Q]

const QUEUE_OF = { visit: 'visits', page: 'pages', outcome: 'outcomes' } as const satisfies Record<string, QueueName>

/** The queue of a work message; a control goes to every process instead. */
export const queueOf = (message: Exclude<Message, Control>): QueueName => QUEUE_OF[message.type]

const belongsTo = <Q extends QueueName>(queue: Q, message: Message): message is QueueMessage<Q> =>
  message.type !== 'control' && queueOf(message) === queue

/**
 * What a handler says of its message. `requeue` gives it back at once, to be delivered again, marked redelivered, perhaps to another
 * process; a message given back for ever is dead-lettered by the delivery limit. `deadLetter` carries the reason.
 */
export type Verdict = 'ack' | 'requeue' | { readonly deadLetter: string }

export interface Delivery<M extends Message = Message> {
  readonly message: M
  /** It may have been handed to a handler before, here or elsewhere. */
  readonly redelivered: boolean
  /** performance.now() when it arrived. */
  readonly receivedAt: number
}

export type Handler<M extends Message> = (delivery: Delivery<M>) => Promise<Verdict>

/** A handler as the transports call it, whatever its queue. */
export type Handle = (message: Message, redelivered: boolean, receivedAt: number) => Promise<Verdict>

/** Errors of the result: ERR_MESSAGE_INVALID for a message that does not belong to `queue`. */
export const handleOf =
  <Q extends QueueName>(queue: Q, handler: Handler<QueueMessage<Q>>): Handle =>
  async (message, redelivered, receivedAt) => {
    if (belongsTo(queue, message)) return handler({ message, redelivered, receivedAt })
    throw new CrawlError('ERR_MESSAGE_INVALID', `Cannot take ${message.type} message: queue ${queue} is not for it`)
  }

/** A subscription that outlives connections. Disposing it cancels, then waits for the handlers in flight, whose verdicts still count. */
export interface Consumer extends AsyncDisposable {
  /** At most `prefetch` handlers at once from now on; those in flight under the former number are not counted against the new one. */
  setPrefetch(prefetch: number): Promise<void>
  /**
   * Aborts, with the error as reason, when this consumer takes no more although nobody disposed it: a handler threw a `shutdown` error,
   * or the broker refuses us for good. The owner ends the process.
   */
  readonly failed: AbortSignal
}

export interface ConsumeOptions {
  /** Messages that are delivered and not yet judged, at most. Integer from 1 to 65 535. */
  readonly prefetch: number
  /** A handler that throws this signal's reason gives its message back; that is cancellation, not failure. */
  readonly signal?: AbortSignal
}

/** AMQP's qos is a 16 bit number, in which 0 means no limit. */
const MAX_PREFETCH = 65_535

/** Errors: RangeError. */
export function checkPrefetch(prefetch: number): void {
  if (!Number.isInteger(prefetch) || prefetch < 1 || prefetch > MAX_PREFETCH)
    throw new RangeError(`Cannot use prefetch: ${prefetch} is not an integer from 1 to ${MAX_PREFETCH}`)
}

export const BROKER_STATES = ['disconnected', 'connecting', 'connected', 'blocked', 'failed', 'closed'] as const
export type BrokerState = (typeof BROKER_STATES)[number]

export interface DeadLetter {
  readonly reason: string
  /** The work queue it came from. */
  readonly queue: QueueName
  /** The message as on the wire, perhaps not decodable. */
  readonly bytes: Uint8Array
  /** When it was dead-lettered, ISO 8601; for people. */
  readonly at: string
}

/** Counts since the start. Every delivery ends in acked, requeued or deadLettered, or is lost with its connection. */
export interface BrokerStats {
  /** Handed to the broker; ends as confirmed, refused, returned or unanswered (connection lost, deadline, or cancelled). */
  published: number
  confirmed: number
  /** Not taken: the queue is full. */
  refused: number
  /** No queue takes it. */
  returned: number
  unanswered: number
  delivered: number
  redelivered: number
  acked: number
  requeued: number
  /** Second and later tries of a handler after a `retry` error. */
  retried: number
  deadLettered: number
  reconnects: number
  /** Times that the broker blocked publishing (memory or disk alarm). */
  blocked: number
}

export const newStats = (): BrokerStats => ({
  published: 0,
  confirmed: 0,
  refused: 0,
  returned: 0,
  unanswered: 0,
  delivered: 0,
  redelivered: 0,
  acked: 0,
  requeued: 0,
  retried: 0,
  deadLettered: 0,
  reconnects: 0,
  blocked: 0,
})

/** What happened, for the log. */
export type BrokerEvent =
  | { readonly type: 'connected' | 'unblocked'; readonly link: string }
  | { readonly type: 'blocked'; readonly link: string; readonly reason: string }
  | { readonly type: 'lost' | 'failed'; readonly link: string; readonly error: Error }
  | { readonly type: 'resubscribed'; readonly queue: QueueName; readonly reason: string }
  | { readonly type: 'retry'; readonly queue: QueueName; readonly attempt: number; readonly error: CrawlError }
  | { readonly type: 'dead-letter'; readonly queue: QueueName; readonly reason: string; readonly error?: unknown }
  | { readonly type: 'control-ignored'; readonly error: Error }

/**
 * Messages between the roles. Delivery is at least once; order is FIFO per queue as long as nothing is given back.
 * Disposing waits for the handlers in flight, then for the publishes in flight.
 */
export interface Broker extends AsyncDisposable {
  /**
   * Resolves when the broker has the message and a queue took it; a control needs no listener.
   * Waits while the connection is away or blocked, at most until the publish deadline.
   * Errors: ERR_BROKER_REFUSED (queue full), ERR_BROKER_UNROUTABLE, ERR_BROKER_UNAVAILABLE (connection lost, deadline, closed);
   * ERR_MESSAGE_INVALID when it is larger than any broker takes.
   * Cancel safety: no; a cancelled or unanswered publish may still arrive, so the receiver must bear it twice.
   */
  publish(message: Message, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>
  /**
   * Hands the messages of `queue` to `handler`, at most `prefetch` at once. Survives reconnects.
   * A thrown CrawlError goes by its disposition: `retry` runs the handler again after a pause (the message keeps its place among the
   * prefetched ones, others go on) until the budget is spent, then dead-letters; `dead-letter` does that at once; `shutdown` gives the
   * message back and ends the consumer (see `failed`). Cancellation gives back. Anything else is a bug and dead-letters.
   */
  consume<Q extends QueueName>(queue: Q, options: ConsumeOptions, handler: Handler<QueueMessage<Q>>): Promise<Consumer>
  /** Calls `listener` with every control that is published from now on, of a burst with the latest; what it throws ends the process. */
  onControl(listener: (control: Control) => void): Promise<AsyncDisposable>
  /** Milliseconds since the last frame from the broker on the consuming connection; 0 in-process. */
  silentMs(): number
  /** An idle broker sends a frame at least this often. */
  readonly heartbeatMs: number
  readonly state: WatchReceiver<BrokerState>
  readonly stats: Readonly<BrokerStats>
  /** Messages ready for delivery. Errors: ERR_BROKER_UNAVAILABLE. */
  depths(): Promise<Record<QueueName | 'dead', number>>
  /** Messages ready for delivery, and the consumers of all processes. Errors: ERR_BROKER_UNAVAILABLE. */
  queue(name: QueueName): Promise<{ readonly waiting: number; readonly consumers: number }>
  /** The oldest `limit` dead letters, which stay where they are. Errors: ERR_BROKER_UNAVAILABLE. */
  deadLetters(limit: number): Promise<readonly DeadLetter[]>
}
