import { watch } from '@warren/async'

/** AMQP's qos is a 16 bit number, in which 0 means no limit. */
const MAX_PREFETCH = 65_535

/** Errors: RangeError. */
export function checkPrefetch(prefetch: number): void {
  if (!Number.isInteger(prefetch) || prefetch < 1 || prefetch > MAX_PREFETCH)
    throw new RangeError(`Cannot use prefetch: ${prefetch} is not an integer from 1 to ${MAX_PREFETCH}`)
}

/** Counts what is under way, for a dispose that waits for it. */
export class InFlight {
  readonly #count = watch(0)

  get count(): number {
    return this.#count.sender.value
  }

  enter(): void {
    this.#count.sender.send(this.count + 1)
  }

  leave(): void {
    this.#count.sender.send(this.count - 1)
  }

  async idle(): Promise<void> {
    await this.#count.receiver.waitFor((count) => count === 0)
  }
}
