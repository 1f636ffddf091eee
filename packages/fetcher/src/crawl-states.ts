import { watch } from '@warren/async'
import type { Control, CrawlState } from '@warren/protocol'

/** States in which leased URLs are still fetched. `finishing` is one: a budget is spent, and what is leased was counted in it. */
const FETCHING: ReadonlySet<CrawlState> = new Set(['running', 'finishing'])

/** What the last control message said. Before the first one nothing is known, and no crawl runs. */
export class CrawlStates {
  readonly #fetching = watch<ReadonlySet<number> | undefined>(undefined)
  readonly #listeners = new Set<() => void>()

  apply(control: Control): void {
    this.#fetching.sender.send(new Set(control.crawls.filter(({ state }) => FETCHING.has(state)).map(({ id }) => id)))
    for (const listener of this.#listeners) listener()
  }

  /** Whether URLs of this crawl may be requested. */
  runs(crawlId: number): boolean {
    return this.#fetching.receiver.value?.has(crawlId) ?? false
  }

  /** Waits for the first control message. */
  async known({ signal }: { signal: AbortSignal }): Promise<void> {
    await this.#fetching.receiver.waitFor((fetching) => fetching !== undefined, { signal })
  }

  /** Calls `listener` after each control message, until disposed. */
  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }
}
