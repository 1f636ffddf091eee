import type { Frontier, Refusal, WorkerNote } from '@warren/frontier'

/**
 * What only people look at, gathered for one statement of each kind a flush: links that rules refused, a counter and one link per crawl, host
 * and rule; and who runs a visit. A process that dies loses what it holds.
 */
export class Notes {
  readonly #frontier: Pick<Frontier, 'addRefusals' | 'noteWorkers'>
  #refusals = new Map<string, Refusal>()
  #workers: WorkerNote[] = []

  constructor(frontier: Pick<Frontier, 'addRefusals' | 'noteWorkers'>) {
    this.#frontier = frontier
  }

  refused(refusal: Refusal): void {
    const key = `${refusal.crawlId} ${refusal.hostId} ${refusal.rule}`
    this.#refusals.set(key, { ...refusal, count: (this.#refusals.get(key)?.count ?? 0) + refusal.count })
  }

  started({ hostId, visitId, worker }: WorkerNote): void {
    this.#workers.push({ hostId, visitId, worker })
  }

  async flush(): Promise<void> {
    const refusals = [...this.#refusals.values()]
    const workers = this.#workers
    this.#refusals = new Map()
    this.#workers = []
    await this.#frontier.noteWorkers(workers)
    await this.#frontier.addRefusals(refusals)
  }
}
