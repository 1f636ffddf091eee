import { type BroadcastReceiver, broadcast } from '@warren/async'
import type { Control } from '@warren/protocol'
import { crash } from './background.ts'

/** As the queue of a process in RabbitMQ: who listens too slowly loses the oldest. Each control tells everything anew. */
const KEPT = 4

/** Those of this process who listen to controls. */
export class Controls {
  readonly #sender = broadcast<Control>(KEPT)
  #listeners = 0

  get listeners(): number {
    return this.#listeners
  }

  /** No listener runs within this call. */
  tell(control: Control): void {
    this.#sender.send(control)
  }

  /** Calls `listener` with every control told from now on, until disposed; what it throws ends the process. */
  listen(listener: (control: Control) => void): AsyncDisposable {
    const receiver = this.#sender.subscribe()
    const listening = this.#follow(receiver, listener).catch(crash)
    return {
      [Symbol.asyncDispose]: () => {
        receiver[Symbol.dispose]()
        return listening
      },
    }
  }

  /** Nobody is told of more. */
  close(): void {
    this.#sender.close()
  }

  async #follow(receiver: BroadcastReceiver<Control>, listener: (control: Control) => void): Promise<void> {
    this.#listeners++
    for await (const received of receiver) if (received.state === 'ok') listener(received.value)
    this.#listeners--
  }
}
