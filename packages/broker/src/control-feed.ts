import { type Control, decode } from '@warren/protocol'
import type { ChannelModel } from 'amqplib'
import type { BrokerEvent } from './broker.ts'
import { Controls } from './controls.ts'
import type { Topology } from './topology.ts'

/** This process's own queue of controls, made anew on every connection; what was said meanwhile is said again within a second. */
export class ControlFeed {
  readonly #topology: Topology['control']
  readonly #onEvent: (event: BrokerEvent) => void
  readonly #controls = new Controls()
  #attached: ChannelModel | undefined

  constructor(topology: Topology, onEvent: (event: BrokerEvent) => void) {
    this.#topology = topology.control
    this.#onEvent = onEvent
  }

  async listen(listener: (control: Control) => void, model: ChannelModel | undefined): Promise<AsyncDisposable> {
    const listening = this.#controls.listen(listener)
    if (model !== undefined) await this.attach(model)
    return listening
  }

  /** Does nothing while nobody listens. */
  async attach(model: ChannelModel): Promise<void> {
    if (this.#controls.listeners === 0 || this.#attached === model) return
    this.#attached = model
    const { exchange, queue } = this.#topology
    try {
      const channel = await model.createChannel()
      channel.on('error', () => {}) // `close` follows
      channel.once('close', () => {
        if (this.#attached === model) this.#attached = undefined
      })
      const made = await channel.assertQueue(queue.name, { ...queue, arguments: { ...queue.arguments } })
      await channel.bindQueue(made.queue, exchange.name, '')
      await channel.consume(made.queue, (raw) => raw !== null && this.#tell(raw.content), { noAck: true })
    } catch (error) {
      this.#attached = undefined
      throw error
    }
  }

  #tell(content: Buffer): void {
    let message: ReturnType<typeof decode>
    try {
      message = decode(content)
      if (message.type !== 'control') throw new TypeError(`Cannot take ${message.type} message: it is no control`)
    } catch (error) {
      // Every process gets a copy every second: dead letters would only drown the others.
      this.#onEvent({ type: 'control-ignored', error: error instanceof Error ? error : new Error(String(error)) })
      return
    }
    // Listeners run later: a throw inside amqplib's callback would close the channel instead of ending the process.
    this.#controls.tell(message)
  }
}
