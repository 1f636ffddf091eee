import { EventEmitter } from 'node:events'
import { ManualClock, onAbort } from '@warren/async'
import type { ChannelModel } from 'amqplib'
import { type BrokerEvent, newStats } from '../src/broker.ts'
import { Link, type LinkStep } from '../src/link.ts'

/** What amqplib calls a connection, without a socket. */
class FakeModel extends EventEmitter {
  readonly connection = {}
  isClosed = false

  async close(): Promise<void> {
    this.lose()
  }

  lose(error?: Error): void {
    if (this.isClosed) throw new Error('Connection closed')
    this.isClosed = true
    this.emit('close', error)
  }
}

/** One try to connect, as its other end sees it. */
interface Dial {
  accept(): FakeModel
  refuse(error: unknown): void
}

/** A link whose connections the test makes and breaks, on a clock that the test drives. */
export class LinkScene {
  readonly clock = new ManualClock()
  readonly stats = newStats()
  readonly steps: LinkStep[] = []
  readonly events: BrokerEvent[] = []
  /** Under way. */
  readonly dials: Dial[] = []
  /** All that were accepted. */
  readonly models: FakeModel[] = []
  /** What the last one still has to wait for before it counts; at first nothing. */
  setUp: PromiseWithResolvers<void> | undefined
  mostDials = 0
  readonly link = new Link({
    name: 'test',
    caller: { where: 'rabbit:5672', username: 'crawler', vhost: '/' },
    dial: (signal) => this.#dial(signal),
    stats: this.stats,
    onUp: async () => this.setUp?.promise,
    onStep: (step) => this.steps.push(step),
    onEvent: (event) => this.events.push(event),
    clock: this.clock,
  })

  get story(): string {
    return this.steps.map(({ event }) => event).join(' ')
  }

  #dial(signal: AbortSignal): Promise<ChannelModel> {
    const { promise, resolve, reject } = Promise.withResolvers<ChannelModel>()
    const end = () => {
      this.dials.splice(this.dials.indexOf(dial), 1)
      cut[Symbol.dispose]()
    }
    const dial: Dial = {
      accept: () => {
        end()
        const model = new FakeModel()
        this.models.push(model)
        onAbort(signal, () => model.isClosed || model.lose())
        resolve(model as unknown as ChannelModel)
        return model
      },
      refuse: (error) => {
        end()
        reject(error)
      },
    }
    const cut = onAbort(signal, (reason) => dial.refuse(reason))
    this.mostDials = Math.max(this.mostDials, this.dials.push(dial))
    return promise
  }
}
