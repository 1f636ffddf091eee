import type { Crawl, Frontier } from '@warren/frontier'
import { type CanonicalUrl, compileFilter, scopeRoot } from '@warren/web'
import { seedCandidate } from './seeds.ts'

/** Seeds per statement. */
const BATCH = 1_000

export interface SeedReport {
  readonly admitted: number
  readonly known: number
  /** Seeds that --exclude refuses. */
  readonly excluded: readonly CanonicalUrl[]
}

/** Admits seeds and widens the crawl's scope by them. They pass the scope by definition, but not `exclude`. One round trip per thousand. */
export async function admitSeeds(frontier: Frontier, crawl: Crawl, seeds: readonly CanonicalUrl[]): Promise<SeedReport> {
  const isAllowed = compileFilter({ include: [], exclude: crawl.config.exclude })
  const allowed = seeds.filter((seed) => isAllowed(seed).allowed)
  const report = { admitted: 0, known: 0, excluded: seeds.filter((seed) => !isAllowed(seed).allowed) }
  for (let at = 0; at < allowed.length; at += BATCH) {
    const batch = allowed.slice(at, at + BATCH)
    await frontier.addRoots(crawl.id, [...new Set(batch.map((seed) => scopeRoot(crawl.config.scope, seed)))])
    const { admitted, known } = await frontier.seed(crawl.id, batch.map(seedCandidate))
    report.admitted += admitted
    report.known += known
  }
  return report
}
