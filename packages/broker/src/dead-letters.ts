import type { ChannelModel, GetMessage, MessagePropertyHeaders } from 'amqplib'
import { type DeadLetter, QUEUES, type QueueName } from './broker.ts'
import type { Parcel } from './publisher.ts'
import type { Topology } from './topology.ts'

const REASON = 'warren-reason'
const QUEUE = 'warren-queue'
const AT = 'warren-at'
/** A header must fit a frame (128 KiB) with the others. */
const MAX_REASON_LENGTH = 1_000

/** A dead letter as it is published: the message untouched, the reason in the headers (a nack could carry none). */
export const deadParcel = (topology: Topology, queue: QueueName, content: Buffer, reason: string): Parcel => ({
  exchange: '',
  routingKey: topology.queues.dead.name,
  content,
  what: 'dead letter',
  mandatory: true,
  persistent: true,
  headers: { [REASON]: reason.slice(0, MAX_REASON_LENGTH), [QUEUE]: queue, [AT]: new Date().toISOString() },
})

/** Looks at the oldest `limit` dead letters and puts them back, in their order, on a channel of its own. Each look counts as a delivery of each. */
export async function peekDeadLetters(model: ChannelModel, topology: Topology, limit: number): Promise<DeadLetter[]> {
  const channel = await model.createChannel()
  channel.on('error', () => {}) // the calls below reject
  const found: DeadLetter[] = []
  while (found.length < limit) {
    const raw = await channel.get(topology.queues.dead.name)
    if (raw === false) break
    found.push(toDeadLetter(raw, topology))
  }
  await channel.close() // gives back what is not acked
  return found
}

function toDeadLetter({ content, properties }: GetMessage, topology: Topology): DeadLetter {
  const headers: MessagePropertyHeaders = properties.headers ?? {}
  const death = headers['x-death']?.[0] // the broker's own: over the delivery limit
  const queue = QUEUES.find((name) => headers[QUEUE] === name || death?.queue === topology.queues[name].name)
  const at = headers[AT] ?? (death === undefined ? undefined : new Date(death.time.value * 1_000).toISOString())
  const reason = headers[REASON] ?? headers['x-first-death-reason'] ?? 'unknown'
  return { reason: String(reason), queue: queue ?? 'visits', bytes: content, at: String(at ?? '') }
}
