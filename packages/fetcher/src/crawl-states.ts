import { type Waiting, watch } from '@warren/async'
import type { Control, CrawlState, Visit } from '@warren/protocol'

/** States in which leased URLs are still fetched. `finishing` is one: a budget is spent, and what is leased was counted in it. */
const FETCHING: ReadonlySet<CrawlState> = new Set(['running', 'finishing'])

interface Said {
  readonly fetching: ReadonlySet<number>
  readonly recalled: ReadonlySet<string>
}

/**
 * What the last control message said. Before the first one nothing is known, and no crawl runs.
 * A recalled visit is in every message until its lease ends; nothing of it is kept here beyond the message.
 */
export class CrawlStates {
  readonly #said = watch<Said | undefined>(undefined)

  apply({ crawls, recalled }: Control): void {
    const fetching = new Set(crawls.filter(({ state }) => FETCHING.has(state)).map(({ id }) => id))
    this.#said.sender.send({ fetching, recalled: new Set(recalled) })
  }

  /** Whether this visit may make requests: its crawl runs, and nobody recalled it. */
  allows(visit: Pick<Visit, 'crawlId' | 'visitId'>): boolean {
    return isAllowed(visit, this.#said.receiver.value)
  }

  /** Waits for the first control message. Cancel safety: yes. */
  async known({ signal }: Waiting): Promise<void> {
    await this.#said.receiver.waitFor((said) => said !== undefined, { signal })
  }

  /** Waits until this visit may not make requests any more; sees it also in a message that the next one takes back. Cancel safety: yes. */
  async stopped(visit: Pick<Visit, 'crawlId' | 'visitId'>, { signal }: Waiting): Promise<void> {
    await this.#said.receiver.waitFor((said) => !isAllowed(visit, said), { signal })
  }
}

const isAllowed = ({ crawlId, visitId }: Pick<Visit, 'crawlId' | 'visitId'>, said: Said | undefined): boolean =>
  said?.fetching.has(crawlId) === true && !said.recalled.has(visitId)
