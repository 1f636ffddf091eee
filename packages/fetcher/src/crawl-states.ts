import { type Waiting, watch } from '@warren/async'
import type { Control, CrawlState } from '@warren/protocol'

/** States in which leased URLs are still fetched. `finishing` is one: a budget is spent, and what is leased was counted in it. */
const FETCHING: ReadonlySet<CrawlState> = new Set(['running', 'finishing'])

/** What the last control message said. Before the first one nothing is known, and no crawl runs. */
export class CrawlStates {
  readonly #fetching = watch<ReadonlySet<number> | undefined>(undefined)

  apply(control: Control): void {
    this.#fetching.sender.send(new Set(control.crawls.filter(({ state }) => FETCHING.has(state)).map(({ id }) => id)))
  }

  /** Whether URLs of this crawl may be requested. */
  runs(crawlId: number): boolean {
    return this.#fetching.receiver.value?.has(crawlId) ?? false
  }

  /** Waits for the first control message. Cancel safety: yes. */
  async known({ signal }: Waiting): Promise<void> {
    await this.#fetching.receiver.waitFor((fetching) => fetching !== undefined, { signal })
  }

  /** Waits until URLs of this crawl may not be requested any more. Cancel safety: yes. */
  async stopped(crawlId: number, { signal }: Waiting): Promise<void> {
    await this.#fetching.receiver.waitFor((fetching) => fetching?.has(crawlId) !== true, { signal })
  }
}
