import { channel, tryJoin, type Waiting, yieldIfDue } from '@warren/async'
import type { Candidate, Crawl, Frontier } from '@warren/frontier'
import { applyCanonicalRules, type CanonicalUrl, compileFilter, compilePriorities, fingerprint, hostKeyOf, scopeRoot } from '@warren/web'
import type { Seeds } from './seeds.ts'

/** Seeds per statement: writing it down takes 5 us for each, in one go. */
const BATCH = 500
/** Batches that wait for the one that is being admitted. */
const AHEAD = 2
/** Refused seeds that are kept for being told. */
const EXCLUDED_KEPT = 10
/** Scope roots that are known to be there, and not added again. */
const ROOTS_KEPT = 100_000

export interface SeedReport {
  readonly admitted: number
  /** Those that were there before, or came twice. */
  readonly known: number
  /** Seeds that --exclude refuses, and the first of them. */
  readonly excludedCount: number
  readonly excluded: readonly CanonicalUrl[]
}

export interface AdmitOptions extends Waiting {
  /** Told after each commit. */
  readonly onBatch?: (report: SeedReport) => void
  /** That of these seeds; undefined: what the crawl's expressions say. */
  readonly priority?: number | undefined
}

/** What a batch of seeds is to the frontier. */
interface Batch {
  readonly candidates: readonly Candidate[]
  /** Those that no batch before had. */
  readonly roots: readonly string[]
  readonly excluded: readonly CanonicalUrl[]
}

/**
 * Admits seeds and widens the crawl's scope by them. They pass the scope by definition, but not `exclude`.
 * Reading goes on while a batch is admitted, two batches ahead at most. Cancel safety: yes, between two batches; those before are in.
 * Errors: `signal.reason`; those of the seeds and of the frontier. Cost: a commit per 500, and one more for new scope roots.
 */
export async function admitSeeds(
  frontier: Frontier,
  crawl: Crawl,
  seeds: Seeds,
  { signal, onBatch, priority }: AdmitOptions = {},
): Promise<SeedReport> {
  const report = { admitted: 0, known: 0, excludedCount: 0, excluded: [] as CanonicalUrl[] }
  const { sender, receiver } = channel<Batch>(AHEAD)
  const read = async (signal: AbortSignal) => {
    const prepare = preparer(crawl, priority)
    for await (const batch of seeds.batches(BATCH, { signal })) await sender.send(await prepare(batch, signal), { signal })
    sender.close()
  }
  const admit = async (signal: AbortSignal) => {
    for (;;) {
      const batch = await receiver.recv({ signal })
      if (batch === undefined) return
      const { candidates, roots, excluded } = batch
      if (candidates.length > 0) {
        if (roots.length > 0) await frontier.addRoots(crawl.id, roots)
        const { admitted, known } = await frontier.seed(crawl.id, candidates)
        report.admitted += admitted
        report.known += known
      }
      report.excludedCount += excluded.length
      report.excluded.push(...excluded.slice(0, EXCLUDED_KEPT - report.excluded.length))
      onBatch?.(report)
    }
  }
  await tryJoin([read, admit], { signal })
  return report
}

function preparer(
  { config }: Crawl,
  priority: number | undefined,
): (seeds: readonly CanonicalUrl[], signal: AbortSignal) => Promise<Batch> {
  const isAllowed = compileFilter({ include: [], exclude: config.exclude })
  const byExpression = compilePriorities(config.priorities)
  const canonicalRules = new Set(config.canonical)
  const known = new Set<string>()
  return async (seeds, signal) => {
    const candidates: Candidate[] = []
    const roots: string[] = []
    const excluded: CanonicalUrl[] = []
    for (const seed of seeds) {
      const due = yieldIfDue({ signal })
      if (due !== undefined) await due
      const url = applyCanonicalRules(seed, canonicalRules)
      if (!isAllowed(url).allowed) {
        excluded.push(url)
        continue
      }
      const place = { depth: 0, chain: 0, priority: priority ?? byExpression(url), parentId: null }
      candidates.push({ url, hostKey: hostKeyOf(url), fingerprint: fingerprint(url), ...place })
      const root = scopeRoot(config.scope, url)
      if (known.has(root)) continue
      if (known.size >= ROOTS_KEPT) known.clear()
      known.add(root)
      roots.push(root)
    }
    return { candidates, roots, excluded }
  }
}
